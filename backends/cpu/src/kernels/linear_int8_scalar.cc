// Defines the product of integer activations with packed weights; the other instruction sets equal
// it bit for bit. Sums have 64 bits: it also serves what leaves 32.
#include <vector>

#include "kernel.h"
#include "kernels/epilogue.h"
#include "kernels/scalar_codes.h"

namespace qdsl {
namespace {

int64_t sum_of(const Tokens& t, int64_t row, int64_t from, const uint8_t* u, int64_t size,
               int centre) {
  const int8_t* codes = t.codes + row * t.stride + from;
  int64_t sum = 0;
  for (int64_t k = 0; k < size; ++k) sum += int64_t{codes[k] + t.offset} * (u[k] - centre);
  return sum;
}

void add_group(const Weight& w, const Tokens& t, int64_t n, int64_t g, const Output& out,
               float* totals) {
  const Entry e = entry(w, n / kBlock, g, n % kBlock);
  thread_local std::vector<uint8_t> u;
  u.resize(w.steps_of(g) * kStep);
  read_group(w, n, g, e.centre, u.data());
  const int64_t from = g * w.group_steps * kStep;
  for (int64_t row = 0; row < t.rows; ++row) {
    const int64_t sum = sum_of(t, row, from, u.data(), w.group_size(g), e.centre);
    if (out.sums) {
      out.sums[(row * w.groups + g) * w.outputs + n] = static_cast<int32_t>(sum);
      continue;
    }
    float term = static_cast<float>(sum) * e.scale;
    if (w.zero == Zero::floating)
      term -= static_cast<float>(t.sums[row * w.groups + g]) * e.shift;
    totals[row * kBlock] += term;
  }
}

void linear(const Weight& w, const Tokens& t, int64_t first, int64_t last, const Output& out,
            const Workspace& work) {
  const int64_t end = last * kBlock < w.outputs ? last * kBlock : w.outputs;
  for (int64_t n = first * kBlock; n < end; ++n) {
    float* totals = work.totals + n % kBlock;
    for (int64_t row = 0; row < t.rows; ++row) totals[row * kBlock] = 0;
    for (int64_t g = 0; g < w.groups; ++g) add_group(w, t, n, g, out, totals);
    if (out.sums) continue;
    for (int64_t row = 0; row < t.rows; ++row)
      finish(w, out, row, n, totals[row * kBlock] * t.scales[row]);
  }
}

const Kernels defined{.linear_int8 = linear};
const Register registered{Isa::scalar, defined};

}  // namespace
}  // namespace qdsl
