// Declares the product of activations with a packed weight.
#pragma once

#include <cstdint>

#include "kernel.h"

namespace qdsl {

enum class ActivationKind : uint8_t {
  f32,
  int8_token,   // one scale per row
  int8_tensor,  // one scale for all rows: the caller gives an example at a time
  fixed,        // a static range
  bf16,
};

struct Activations {
  ActivationKind kind;
  float scale = 1;  // of a static range, as are the others
  int32_t zero = 0, lowest = 0, highest = 0;
};

// x [rows, in_features], the elements of a row next to each other.
struct Input {
  const float* values;
  int64_t rows;
  int64_t stride;  // between rows
};

// y [rows, outputs] = x @ w^T, and what `out` asks for. `threads`: how many, or 0 for as many as
// the amount of work is worth. Results depend on neither it nor the number of rows.
void linear(const Weight& w, const Input& x, const Activations& activations, const Output& out,
            Isa isa, int threads);

}  // namespace qdsl
