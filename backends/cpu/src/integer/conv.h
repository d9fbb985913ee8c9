// Declares convolutions of int16 codes with packed weights.
#pragma once

#include <cstdint>

#include "integer/product.h"

namespace qdsl {

inline constexpr int kMostSpatial = 3;

// x [batch, in..., channels], weight [outputs, kernel..., channels / parts].
struct Geometry {
  int axes;
  int64_t batch, channels, parts;
  int64_t in[kMostSpatial], out[kMostSpatial];
  int64_t kernel[kMostSpatial], stride[kMostSpatial], before[kMostSpatial], dilation[kMostSpatial];

  int64_t positions(const int64_t (&sizes)[kMostSpatial]) const {
    int64_t count = 1;
    for (int i = 0; i < axes; ++i) count *= sizes[i];
    return count;
  }
  int64_t rows() const { return batch * positions(out); }
  int64_t patch() const { return positions(kernel) * channels; }
};

// y [batch, out..., outputs]; bias [outputs]. Output n reads the channels of part n / (outputs /
// parts). std::invalid_argument where the weight's rows are not those of the geometry.
void integer_conv(const Weight& w, const int16_t* x, const Geometry& geometry,
                  const int32_t* bias, const GroupMultiplier& by, int16_t* y, Running running);

}  // namespace qdsl
