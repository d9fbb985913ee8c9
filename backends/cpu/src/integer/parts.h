// Holds the parts of products that are not products: int8 codes of activations, and what is made of
// exact sums.
#pragma once

#include "integer/rounding.h"

namespace qdsl {
namespace {

inline void narrow_codes(const int16_t* __restrict x, int64_t count, int8_t* __restrict codes) {
  for (int64_t i = 0; i < count; ++i) codes[i] = static_cast<int8_t>(narrow(x[i]));
}

inline int32_t sum_codes(const int8_t* codes, int64_t count) {
  int32_t sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += codes[i];
  return sum;
}

QDSL_INLINE void add_products(const int32_t* __restrict sums, const int32_t* __restrict mantissa,
                         int64_t count, int64_t* __restrict totals) {
  for (int64_t i = 0; i < count; ++i) totals[i] += int64_t{sums[i]} * mantissa[i];
}

QDSL_INLINE void round_off(const int64_t* __restrict totals, const int32_t* __restrict shift,
                      int64_t count, int16_t* __restrict y) {
  for (int64_t i = 0; i < count; ++i) y[i] = wide(shifted(totals[i], int64_t{shift[i]}));
}

inline void finish(const Finishing& f, int64_t* scratch) {
  const int32_t* sums = f.sums;
  for (int64_t row = 0; row < f.rows; ++row) {
    int64_t* totals = f.totals ? f.totals + row * f.stride : scratch;
    const int64_t* added = f.added ? f.added + row * f.stride : nullptr;
    for (int64_t i = 0; i < f.count; ++i) totals[i] = f.offset ? f.offset[i] : 0;
    if (added)
      for (int64_t i = 0; i < f.count; ++i) totals[i] += added[i];
    for (int64_t g = 0; g < f.groups; ++g, sums += f.count)
      add_products(sums, f.mantissa + g * f.stride, f.count, totals);
    if (f.y) round_off(totals, f.shift, f.count, f.y + row * f.stride);
  }
}

inline void multiply_add(const int16_t* __restrict x, const int16_t* __restrict w, int64_t count,
                         int32_t* __restrict sums) {
  for (int64_t i = 0; i < count; ++i) sums[i] += x[i] * w[i];
}

inline void scale_sums(const int32_t* __restrict sums, int32_t term, int64_t count,
                       const Multiplier& by, int16_t* __restrict y) {
  const Factor f = factor(by);
  for (int64_t i = 0; i < count; ++i) y[i] = wide(scaled(sums[i] + term, f));
}

}  // namespace
}  // namespace qdsl
