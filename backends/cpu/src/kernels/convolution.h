// Holds convolutions of one channel per output, compiled once per instruction set: integers are
// exact in any order, and no operation on floats is contracted or reordered.
#pragma once

#include <cstdint>

#include "convolution/kernel.h"
#include "kernel.h"
#include "kernels/round_values.h"

namespace qdsl {
namespace {  // one copy per translation unit: the linker must not share it among instruction sets

// `code` makes an integer of an element of `rows`.
template <class Element, class Code>
void convolve(const BlockCodes& w, const Element* const* rows, int64_t at, float step, float* y,
              Code code) {
  for (int64_t lane = 0; lane < w.lanes; lane += kLanes) {
    float totals[kLanes] = {};
    int64_t k = 0;
    for (int64_t g = 0; g < w.groups; ++g) {
      int32_t products[kLanes] = {}, sums[kLanes] = {};
      for (; k < w.ends[g]; ++k) {
        const Element* x = rows[k] + at + lane;
        const int16_t* u = w.codes + k * kBlock + lane;
        for (int64_t j = 0; j < kLanes; ++j) {
          const int32_t found = code(x[j]);
          products[j] += found * u[j];
          sums[j] += found;
        }
      }
      const float* scales = w.scales + g * kBlock + lane;
      const float* shifts = w.shifts ? w.shifts + g * kBlock + lane : nullptr;
      for (int64_t j = 0; j < kLanes; ++j) {
        float term = static_cast<float>(products[j]) * scales[j];
        if (shifts) term -= static_cast<float>(sums[j]) * shifts[j];
        totals[j] += term;
      }
    }
    for (int64_t j = 0; j < kLanes; ++j) y[lane + j] = totals[j] * step;
    if (!w.bias) continue;
    for (int64_t j = 0; j < kLanes; ++j) y[lane + j] += w.bias[lane + j];
  }
}

inline void convolve_token(const BlockCodes& w, const float* const* rows, int64_t at,
                           float multiplier, float step, float* y) {
  if (multiplier > 0) {
    convolve(w, rows, at, step, y, [=](float x) { return nearest(x * multiplier); });
  } else {
    // all codes are 0; a value may be NaN, whose bits are no code
    convolve(w, rows, at, step, y, [](float) { return 0; });
  }
}

inline void convolve_codes(const BlockCodes& w, const int16_t* const* rows, int64_t at, float step,
                           float* y) {
  convolve(w, rows, at, step, y, [](int16_t x) { return int32_t{x}; });
}

// Four sums that take turns: fewer roundings each than one.
inline void convolve_floats(int64_t lanes, int64_t positions, const float* weights,
                            const float* bias, const float* const* rows, int64_t at, float* y) {
  constexpr int64_t kTurns = 4;
  for (int64_t lane = 0; lane < lanes; lane += kLanes) {
    float sums[kTurns][kLanes] = {};
    int64_t k = 0;
    for (; k + kTurns <= positions; k += kTurns) {
      for (int64_t i = 0; i < kTurns; ++i) {
        const float* x = rows[k + i] + at + lane;
        const float* u = weights + (k + i) * kBlock + lane;
        for (int64_t j = 0; j < kLanes; ++j) sums[i][j] += x[j] * u[j];
      }
    }
    for (int64_t i = 0; k < positions; ++k, ++i) {
      const float* x = rows[k] + at + lane;
      const float* u = weights + k * kBlock + lane;
      for (int64_t j = 0; j < kLanes; ++j) sums[i][j] += x[j] * u[j];
    }
    for (int64_t j = 0; j < kLanes; ++j) {
      y[lane + j] = (sums[0][j] + sums[1][j]) + (sums[2][j] + sums[3][j]);
      if (bias) y[lane + j] += bias[lane + j];
    }
  }
}

inline void encode_values_16(const float* __restrict x, int64_t count, float multiplier,
                             int16_t* __restrict codes) {
  for (int64_t i = 0; i < count; ++i)
    codes[i] = static_cast<int16_t>(multiplier > 0 ? nearest(x[i] * multiplier) : 0);
}

inline bool encode_fixed_16(const float* __restrict x, int64_t count, const FixedRange& range,
                            int16_t* __restrict codes) {
  const FixedRange own = range;
  const auto zero = static_cast<int32_t>(own.zero);
  int32_t nan = 0;
  for (int64_t i = 0; i < count; ++i) {
    const float p = position(x[i], own);
    nan |= p == p ? 0 : 1;
    codes[i] = static_cast<int16_t>((nearest(p) - zero) & (p == p ? -1 : 0));
  }
  return nan != 0;
}

constexpr ConvolutionKernels kConvolution{convolve_token, convolve_codes, convolve_floats,
                                          encode_values_16, encode_fixed_16};

}  // namespace
}  // namespace qdsl
