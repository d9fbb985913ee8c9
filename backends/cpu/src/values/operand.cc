// Rounds the operands of products to codes, line by line or 16 columns together.
#include "values/operand.h"

#include <algorithm>
#include <cstring>

namespace qdsl {
namespace {

struct Scratch {
  std::vector<float> values;
  std::vector<uint8_t> codes;
};

Scratch& own_scratch() {
  thread_local Scratch scratch;
  return scratch;
}

// Copies what `axes` from `at` on step through.
float* gather(const float* from, const Axes& axes, int64_t Axis::* of, int at, float* to) {
  if (at == axes.count) {
    *to = *from;
    return to + 1;
  }
  const int64_t size = axes.axis[at].size, stride = axes.axis[at].*of;
  if (at + 1 == axes.count) {
    for (int64_t i = 0; i < size; ++i) to[i] = from[i * stride];
    return to + size;
  }
  for (int64_t i = 0; i < size; ++i) to = gather(from + i * stride, axes, of, at + 1, to);
  return to;
}

// A dynamic line, or one in a range, in parts whose sum fits 32 bits. Returns its scale.
float encode_line(const Operand& from, const ValueKernels& k, const float* x, int64_t count,
                  const uint32_t* shared, uint8_t* codes, int64_t& sum) {
  const FixedRange* range = from.rounding.fixed;
  DynamicScale scale{range ? range->scale : 0, 0};
  if (!range) scale = dynamic_scale(shared ? *shared : k.largest(x, count));
  sum = 0;
  if (!range && scale.multiplier == 0) {
    std::memset(codes, -from.offset, count);
    sum = -int64_t{from.offset} * count;
    return scale.step;
  }
  bool nan = false;
  for (int64_t i = 0; i < count; i += kMostExact) {
    const int64_t part = std::min(kMostExact, count - i);
    const Encoded found = range ? k.encode_fixed(x + i, part, *range, from.offset, codes + i)
                                : k.encode(x + i, part, scale.multiplier, from.offset, codes + i);
    sum += found.sum;
    nan |= found.nan;
  }
  return nan ? std::numeric_limits<float>::quiet_NaN() : scale.step;
}

const uint32_t* shared_by(const Operand& from, int64_t batch, int64_t line) {
  if (!from.largest) return nullptr;
  return from.largest + from.batch->offset(batch, from.scales) +
         from.lines->offset(line, from.scales);
}

// 16 columns that are next to each other in memory, or copied to be.
void encode_columns(const Operand& from, const ValueKernels& k, const Columns& x,
                    const uint32_t* const* shared, uint8_t* codes, const LineSums& found) {
  Encoded encoded[kColumns];
  if (const FixedRange* range = from.rounding.fixed) {
    k.encode_columns_fixed(x, *range, from.offset, codes, encoded);
    std::fill_n(found.scales, kColumns, range->scale);
  } else {
    uint32_t largest[kColumns];
    if (shared)
      for (int64_t j = 0; j < kColumns; ++j) largest[j] = *shared[j];
    else
      k.largest_of_columns(x, largest);
    float multipliers[kColumns];
    for (int64_t j = 0; j < kColumns; ++j) {
      const DynamicScale scale = dynamic_scale(largest[j]);
      multipliers[j] = scale.multiplier;
      found.scales[j] = scale.step;
    }
    k.encode_columns(x, multipliers, from.offset, codes, encoded);
  }
  for (int64_t j = 0; j < kColumns; ++j) {
    found.sums[j] = encoded[j].sum;
    if (encoded[j].nan) found.scales[j] = std::numeric_limits<float>::quiet_NaN();
  }
}

// Whole panels of columns side by side whose sums fit 32 bits.
bool together(const Operand& from, int64_t first, int64_t lines) {
  return lines - first >= kColumns && from.lines->contiguous(from.stride) &&
         from.summed->count == 1 && from.summed->axis[0].*from.stride != 1 &&
         from.summed->size() <= kMostExact;
}

void transpose_words(const uint8_t* lines, int64_t stride, int64_t steps, uint8_t* panel) {
  for (int64_t j = 0; j < kColumns; ++j)
    for (int64_t s = 0; s < steps; ++s)
      std::memcpy(panel + s * kPanelStep + j * kPositions, lines + j * stride + s * kPositions,
                  kPositions);
}

uint32_t largest_within(const float* x, const Strided& tensor, size_t axis,
                        const ValueKernels& k) {
  if (axis == tensor.sizes.size()) return k.largest(x, 1);
  const int64_t size = tensor.sizes[axis], stride = tensor.strides[axis];
  if (axis + 1 == tensor.sizes.size() && stride == 1) return k.largest(x, size);
  uint32_t found = 0;
  for (int64_t i = 0; i < size; ++i)
    found = std::max(found, largest_within(x + i * stride, tensor, axis + 1, k));
  return found;
}

}  // namespace

void encode_lines(const Operand& from, const ValueKernels& k, int64_t batch, int64_t first,
                  int64_t count, int64_t stride, uint8_t* codes, const LineSums& found) {
  const int64_t size = from.summed->size();
  const float* values = from.values + from.batch->offset(batch, from.stride);
  const bool contiguous = from.summed->contiguous(from.stride);
  float* copy = contiguous ? nullptr : grown(own_scratch().values, size);
  for (int64_t i = 0; i < count; ++i, codes += stride) {
    const float* x = values + from.lines->offset(first + i, from.stride);
    if (!contiguous) {
      gather(x, *from.summed, from.stride, 0, copy);
      x = copy;
    }
    const uint32_t* shared = shared_by(from, batch, first + i);
    found.scales[i] = encode_line(from, k, x, size, shared, codes, found.sums[i]);
    std::memset(codes + size, 0, stride - size);
  }
}

void encode_panel(const Operand& from, const ValueKernels& k, int64_t batch, int64_t panel,
                  uint8_t* codes, const LineSums& found) {
  const int64_t first = panel * kColumns, lines = from.lines->size(), size = from.summed->size();
  const int64_t steps = (size + kPositions - 1) / kPositions;
  if (together(from, first, lines)) {
    const float* x = from.values + from.batch->offset(batch, from.stride) + first;
    const uint32_t* shared[kColumns];
    for (int64_t j = 0; j < kColumns; ++j) shared[j] = shared_by(from, batch, first + j);
    return encode_columns(from, k, {x, from.summed->axis[0].*from.stride, size},
                          from.largest ? shared : nullptr, codes, found);
  }
  const int64_t count = std::min(kColumns, lines - first), stride = steps * kPositions;
  uint8_t* rows = grown(own_scratch().codes, kColumns * stride);
  encode_lines(from, k, batch, first, count, stride, rows, found);
  std::memset(rows + count * stride, 0, (kColumns - count) * stride);
  std::fill(found.scales + count, found.scales + kColumns, 0.0f);
  std::fill(found.sums + count, found.sums + kColumns, 0);
  transpose_words(rows, stride, steps, codes);
}

void largest_of_entries(const Strided& operand, int64_t count, const ValueKernels& k,
                        uint32_t* largest) {
  if (count == 1) {
    largest[0] = largest_within(operand.values, operand, 0, k);
    return;
  }
  for (int64_t i = 0; i < count; ++i)
    largest[i] = largest_within(operand.values + i * operand.strides[0], operand, 1, k);
}

}  // namespace qdsl
