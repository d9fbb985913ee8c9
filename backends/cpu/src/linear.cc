// Prepares activations for a weight and shares the product among threads.
#include "linear.h"

#include <omp.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

namespace qdsl {
namespace {

constexpr int64_t kBytesAtOnce = 1 << 18;  // of prepared rows, so that they stay in a core's cache
constexpr int64_t kFewestRows = 24;        // at once; both are multiples of what kernels take
constexpr int64_t kMostRows = 240;
constexpr int64_t kPanelsAtOnce = 4;       // what the widest kernels take together
constexpr int64_t kLongestExpanded = 4096;  // positions: two panels as floats stay in the cache
constexpr double kWorkPerThread = 1 << 20;  // multiplications that outweigh a fork
constexpr uint32_t kInfinity = 0x7f800000;

// Activations of some rows in the layout of a weight; grown, never shrunk.
struct Scratch {
  std::vector<int8_t> codes;
  std::vector<float> values;
  std::vector<float> scales;
  std::vector<int32_t> sums;
  std::vector<float> workspace;
};

template <class T>
T* room(std::vector<T>& buffer, int64_t count) {
  if (static_cast<int64_t>(buffer.size()) < count) buffer.resize(count);
  return buffer.data();
}

struct Scale {
  float step;        // of one code; NaN where a value is not finite
  float multiplier;  // 127 / largest, 0 where that is not finite: all codes are 0
};

Scale scale_of(uint32_t largest) {
  if (largest >= kInfinity) return {std::numeric_limits<float>::quiet_NaN(), 0};
  const float top = std::bit_cast<float>(largest);
  const float multiplier = 127.0f / top;
  return {top / 127.0f, std::isfinite(multiplier) ? multiplier : 0};
}

void quantize_row(const Weight& w, const Kernels& k, const float* x, float multiplier,
                  int8_t* codes, int32_t* sums) {
  for (int64_t g = 0; g < w.groups; ++g) {
    const int64_t size = w.group_size(g), padded = w.steps_of(g) * w.step;
    if (multiplier > 0) {
      sums[g] = k.round(x, size, multiplier, codes);
      std::memset(codes + size, 0, padded - size);
    } else {
      sums[g] = 0;
      std::memset(codes, 0, padded);
    }
    x += size;
    codes += padded;
  }
}

// `shared`: bits of the largest magnitude of the whole tensor, or null for one scale per row.
Tokens quantized(const Weight& w, const Kernels& k, const float* x, int64_t rows,
                 const uint32_t* shared, Scratch& scratch) {
  int8_t* codes = room(scratch.codes, rows * w.padded());
  float* scales = room(scratch.scales, rows);
  int32_t* sums = room(scratch.sums, rows * w.groups);
  for (int64_t row = 0; row < rows; ++row) {
    const float* values = x + row * w.in_features;
    const Scale scale = scale_of(shared ? *shared : k.largest(values, w.in_features));
    scales[row] = scale.step;
    quantize_row(w, k, values, scale.multiplier, codes + row * w.padded(), sums + row * w.groups);
  }
  return {.rows = rows, .stride = w.padded(), .codes = codes, .scales = scales, .sums = sums,
          .values = nullptr, .workspace = nullptr};
}

Tokens padded(const Weight& w, const float* x, int64_t rows, Scratch& scratch) {
  Tokens tokens{.rows = rows, .stride = w.padded(), .codes = nullptr, .scales = nullptr,
                .sums = nullptr, .values = x, .workspace = nullptr};
  if (w.padded() == w.in_features) return tokens;
  float* to = room(scratch.values, rows * w.padded());
  tokens.values = to;
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t g = 0; g < w.groups; ++g) {
      const int64_t size = w.group_size(g), padding = w.steps_of(g) * w.step - size;
      to = std::fill_n(std::copy_n(x, size, to), padding, 0.0f);
      x += size;
    }
  }
  return tokens;
}

// One product, with what is the same for all of its parts.
struct Job {
  const Weight& w;
  const Kernels& kernels;
  LinearKernel kernel;
  const uint32_t* shared;
  bool integer;

