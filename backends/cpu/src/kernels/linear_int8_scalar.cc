// Defines the product of int8 activations with packed weights; the other instruction sets equal it
// bit for bit.
#include "kernel.h"
#include "kernels/scalar_codes.h"

namespace qdsl {
namespace {

template <int Bits>
float product(const Weight& w, const Tokens& x, int64_t row, int64_t output) {
  const int8_t* codes = x.codes + row * x.stride;
  float total = 0;
  for (int64_t g = 0; g < w.groups; ++g) {
    const int64_t entry = w.entry(output / kLanes, g) + output % kLanes;
    const int centre = centre_of(w, entry);
    int64_t sum = 0;
    for_codes<Bits>(w, output, g, [&](int64_t k, int u) { sum += codes[k] * (u - centre); });
    float term = static_cast<float>(sum) * w.scales[entry];
    if (w.shifts) term -= static_cast<float>(x.sums[row * w.groups + g]) * w.shifts[entry];
    total += term;
  }
  return total;
}

template <int Bits>
void linear(const Weight& w, const Tokens& x, int64_t first, int64_t last, const Output& out) {
  const int64_t end = last * kLanes < w.outputs ? last * kLanes : w.outputs;
  for (int64_t row = 0; row < x.rows; ++row) {
    for (int64_t n = first * kLanes; n < end; ++n) {
      float y = product<Bits>(w, x, row, n) * x.scales[row];
      if (out.bias) y += out.bias[row * out.bias_stride + n];
      out.values[row * w.outputs + n] = y;
    }
  }
}

const Kernels defined{.linear_int8 = {linear<1>, linear<2>, linear<4>, linear<8>}};
const Register registered{Isa::scalar, defined};

}  // namespace
}  // namespace qdsl
