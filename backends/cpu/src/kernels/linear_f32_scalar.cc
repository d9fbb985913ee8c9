// Defines the product of float activations with packed weights, accumulated in double.
#include "kernel.h"
#include "kernels/scalar_codes.h"

namespace qdsl {
namespace {

template <int Bits>
double product(const Weight& w, const Tokens& x, int64_t row, int64_t output) {
  const float* values = x.values + row * x.stride;
  double total = 0;
  for (int64_t g = 0; g < w.groups; ++g) {
    const int64_t entry = w.entry(output / kLanes, g) + output % kLanes;
    const int centre = centre_of(w, entry);
    double sum = 0, values_sum = 0;
    for_codes<Bits>(w, output, g, [&](int64_t k, int u) {
      sum += double{values[k]} * (u - centre);
      values_sum += values[k];
    });
    total += sum * w.scales[entry];
    if (w.shifts) total -= values_sum * w.shifts[entry];
  }
  return total;
}

template <int Bits>
void linear(const Weight& w, const Tokens& x, int64_t first, int64_t last, const Output& out) {
  const int64_t end = last * kLanes < w.outputs ? last * kLanes : w.outputs;
  for (int64_t row = 0; row < x.rows; ++row) {
    for (int64_t n = first * kLanes; n < end; ++n) {
      float y = static_cast<float>(product<Bits>(w, x, row, n));
      if (out.bias) y += out.bias[row * out.bias_stride + n];
      out.values[row * w.outputs + n] = y;
    }
  }
}

const Kernels defined{.linear_f32 = {linear<1>, linear<2>, linear<4>, linear<8>}};
const Register registered{Isa::scalar, defined};

}  // namespace
}  // namespace qdsl
