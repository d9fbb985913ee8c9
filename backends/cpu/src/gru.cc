// Runs a GRU layer over time.
#include "gru.h"

#include <algorithm>

#include "tokens.h"

namespace qdsl {

void gru(const GruSequence& s, const Weight& recurrent, const Activations& state, Isa isa,
         int threads) {
  const GruCellKernel cell = kernels(isa).gru_cell;
  const int64_t gates = 3 * s.hidden, states = s.batch * s.hidden;
  thread_local Buffer<float> products;
  float* sums = products.room(s.batch * gates);
  for (int64_t t = 0; t < s.time; ++t) {
    const float* given = s.gates + t * s.batch * gates;
    linear(recurrent, {s.h, s.batch, s.hidden}, state, {.values = sums, .bias = s.bias}, isa,
           threads);
    for (int64_t b = 0; b < s.batch; ++b)
      cell(given + b * gates, sums + b * gates, s.hidden, s.h + b * s.hidden);
    std::copy_n(s.h, states, s.outputs + t * states);
  }
}

}  // namespace qdsl
