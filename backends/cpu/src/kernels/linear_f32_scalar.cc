// Defines the product of float activations with packed weights, accumulated in double.
#include <vector>

#include "kernel.h"
#include "kernels/epilogue.h"
#include "kernels/scalar_codes.h"

namespace qdsl {
namespace {

// What the codes stand for, apart from scale and shift.
void read_values(const Weight& w, int64_t n, int64_t g, int centre, std::vector<double>& values) {
  thread_local std::vector<uint8_t> u;
  u.resize(w.steps_of(g) * kStep);
  values.resize(u.size());
  read_group(w, n, g, centre, u.data());
  for (size_t k = 0; k < u.size(); ++k) values[k] = w.values ? w.values[u[k]] : u[k] - centre;
}

double product(const Weight& w, const float* x, int64_t n, int64_t g) {
  thread_local std::vector<double> values;
  const Entry e = entry(w, n / kBlock, g, n % kBlock);
  read_values(w, n, g, e.centre, values);
  double sum = 0, inputs = 0;
  for (int64_t k = 0; k < w.group_size(g); ++k) {
    sum += x[k] * values[k];
    inputs += x[k];
  }
  return w.zero == Zero::floating ? sum * e.scale - inputs * e.shift : sum * e.scale;
}

void linear(const Weight& w, const Tokens& t, int64_t first, int64_t last, const Output& out,
            const Workspace&) {
  const int64_t end = last * kBlock < w.outputs ? last * kBlock : w.outputs;
  for (int64_t row = 0; row < t.rows; ++row) {
    for (int64_t n = first * kBlock; n < end; ++n) {
      const float* x = t.values + row * t.stride;
      double total = 0;
      for (int64_t g = 0; g < w.groups; ++g, x += w.group_steps * kStep)
        total += product(w, x, n, g);
      finish(w, out, row, n, static_cast<float>(total));
    }
  }
}

const Kernels defined{.linear_f32 = linear};
const Register registered{Isa::scalar, defined};

}  // namespace
}  // namespace qdsl
