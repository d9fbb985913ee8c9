// Turns packed codes into floats, row by row.
#include "dequantize.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "base3.h"
#include "kernels/scalar_codes.h"

namespace qdsl {
namespace {

void read_row(const Weight& w, int64_t output, float* out) {
  thread_local std::vector<uint8_t> u;
  u.resize(w.group_steps * kStep);
  for (int64_t g = 0; g < w.groups; ++g) {
    const Entry e = entry(w, output / kBlock, g, output % kBlock);
    read_group(w, output, g, e.centre, u.data());
    for (int64_t k = 0; k < w.group_size(g); ++k) {
      const float value = w.values ? w.values[u[k]] : static_cast<float>(u[k] - e.centre);
      const float scaled = e.scale * value;
      *out++ = w.zero == Zero::floating ? scaled - e.shift : scaled;
    }
  }
}

Weight readable(const Weight& w, int64_t block) {
  thread_local Buffer<uint8_t> memory;
  return unfolded(w, block, kernels(default_isa()), memory);
}

}  // namespace

void dequantize(const Weight& w, float* out) {
  for (int64_t block = 0; block < w.blocks; ++block) {
    const Weight plain = readable(w, block);
    const int64_t last = std::min((block + 1) * kBlock, w.outputs);
    for (int64_t n = block * kBlock; n < last; ++n) read_row(plain, n, out + n * w.in_features);
  }
}

void embedding(const Weight& w, const int64_t* ids, int64_t count, float* out) {
  for (int64_t i = 0; i < count; ++i) {
    if (ids[i] < 0 || ids[i] >= w.outputs)
      throw std::out_of_range("row " + std::to_string(ids[i]) + " of a table of " +
                              std::to_string(w.outputs));
    read_row(readable(w, ids[i] / kBlock), ids[i], out + i * w.in_features);
  }
}

}  // namespace qdsl
