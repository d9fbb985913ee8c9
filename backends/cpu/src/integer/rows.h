// Computes integer operations on rows: softmax, norms, and sums and means along an axis.
#pragma once

#include "integer/functions.h"

namespace qdsl {
namespace {

constexpr int16_t kMasked = -32768;  // has share 0 of a softmax

// Shares at scale 1/127 of numerators up to 2^20 of distances from the largest.
template <class Numerator>
QDSL_INLINE void shares(const int16_t* __restrict x, int64_t n, int32_t* __restrict numerators,
                        int16_t* __restrict y, Numerator numerator) {
  int16_t top = kMasked;
  for (int64_t i = 0; i < n; ++i) top = x[i] > top ? x[i] : top;
  for (int64_t i = 0; i < n; ++i) {
    const int32_t share = numerator(top - x[i]);
    numerators[i] = x[i] == kMasked ? 0 : share;
  }
  int64_t total = 0;
  for (int64_t i = 0; i < n; ++i) total += numerators[i];
  const Divisor by = divisor(total > 1 ? total : 1);
  for (int64_t i = 0; i < n; ++i)
    y[i] = static_cast<int16_t>(divided(numerators[i] * kOne, by));
}

inline void softmax(const int16_t* x, int64_t rows, int64_t n, const Constants& c,
                    int32_t* scratch, int16_t* y) {
  const Lines lines(c.table, 0);
  for (int64_t row = 0; row < rows; ++row)
    shares(x + row * n, n, scratch, y + row * n, [&](int32_t d) { return lines.at(d); });
}

inline void softmax_polynomial(const int16_t* x, int64_t rows, int64_t n, const Constants& c,
                               int32_t* scratch, int16_t* y) {
  const Factor by = factor(c.argument);
  for (int64_t row = 0; row < rows; ++row)
    shares(x + row * n, n, scratch, y + row * n, [&](int32_t d) {
      return static_cast<int32_t>(decay(fixed_point(d, by)));
    });
}

// z gain + offset with z = (n q - sum) 2^16 / sqrt(n sum of squares - sum^2 + epsilon).
inline void layer_norm(const int16_t* __restrict x, int64_t rows, int64_t n, const Constants& c,
                       int32_t*, int16_t* __restrict y) {
  for (int64_t row = 0; row < rows; ++row, x += n, y += n) {
    int64_t total = 0, squares = 0;
    for (int64_t i = 0; i < n; ++i) {
      total += x[i];
      squares += x[i] * x[i];
    }
    const int64_t root = square_root(n * squares - total * total + c.number);
    const Divisor by = divisor(root > 1 ? root : 1);
    for (int64_t i = 0; i < n; ++i) {
      const int64_t z = divided((n * x[i] - total) << 16, by);
      y[i] = wide(shifted(z * c.by.mantissa[i], int64_t{c.by.shift[i]}) + c.offset[i]);
    }
  }
}

inline void scale_and_shift(const int16_t* __restrict x, int64_t rows, int64_t n,
                            const Constants& c, int32_t*, int16_t* __restrict y) {
  for (int64_t row = 0; row < rows; ++row, x += n, y += n)
    for (int64_t i = 0; i < n; ++i)
      y[i] = wide(shifted(x[i] * int64_t{c.by.mantissa[i]}, int64_t{c.by.shift[i]}) + c.offset[i]);
}

// ---- along an axis ------------------------------------------------------------------------------

// Sums of `size` rows of `width` numbers that are `step` apart.
QDSL_INLINE void sum_rows(const int16_t* __restrict x, int64_t size, int64_t step, int64_t width,
                          int64_t* __restrict sums) {
  for (int64_t i = 0; i < width; ++i) sums[i] = 0;
  for (int64_t k = 0; k < size; ++k, x += step)
    for (int64_t i = 0; i < width; ++i) sums[i] += x[i];
}

template <class Finish>
QDSL_INLINE void reduced(const int16_t* __restrict x, const Windows& w, int16_t* __restrict y,
                         Finish finish) {
  constexpr int64_t kWidth = 128;
  int64_t sums[kWidth];
  if (w.inner == 1) {
    int64_t sum = 0;
    for (int64_t k = 0; k < w.size; ++k) sum += x[k];
    y[0] = wide(finish(sum));
    return;
  }
  for (int64_t from = 0; from < w.inner; from += kWidth) {
    const int64_t width = w.inner - from < kWidth ? w.inner - from : kWidth;
    sum_rows(x + from, w.size, w.inner, width, sums);
    for (int64_t i = 0; i < width; ++i) y[from + i] = wide(finish(sums[i]));
  }
}

inline void reduce(const int16_t* x, int64_t outer, const Windows& w, const Constants& c,
                   int16_t* y) {
  const Divisor mean = divisor(w.size > 1 ? w.size : 1);
  const Factor sum = c.by.mantissa ? factor(c.by) : Factor{};
  for (int64_t o = 0; o < outer; ++o, x += w.n * w.inner) {
    for (int64_t k = 0; k < w.count; ++k, y += w.inner) {
      const int16_t* first = x + k * w.stride * w.inner;
      if (c.by.mantissa)
        reduced(first, w, y, [&](int64_t s) { return scaled(s, sum); });
      else
        reduced(first, w, y, [&](int64_t s) { return divided(s, mean); });
    }
  }
}

}  // namespace
}  // namespace qdsl
