// Runs an LSTM layer over time.
#include "lstm.h"

#include <algorithm>

#include "tokens.h"

namespace qdsl {

void lstm(const Sequence& s, const Weight& recurrent, const Weight* projection,
          const Activations& state, Isa isa, int threads) {
  const CellKernel cell = kernels(isa).cell;
  const int64_t gates = 4 * s.hidden;
  thread_local Buffer<float> products, states;
  float* sums = products.room(s.batch * gates);
  float* cells = states.room(s.batch * s.hidden);
  for (int64_t t = 0; t < s.time; ++t) {
    const Output of_gates{.values = sums, .bias = s.gates + t * s.batch * gates,
                          .bias_stride = gates};
    linear(recurrent, {s.h, s.batch, s.state}, state, of_gates, isa, threads);
    float* h = projection ? cells : s.h;
    for (int64_t b = 0; b < s.batch; ++b)
      cell(sums + b * gates, s.hidden, s.c + b * s.hidden, h + b * s.hidden);
    if (projection)
      linear(*projection, {h, s.batch, s.hidden}, state, {.values = s.h}, isa, threads);
    std::copy_n(s.h, s.batch * s.state, s.outputs + t * s.batch * s.state);
  }
}

}  // namespace qdsl
