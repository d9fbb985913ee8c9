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

// `rows` [positions]: where the values of lane 0 are, each followed by those of the other lanes.
struct ConvolutionKernels {
  // y [64] from values that are rounded to int8, `step` apart.
  void (*token)(const BlockCodes& w, const float* const* rows, int64_t at, float multiplier,
                float step, float* y);
  // The same from integers.
  void (*codes)(const BlockCodes& w, const int32_t* const* rows, int64_t at, float step, float* y);
  // y [64] from floats and weights [positions, 64].
  void (*floats)(int64_t lanes, int64_t positions, const float* weights, const float* bias,
                 const float* const* rows, int64_t at, float* y);

  // round(x * multiplier), or q - zero in a range; returns whether an x is NaN.
  void (*encode)(const float* x, int64_t count, float multiplier, int32_t* codes);
  bool (*encode_fixed)(const float* x, int64_t count, const FixedRange& range, int32_t* codes);
};

}  // namespace qdsl
