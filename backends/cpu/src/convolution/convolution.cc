// Convolves by products of rows: windows where they lie side by side, else patches a tile at a time.
#include "convolution/convolution.h"

#include <algorithm>
#include <cstring>

#include "tokens.h"

namespace qdsl {
namespace {

constexpr int64_t kBytesAtOnce = 1 << 20;  // of patches
constexpr int64_t kFewestRows = 24;

// Over one axis, taps next to each other: a window is a row that begins `stride` pixels later.
bool slides(const Convolution& c) {
  return c.rows.size == 1 && c.rows.kernel == 1 && c.rows.stride == 1 && !c.rows.before &&
         !c.rows.after && (c.columns.dilation == 1 || c.columns.kernel == 1);
}

// An example with its padding, or as it is where it has none.
const float* padded(const Convolution& c, const float* x, Buffer<float>& memory) {
  const Spatial& s = c.columns;
  if (!s.before && !s.after) return x;
  float* to = memory.room((s.before + s.size + s.after) * c.channels);
  std::fill_n(to, s.before * c.channels, 0.0f);
  std::copy_n(x, s.size * c.channels, to + s.before * c.channels);
  std::fill_n(to + (s.before + s.size) * c.channels, s.after * c.channels, 0.0f);
  return to;
}

// What positions first..first + count - 1 read.
void gather(const Convolution& c, const float* x, int64_t first, int64_t count, float* to) {
  for (int64_t position = first; position < first + count; ++position) {
    c.for_taps(position, [&](int64_t, int64_t pixel) {
      if (pixel < 0) std::memset(to, 0, c.channels * sizeof(float));
      else std::memcpy(to, x + pixel * c.channels, c.channels * sizeof(float));
      to += c.channels;
    });
  }
}

}  // namespace

void convolution(const Convolution& c, const Weight& w, const float* x, const Activations& a,
                 const float* bias, float* y, Isa isa, int threads) {
  if (c.groups > 1) return grouped_convolution(c, w, x, a, bias, y, isa, threads);
  thread_local Buffer<float> memory;
  const int64_t positions = c.positions();
  int64_t at_once = std::max(kFewestRows, kBytesAtOnce / std::max<int64_t>(1, 4 * w.in_features));
  if (a.kind == ActivationKind::int8_tensor) at_once = positions;  // they share a scale
  for (int64_t b = 0; b < c.batch; ++b, x += c.pixels() * c.channels, y += positions * w.outputs) {
    if (slides(c)) {
      const Input rows{padded(c, x, memory), positions, c.columns.stride * c.channels};
      linear(w, rows, a, {.values = y, .bias = bias}, isa, threads);
      continue;
    }
    for (int64_t first = 0; first < positions; first += at_once) {
      const int64_t count = std::min(at_once, positions - first);
      float* patches = memory.room(count * w.in_features);
      gather(c, x, first, count, patches);
      linear(w, {patches, count, w.in_features}, a,
             {.values = y + first * w.outputs, .bias = bias}, isa, threads);
    }
  }
}

}  // namespace qdsl
