// What follows a product: one output of one row, each step rounded.
#pragma once

#include <cstdint>

#include "kernel.h"

namespace qdsl {
namespace {  // one copy per translation unit: the linker must not share it among instruction sets

inline void finish(const Weight& w, const Output& out, int64_t row, int64_t n, float y) {
  if (out.bias) y += out.bias[row * out.bias_stride + n];
  if (out.relu) y = y < 0.0f ? 0.0f : y;
  if (out.residual) y += out.residual[row * w.outputs + n];
  out.values[row * w.outputs + n] = y;
}

}  // namespace
}  // namespace qdsl
