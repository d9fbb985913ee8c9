// Declares the kernels of convolutions whose outputs read different channels.
#pragma once

#include <cstdint>

#include "values/rounding.h"
#include "weight.h"

namespace qdsl {

// Codes of up to 64 outputs, less their centres.
struct BlockCodes {
  int64_t lanes;         // outputs, in whole panels of 16
  int64_t groups;
  const int64_t* ends;   // [groups], of the positions in each
  const int32_t* codes;  // [positions, 64]
  const float* scales;   // [groups, 64]
  const float* shifts;   // [groups, 64], of floating zeros, or null
  const float* bias;     // [64]
};

// What some output positions read of floats, and the weights of a block.
struct FloatRows {
  int64_t taps;
  const float* weights;      // [taps, 64]
  const float* bias;         // [64], or null
  const float* const* rows;  // [positions, taps], less `at`
  int64_t at;
  int64_t stride;            // between positions of y
};

// `rows` [positions]: where the values of lane 0 are, each followed by those of the other lanes.
struct ConvolutionKernels {
  // y [64] from values that are rounded to int8, `step` apart.
  void (*token)(const BlockCodes& w, const float* const* rows, int64_t at, float multiplier,
                float step, float* y);
  // The same from integers.
  void (*codes)(const BlockCodes& w, const int32_t* const* rows, int64_t at, float step, float* y);
  // y [positions, lanes] from floats.
  void (*floats)(const FloatRows& x, int64_t lanes, int64_t positions, float* y);

  // round(x * multiplier), or q - zero in a range; returns whether an x is NaN.
  void (*encode)(const float* x, int64_t count, float multiplier, int32_t* codes);
  bool (*encode_fixed)(const float* x, int64_t count, const FixedRange& range, int32_t* codes);
};

}  // namespace qdsl
