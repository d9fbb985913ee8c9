// Declares the codes of one operand of a product of tensors.
#pragma once

#include <cstdint>
#include <vector>

#include "values/contraction.h"
#include "values/kernel.h"
#include "values/rounding.h"

namespace qdsl {

inline constexpr int64_t kMostExact = 1 << 15;  // products of codes whose sum fits 32 bits

// Grown, never shrunk.
template <class T>
T* grown(std::vector<T>& buffer, int64_t count) {
  if (static_cast<int64_t>(buffer.size()) < count) buffer.resize(count);
  return buffer.data();
}

// One operand as rows of the summed positions: `lines` are the rows of the left one, the columns
// of the right one.
struct Operand {
  const float* values;
  const Axes* batch;
  const Axes* lines;
  const Axes* summed;
  int64_t Axis::* stride;
  int64_t Axis::* scales;
  Rounding rounding;
  const uint32_t* largest;  // of the entries of the first axis, where they have scales
  int32_t offset;           // what is subtracted from codes, so that they fit bytes of one sign

  // What a code of 0 stands for, less the offset.
  int32_t zero() const { return static_cast<int32_t>(rounding.zero()) - offset; }
};

// Of each line a scale, NaN where a value is, and the sum of its codes.
struct LineSums {
  float* scales;
  int64_t* sums;
};

// Codes of lines first..first + count - 1, `stride` bytes apart and padded with zeros.
void encode_lines(const Operand& from, const ValueKernels& kernels, int64_t batch, int64_t first,
                  int64_t count, int64_t stride, uint8_t* codes, const LineSums& found);

// Panel `panel` of 16 lines [steps, 64]; what is missing of the last has codes and scales of 0.
void encode_panel(const Operand& from, const ValueKernels& kernels, int64_t batch, int64_t panel,
                  uint8_t* codes, const LineSums& found);

// Bits of the largest magnitude of each of `count` entries of the first axis, or of all values.
void largest_of_entries(const Strided& operand, int64_t count, const ValueKernels& kernels,
                        uint32_t* largest);

}  // namespace qdsl
