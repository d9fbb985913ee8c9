// What follows a product: some outputs of one row, next to each other, each step rounded.
#pragma once

#include <cstdint>

#include "kernel.h"

namespace qdsl {
namespace {  // one copy per translation unit: the linker must not share it among instruction sets

template <class Vector>
QDSL_INLINE Vector read_vector(const float* from) {
  Vector found;
  __builtin_memcpy(&found, from, sizeof(Vector));
  return found;
}

// The first `count` elements of a vector, which may have fewer.
template <class Vector, class Element>
QDSL_INLINE void write_some(Element* to, int64_t count, Vector x) {
  constexpr int64_t kWidth = sizeof(Vector) / sizeof(Element);
  if (count >= kWidth) {
    __builtin_memcpy(to, &x, sizeof(Vector));
    return;
  }
  Element lanes[kWidth];
  __builtin_memcpy(lanes, &x, sizeof(Vector));
  for (int64_t i = 0; i < count; ++i) to[i] = lanes[i];
}

template <class Vector>
QDSL_INLINE void finish(const Weight& w, const Output& out, int64_t row, int64_t n, Vector y);

// The last outputs, fewer than a vector has; out of the way of the others.
template <class Vector>
[[gnu::noinline]] void finish_last(const Weight& w, const Output& out, int64_t row, int64_t n,
                                   Vector y) {
  float lanes[sizeof(Vector) / sizeof(float)];
  __builtin_memcpy(lanes, &y, sizeof(Vector));
  for (int64_t i = 0; n + i < w.outputs; ++i) finish(w, out, row, n + i, lanes[i]);
}

// Output n of a row and, of a vector of floats of any instruction set, those behind it, as many as
// there are. Of a relu, NaN and -0 stay.
template <class Vector>
QDSL_INLINE void finish(const Weight& w, const Output& out, int64_t row, int64_t n, Vector y) {
  if constexpr (constexpr int64_t kWidth = sizeof(Vector) / sizeof(float); kWidth > 1)
    if (n + kWidth > w.outputs) return finish_last(w, out, row, n, y);
  const int64_t at = row * w.outputs + n;
  if (out.bias) y += read_vector<Vector>(out.bias + row * out.bias_stride + n);
  if (out.relu) y = y < Vector{} ? Vector{} : y;
  if (out.residual) y += read_vector<Vector>(out.residual + at);
  __builtin_memcpy(out.values + at, &y, sizeof(Vector));
}

}  // namespace
}  // namespace qdsl
