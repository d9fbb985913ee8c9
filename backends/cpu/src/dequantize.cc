// Turns packed codes into floats, row by row.
#include "dequantize.h"

#include <stdexcept>
#include <string>

#include "kernels/scalar_codes.h"

namespace qdsl {
namespace {

template <int Bits>
void read_row(const Weight& w, int64_t output, float* out) {
  for (int64_t g = 0; g < w.groups; ++g) {
    const int64_t entry = w.entry(output / kLanes, g) + output % kLanes;
    const int centre = centre_of(w, entry);
    const float scale = w.scales[entry];
    const float shift = w.shifts ? w.shifts[entry] : 0;
    for_codes<Bits>(w, output, g, [&](int64_t, int u) {
      const float scaled = scale * static_cast<float>(u - centre);
      *out++ = w.shifts ? scaled - shift : scaled;
    });
  }
}

using ReadRow = void (*)(const Weight&, int64_t, float*);

ReadRow row_reader(const Weight& w) {
  switch (w.bits) {
    case 1: return read_row<1>;
    case 2: return read_row<2>;
    case 4: return read_row<4>;
    default: return read_row<8>;
  }
}

}  // namespace

void dequantize(const Weight& w, float* out) {
  const ReadRow read = row_reader(w);
  for (int64_t n = 0; n < w.outputs; ++n) read(w, n, out + n * w.in_features);
}

void embedding(const Weight& w, const int64_t* ids, int64_t count, float* out) {
  const ReadRow read = row_reader(w);
  for (int64_t i = 0; i < count; ++i) {
    if (ids[i] < 0 || ids[i] >= w.outputs)
      throw std::out_of_range("row " + std::to_string(ids[i]) + " of a table of " +
                              std::to_string(w.outputs));
    read(w, ids[i], out + i * w.in_features);
  }
}

}  // namespace qdsl
