// Rounds values in one pass over each row.
#include "values/round.h"

#include <omp.h>

#include <algorithm>

#include "values/kernel.h"

namespace qdsl {
namespace {

constexpr int64_t kValuesPerThread = 1 << 16;
constexpr int64_t kChunk = 1 << 12;  // values, where rows do not matter

void round_dynamic(const ValueKernels& k, const float* x, int64_t count, uint32_t largest,
                   float* y) {
  const DynamicScale scale = dynamic_scale(largest);
  if (scale.multiplier > 0) return k.round(x, count, scale.multiplier, scale.step, y);
  std::fill_n(y, count, 0.0f * scale.step);  // NaN where a value is not finite
}

uint32_t largest_of_all(const ValueKernels& k, const float* x, int64_t count, int threads) {
  uint32_t largest = 0;
#pragma omp parallel for num_threads(threads) reduction(max : largest) schedule(static)
  for (int64_t i = 0; i < count; i += kChunk)
    largest = std::max(largest, k.largest(x + i, std::min(kChunk, count - i)));
  return largest;
}

}  // namespace

void round_rows(const float* x, int64_t rows, int64_t width, const Rounding& rounding, float* y,
                Isa isa, int threads) {
  const ValueKernels& k = value_kernels(isa);
  const int64_t count = rows * width;
  if (count == 0) return;
  if (threads <= 0)
    threads = static_cast<int>(
        std::clamp<int64_t>(count / kValuesPerThread, 1, omp_get_max_threads()));
  if (!rounding.fixed && !rounding.shared) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t row = 0; row < rows; ++row) {
      const float* from = x + row * width;
      round_dynamic(k, from, width, k.largest(from, width), y + row * width);
    }
    return;
  }
  const uint32_t largest = rounding.fixed ? 0 : largest_of_all(k, x, count, threads);
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int64_t i = 0; i < count; i += kChunk) {
    const int64_t part = std::min(kChunk, count - i);
    if (rounding.fixed)
      k.round_fixed(x + i, part, *rounding.fixed, y + i);
    else
      round_dynamic(k, x + i, part, largest, y + i);
  }
}

}  // namespace qdsl
