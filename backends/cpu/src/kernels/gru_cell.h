// Holds the gates of a GRU cell, compiled once per instruction set with equal results.
#pragma once

#include <cstdint>

#include "kernels/lstm_cell.h"

namespace qdsl {
namespace {  // one copy per translation unit: the linker must not share it among instruction sets

inline void gru_cell(const float* __restrict given, const float* __restrict recurrent,
                     int64_t hidden, float* __restrict h) {
  for (int64_t j = 0; j < hidden; ++j) {
    const float reset = sigmoid(given[j] + recurrent[j]);
    const float update = sigmoid(given[hidden + j] + recurrent[hidden + j]);
    const float candidate =
        hyperbolic_tangent(given[2 * hidden + j] + reset * recurrent[2 * hidden + j]);
    h[j] = candidate + update * (h[j] - candidate);
  }
}

}  // namespace
}  // namespace qdsl
