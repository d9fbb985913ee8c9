// Declares the recurrence of a GRU layer over a packed recurrent weight.
#pragma once

#include <cstdint>

#include "linear.h"

namespace qdsl {

// Time is the slowest index, then the batch.
struct GruSequence {
  int64_t time, batch, hidden;  // T, B, H
  const float* gates;           // [T, B, 3H], the input's share with its bias; r, z, n
  const float* bias;            // [3H], of the recurrent product
  float* outputs;               // [T, B, H]
  float* h;                     // [B, H], before and after
};

// Per step, with (hr, hz, hn) = h @ recurrent^T + bias as linear() takes it:
// n = tanh(n + sigmoid(r + hr) * hn), h = n + sigmoid(z + hz) * (h - n).
void gru(const GruSequence& sequence, const Weight& recurrent, const Activations& state, Isa isa,
         int threads);

}  // namespace qdsl
