// Loops whose bodies see their indices as constants, so that arrays of vectors stay in registers.
#pragma once

#include <utility>

#include "weight.h"

// Of a lambda that such a loop calls: inlined like what kernels call from headers.
#define QDSL_LAMBDA __attribute__((always_inline))

namespace qdsl {
namespace {  // one copy per translation unit: the linker must not share it among instruction sets

// body(0), …, body(Count - 1).
template <int Count, class Body>
QDSL_INLINE void each(Body body) {
  [&]<int... I>(std::integer_sequence<int, I...>) QDSL_LAMBDA {
    (body(I), ...);
  }(std::make_integer_sequence<int, Count>());
}

// body(i, j) for every pair, j fastest.
template <int Rows, int Columns, class Body>
QDSL_INLINE void each(Body body) {
  each<Rows * Columns>([&](int i) QDSL_LAMBDA { body(i / Columns, i % Columns); });
}

}  // namespace
}  // namespace qdsl
