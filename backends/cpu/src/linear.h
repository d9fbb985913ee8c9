// Declares the product of activations with a packed weight.
#pragma once

#include <cstdint>

#include "kernel.h"

namespace qdsl {

enum class Activations {
  f32,
  int8_token,   // one scale per row
  int8_tensor,  // one scale for all rows: the caller gives an example at a time
};

// y [rows, outputs] = x [rows, in_features] @ w^T + bias. `threads`: how many, or 0 for as many as
// the amount of work is worth. Results depend on neither it nor the number of rows.
void linear(const Weight& w, const float* x, int64_t rows, Activations activations,
            const Output& out, Isa isa, int threads);

}  // namespace qdsl
