// Holds convolutions of one channel per output, compiled once per instruction set: integers are
// exact in any order, and no operation on floats is contracted or reordered.
#pragma once

#include <cstdint>

#include "convolution/kernel.h"
#include "kernel.h"
#include "kernels/round_values.h"

namespace qdsl {
namespace {  // one copy per translation unit: the linker must not share it among instruction sets

// Vectors of the compiler's, since arrays of sums would not stay in registers; as wide as a register,
// since of wider ones it makes slow code.
#if defined(__AVX512F__)
constexpr int kWide = 16;  // lanes
#elif defined(__AVX2__)
constexpr int kWide = 8;
#else
constexpr int kWide = 4;
#endif
constexpr int kVectors = 4;  // whose sums stay in registers
using Floats = float __attribute__((vector_size(4 * kWide)));
using Ints = int32_t __attribute__((vector_size(4 * kWide)));

template <class Vector>
QDSL_INLINE void read(Vector& to, const void* from) {
  __builtin_memcpy(&to, from, sizeof(Vector));
}

// Integers of a vector of elements of a row.
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
// Loops over vectors are unrolled early, so that sums stay in registers.
template <int Vectors, bool Shifted, class Element, class Code>
QDSL_INLINE void add_group(const BlockCodes& w, const Element* const* rows, int64_t at,
                           int64_t lane, int64_t first, int64_t last, Code code,
                           Ints (&products)[Vectors], Ints (&sums)[Vectors]) {
  const int32_t* u = w.codes + lane + first * kBlock;
  for (int64_t k = first; k < last; ++k, u += kBlock) {
    const Element* x = rows[k] + at + lane;
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) {
      Ints found, weights;
      code(found, x + v * kWide);
      read(weights, u + v * kWide);
      products[v] += found * weights;
      if constexpr (Shifted) sums[v] += found;
    }
  }
}

// `lane`: the first of some vectors within the block.
template <int Vectors, bool Shifted, class Element, class Code>
void convolve(const BlockCodes& w, const Element* const* rows, int64_t at, int64_t lane, float step,
              float* y, Code code) {
  Floats totals[Vectors];
#pragma GCC unroll 4
  for (int v = 0; v < Vectors; ++v) totals[v] = Floats{};
  for (int64_t g = 0; g < w.groups; ++g) {
    Ints products[Vectors], sums[Vectors];
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) products[v] = sums[v] = Ints{};
    add_group<Vectors, Shifted>(w, rows, at, lane, g ? w.ends[g - 1] : 0, w.ends[g], code,
                               products, sums);
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) {
      Floats scales;
      read(scales, w.scales + g * kBlock + lane + v * kWide);
      Floats term = __builtin_convertvector(products[v], Floats) * scales;
      if constexpr (Shifted) {
        Floats shifts;
        read(shifts, w.shifts + g * kBlock + lane + v * kWide);
        term -= __builtin_convertvector(sums[v], Floats) * shifts;
      }
      totals[v] += term;
    }
  }
#pragma GCC unroll 4
  for (int v = 0; v < Vectors; ++v) {
    totals[v] *= step;
    if (w.bias) {
      Floats bias;
      read(bias, w.bias + lane + v * kWide);
      totals[v] += bias;
    }
    __builtin_memcpy(y + lane + v * kWide, &totals[v], sizeof(Floats));
  }
}

template <bool Shifted, class Element, class Code>
void convolve_lanes(const BlockCodes& w, const Element* const* rows, int64_t at, float step,
                     float* y, Code code) {
  int64_t lane = 0;
  for (; lane + kVectors * kWide <= w.lanes; lane += kVectors * kWide)
    convolve<kVectors, Shifted>(w, rows, at, lane, step, y, code);
  for (; lane < w.lanes; lane += kWide) convolve<1, Shifted>(w, rows, at, lane, step, y, code);
}

template <class Element, class Code>
void convolve_block(const BlockCodes& w, const Element* const* rows, int64_t at, float step,
                    float* y, Code code) {
  if (w.shifts) convolve_lanes<true>(w, rows, at, step, y, code);
  else convolve_lanes<false>(w, rows, at, step, y, code);
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

constexpr int kTile = kWide == 8 ? 2 : 4;  // positions: 16 registers hold the sums of two

// Adds a tap of each position. Loops over positions are unrolled early.
template <int Positions>
QDSL_INLINE void add_tap(const float* const* rows, int64_t taps, int64_t from, const float* u,
                         Floats (&sums)[Positions]) {
  Floats weights;
  read(weights, u);
#pragma GCC unroll 4
  for (int p = 0; p < Positions; ++p) {
    Floats values;
    read(values, rows[p * taps] + from);
    sums[p] += values * weights;
  }
}

// One vector of lanes of some positions; a weight is read once for all of them. Four sums each that
// take turns: fewer roundings than in one.
template <int Positions>
QDSL_INLINE void convolve_tile(const FloatRows& x, int64_t lane, const float* const* rows,
                               float* y) {
  const int64_t from = x.at + lane;
  const float* u = x.weights + lane;
  Floats a[Positions] = {}, b[Positions] = {}, c[Positions] = {}, d[Positions] = {};
  int64_t k = 0;
  for (; k + 4 <= x.taps; k += 4, u += 4 * kBlock) {
    add_tap(rows + k, x.taps, from, u, a);
    add_tap(rows + k + 1, x.taps, from, u + kBlock, b);
    add_tap(rows + k + 2, x.taps, from, u + 2 * kBlock, c);
    add_tap(rows + k + 3, x.taps, from, u + 3 * kBlock, d);
  }
  for (; k < x.taps; ++k, u += kBlock) add_tap(rows + k, x.taps, from, u, a);
#pragma GCC unroll 4
  for (int p = 0; p < Positions; ++p) {
    Floats total = (a[p] + b[p]) + (c[p] + d[p]);
    if (x.bias) {
      Floats own;
      read(own, x.bias + lane);
      total += own;
    }
    __builtin_memcpy(y + p * x.stride + lane, &total, sizeof(total));
  }
}

inline void convolve_floats(const FloatRows& x, int64_t lanes, int64_t positions, float* y) {
  for (int64_t lane = 0; lane < lanes; lane += kWide) {
    int64_t p = 0;
    for (; p + kTile <= positions; p += kTile)
      convolve_tile<kTile>(x, lane, x.rows + p * x.taps, y + p * x.stride);
    for (; p < positions; ++p) convolve_tile<1>(x, lane, x.rows + p * x.taps, y + p * x.stride);
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
