// Holds convolutions of one channel per output, compiled once per instruction set: integers are
// exact in any order, and no operation on floats is contracted or reordered.
#pragma once

#include <cstdint>

#include "convolution/kernel.h"
#include "kernel.h"
#include "kernels/round_values.h"

namespace qdsl {
namespace {  // one copy per translation unit: the linker must not share it among instruction sets

// A panel of lanes; vectors of the compiler's, since arrays of sums would not stay in registers.
using Floats = float __attribute__((vector_size(64)));
using Ints = int32_t __attribute__((vector_size(64)));

template <class Vector>
QDSL_INLINE void read(Vector& to, const void* from) {
  __builtin_memcpy(&to, from, sizeof(Vector));
}

// Integers of 16 elements of a row.
struct ByScale {
  float multiplier;

  QDSL_INLINE void operator()(Ints& to, const float* x) const {
    Floats values;
    read(values, x);
    values = values * multiplier + kShift;
    __builtin_memcpy(&to, &values, sizeof(to));
    to -= std::bit_cast<int32_t>(kShift);
  }
};

struct AsTheyAre {
  QDSL_INLINE void operator()(Ints& to, const int32_t* x) const { read(to, x); }
};

// Where the row may have NaN, whose bits are no code.
struct AllZero {
  QDSL_INLINE void operator()(Ints& to, const float*) const { to = Ints{}; }
};

// The sums of one group, positions first..last - 1; of codes themselves where zeros are floats.
// Loops over panels are unrolled early, so that sums stay in registers.
template <int Panels, bool Shifted, class Element, class Code>
QDSL_INLINE void add_group(const BlockCodes& w, const Element* const* rows, int64_t at,
                           int64_t lane, int64_t first, int64_t last, Code code,
                           Ints (&products)[Panels], Ints (&sums)[Panels]) {
  const int32_t* u = w.codes + lane + first * kBlock;
  for (int64_t k = first; k < last; ++k, u += kBlock) {
    const Element* x = rows[k] + at + lane;
#pragma GCC unroll 4
    for (int p = 0; p < Panels; ++p) {
      Ints found, weights;
      code(found, x + p * kLanes);
      read(weights, u + p * kLanes);
      products[p] += found * weights;
      if constexpr (Shifted) sums[p] += found;
    }
  }
}

// `lane`: the first of some panels within the block.
template <int Panels, bool Shifted, class Element, class Code>
void convolve(const BlockCodes& w, const Element* const* rows, int64_t at, int64_t lane, float step,
              float* y, Code code) {
  Floats totals[Panels];
#pragma GCC unroll 4
  for (int p = 0; p < Panels; ++p) totals[p] = Floats{};
  for (int64_t g = 0; g < w.groups; ++g) {
    Ints products[Panels], sums[Panels];
#pragma GCC unroll 4
    for (int p = 0; p < Panels; ++p) products[p] = sums[p] = Ints{};
    add_group<Panels, Shifted>(w, rows, at, lane, g ? w.ends[g - 1] : 0, w.ends[g], code,
                               products, sums);
#pragma GCC unroll 4
    for (int p = 0; p < Panels; ++p) {
      Floats scales;
      read(scales, w.scales + g * kBlock + lane + p * kLanes);
      Floats term = __builtin_convertvector(products[p], Floats) * scales;
      if constexpr (Shifted) {
        Floats shifts;
        read(shifts, w.shifts + g * kBlock + lane + p * kLanes);
        term -= __builtin_convertvector(sums[p], Floats) * shifts;
      }
      totals[p] += term;
    }
  }
#pragma GCC unroll 4
  for (int p = 0; p < Panels; ++p) {
    totals[p] *= step;
    if (w.bias) {
      Floats bias;
      read(bias, w.bias + lane + p * kLanes);
      totals[p] += bias;
    }
    __builtin_memcpy(y + lane + p * kLanes, &totals[p], sizeof(Floats));
  }
}

template <bool Shifted, class Element, class Code>
void convolve_panels(const BlockCodes& w, const Element* const* rows, int64_t at, float step,
                     float* y, Code code) {
  if (w.lanes == kBlock) return convolve<kPanels, Shifted>(w, rows, at, 0, step, y, code);
  for (int64_t lane = 0; lane < w.lanes; lane += kLanes)
    convolve<1, Shifted>(w, rows, at, lane, step, y, code);
}

template <class Element, class Code>
void convolve_block(const BlockCodes& w, const Element* const* rows, int64_t at, float step,
                    float* y, Code code) {
  if (w.shifts) convolve_panels<true>(w, rows, at, step, y, code);
  else convolve_panels<false>(w, rows, at, step, y, code);
}

inline void convolve_token(const BlockCodes& w, const float* const* rows, int64_t at,
                           float multiplier, float step, float* y) {
  if (multiplier > 0) convolve_block(w, rows, at, step, y, ByScale{multiplier});
  else convolve_block(w, rows, at, step, y, AllZero{});
}

inline void convolve_codes(const BlockCodes& w, const int32_t* const* rows, int64_t at, float step,
                           float* y) {
  convolve_block(w, rows, at, step, y, AsTheyAre{});
}

QDSL_INLINE void add_product(Floats& sum, const float* x, const float* u) {
  Floats values, weights;
  read(values, x);
  read(weights, u);
  sum += values * weights;
}

// Four sums that take turns: fewer roundings each than one.
inline void convolve_floats(int64_t lanes, int64_t positions, const float* weights,
                            const float* bias, const float* const* rows, int64_t at, float* y) {
  for (int64_t lane = 0; lane < lanes; lane += kLanes) {
    const float* u = weights + lane;
    const int64_t from = at + lane;
    Floats a{}, b{}, c{}, d{};
    int64_t k = 0;
    for (; k + 4 <= positions; k += 4, u += 4 * kBlock) {
      add_product(a, rows[k] + from, u);
      add_product(b, rows[k + 1] + from, u + kBlock);
      add_product(c, rows[k + 2] + from, u + 2 * kBlock);
      add_product(d, rows[k + 3] + from, u + 3 * kBlock);
    }
    for (; k < positions; ++k, u += kBlock) add_product(a, rows[k] + from, u);
    Floats total = (a + b) + (c + d);
    if (bias) {
      Floats own;
      read(own, bias + lane);
      total += own;
    }
    __builtin_memcpy(y + lane, &total, sizeof(total));
  }
}

inline void encode_integers(const float* __restrict x, int64_t count, float multiplier,
                             int32_t* __restrict codes) {
  for (int64_t i = 0; i < count; ++i)
    codes[i] = multiplier > 0 ? nearest(x[i] * multiplier) : 0;
}

inline bool encode_fixed_integers(const float* __restrict x, int64_t count, const FixedRange& range,
                            int32_t* __restrict codes) {
  const FixedRange own = range;
  const auto zero = static_cast<int32_t>(own.zero);
  int32_t nan = 0;
  for (int64_t i = 0; i < count; ++i) {
    const float p = position(x[i], own);
    nan |= p == p ? 0 : 1;
    codes[i] = (nearest(p) - zero) & (p == p ? -1 : 0);
  }
  return nan != 0;
}

constexpr ConvolutionKernels kConvolution{convolve_token, convolve_codes, convolve_floats,
                                          encode_integers, encode_fixed_integers};

}  // namespace
}  // namespace qdsl