  int64_t rows_at_once() const {
    const int64_t bytes = std::max<int64_t>(1, w.padded() * (integer ? 1 : sizeof(float)));
    return std::clamp(kBytesAtOnce / bytes / 8 * 8, kFewestRows, kMostRows);
  }

  Tokens prepare(const float* x, int64_t rows, Scratch& scratch) const {
    return integer ? quantized(w, kernels, x, rows, shared, scratch) : padded(w, x, rows, scratch);
  }
};

Scratch& own_scratch() {
  thread_local Scratch scratch;
  return scratch;
}

Output from_row(const Output& out, const Weight& w, int64_t row) {
  const float* bias = out.bias ? out.bias + row * out.bias_stride : nullptr;
  return {out.values + row * w.outputs, bias, out.bias_stride};
}

// Rows first..last - 1, all outputs, on this thread.
void run_rows(const Job& job, const float* x, int64_t first, int64_t last, const Output& out) {
  Scratch& scratch = own_scratch();
  const int64_t at_once = job.rows_at_once();
  for (int64_t row = first; row < last; row += at_once) {
    const int64_t rows = std::min(at_once, last - row);
    Tokens tokens = job.prepare(x + row * job.w.in_features, rows, scratch);
    if (!job.integer && job.w.padded() <= kLongestExpanded)
      tokens.workspace = room(scratch.workspace, kWorkspacePanels * kLanes * job.w.padded());
    job.kernel(job.w, tokens, 0, job.w.panels, from_row(out, job.w, row));
  }
}

// Few rows: they are prepared once and the outputs are shared out.
void share_outputs(const Job& job, const float* x, int64_t rows, const Output& out, int threads) {
  const Tokens tokens = job.prepare(x, rows, own_scratch());
  const int64_t blocks = (job.w.panels + kPanelsAtOnce - 1) / kPanelsAtOnce;
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int64_t block = 0; block < blocks; ++block) {
    const int64_t first = block * kPanelsAtOnce;
    const int64_t last = std::min(first + kPanelsAtOnce, job.w.panels);
    job.kernel(job.w, tokens, first, last, out);
  }
}

void share_rows(const Job& job, const float* x, int64_t rows, const Output& out, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int thread = 0; thread < threads; ++thread)
    run_rows(job, x, rows * thread / threads, rows * (thread + 1) / threads, out);
}

int worthwhile_threads(const Weight& w, int64_t rows) {
  const double work = static_cast<double>(rows) * (w.panels * kLanes) * w.padded();
  if (work < 2 * kWorkPerThread) return 1;
  return static_cast<int>(std::min<double>(omp_get_max_threads(), work / kWorkPerThread));
}

LinearKernel kernel_for(const Weight& w, bool integer, Isa isa) {
  // Only the scalar kernel counts in 64 bits, which groups of tens of thousands of positions need.
  const Kernels& k = kernels(integer && w.wide ? Isa::scalar : isa);
  return (integer ? k.linear_int8 : k.linear_f32)[width_index(w.bits)];
}

}  // namespace

void linear(const Weight& w, const float* x, int64_t rows, Activations activations,
            const Output& out, Isa isa, int threads) {
  if (rows == 0 || w.outputs == 0) return;
  const Kernels& k = kernels(isa);
  const bool integer = activations != Activations::f32;
  const bool tensor = activations == Activations::int8_tensor;
  const uint32_t largest = tensor ? k.largest(x, rows * w.in_features) : 0;
  const Job job{w, k, kernel_for(w, integer, isa), tensor ? &largest : nullptr, integer};

  if (threads <= 0) threads = worthwhile_threads(w, rows);
  if (threads == 1) return run_rows(job, x, 0, rows, out);
  if (rows < std::min<int64_t>(kMostRows, 16 * threads))
    share_outputs(job, x, rows, out, threads);
  else
    share_rows(job, x, rows, out, threads);
}

}  // namespace qdsl
