// Declares the recurrence of an LSTM layer over a packed recurrent weight.
#pragma once

#include <cstdint>

#include "linear.h"

namespace qdsl {

// Time is the slowest index, then the batch. Without a projection P = H.
struct Sequence {
  int64_t time, batch, hidden, state;  // T, B, H, P
  const float* gates;                  // [T, B, 4H], the input's share with its bias; i, f, g, o
  float* outputs;                      // [T, B, P]
  float* h;                            // [B, P], before and after
  float* c;                            // [B, H], before and after
};

// Per step: gates + h @ recurrent^T (both products exactly as linear() takes them),
// c = sigmoid(f) * c + sigmoid(i) * tanh(g), h = sigmoid(o) * tanh(c), h = h @ projection^T.
// `projection` may be null.
void lstm(const Sequence& sequence, const Weight& recurrent, const Weight* projection,
          const Activations& state, Isa isa, int threads);

}  // namespace qdsl
