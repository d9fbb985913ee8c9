// Runs an LSTM layer over time.
#include "lstm.h"

#include <algorithm>
#include <vector>

namespace qdsl {

void lstm(const Sequence& s, const Weight& recurrent, const Weight* projection, Activations state,
          Isa isa, int threads) {
  const CellKernel cell = kernels(isa).cell;
  const int64_t gates = 4 * s.hidden;
  std::vector<float> sums(s.batch * gates);
  std::vector<float> cells(projection ? s.batch * s.hidden : 0);
  for (int64_t t = 0; t < s.time; ++t) {
    const Output products{sums.data(), s.gates + t * s.batch * gates, gates};
    linear(recurrent, s.h, s.batch, state, products, isa, threads);
    float* h = projection ? cells.data() : s.h;
    for (int64_t b = 0; b < s.batch; ++b)
      cell(sums.data() + b * gates, s.hidden, s.c + b * s.hidden, h + b * s.hidden);
    if (projection) linear(*projection, h, s.batch, state, {s.h, nullptr, 0}, isa, threads);
    std::copy_n(s.h, s.batch * s.state, s.outputs + t * s.batch * s.state);
  }
}

}  // namespace qdsl
