// Declares the kernels that round values and multiply rounded ones, and how they register.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "isa.h"
#include "values/rounding.h"

namespace qdsl {

// Codes of the right operand of a product: a panel is 16 of its columns, a step 4 positions of each,
// and byte 4 * column + j of the 64 of a step is position j.
inline constexpr int64_t kColumns = 16;
inline constexpr int64_t kPositions = 4;
inline constexpr int64_t kPanelStep = kColumns * kPositions;
inline constexpr int64_t kTileRows = 6;
inline constexpr int64_t kTilePanels = 4;
inline constexpr int64_t kTileColumns = kTilePanels * kColumns;

struct Encoded {
  int64_t sum;  // of the bytes that were written, as the numbers they stand for
  bool nan;     // whether a value was
};

// 16 columns of a matrix whose rows are `stride` apart, next to each other in memory.
struct Columns {
  const float* values;
  int64_t stride, count;  // of positions
};

// Rows of signed codes and panels of unsigned ones.
struct TileOperands {
  const int8_t* rows;
  int64_t row_stride;
  const uint8_t* panels;
  int64_t panel_stride;
  int64_t steps;
};

struct ValueKernels {
  // Bits of the largest |x|: those of a NaN or an infinity are at least 0x7f800000.
  uint32_t (*largest)(const float* x, int64_t count) = nullptr;
  void (*largest_of_columns)(const Columns& x, uint32_t* largest) = nullptr;

  // codes = round(x * multiplier) - offset, or q - offset in a range; `count` at most 2^15.
  Encoded (*encode)(const float* x, int64_t count, float multiplier, int32_t offset,
                    uint8_t* codes) = nullptr;
  Encoded (*encode_fixed)(const float* x, int64_t count, const FixedRange& range, int32_t offset,
                          uint8_t* codes) = nullptr;
  // The same of 16 columns into a panel, its last step padded with zeros; `encoded` [16].
  void (*encode_columns)(const Columns& x, const float* multipliers, int32_t offset,
                         uint8_t* panel, Encoded* encoded) = nullptr;
  void (*encode_columns_fixed)(const Columns& x, const FixedRange& range, int32_t offset,
                               uint8_t* panel, Encoded* encoded) = nullptr;

  // y = round(x * multiplier) * step, or scale * (q - zero) in a range.
  void (*round)(const float* x, int64_t count, float multiplier, float step, float* y) = nullptr;
  void (*round_fixed)(const float* x, int64_t count, const FixedRange& range, float* y) = nullptr;

  // sums [rows, kTileColumns] of products of codes; at most kTileRows rows, kTilePanels panels.
  void (*tile)(const TileOperands& of, int64_t rows, int64_t panels, int32_t* sums) = nullptr;
  // y = float(sums + term + terms) * (scale * scales) of whole panels
  void (*scale)(const int32_t* sums, int32_t term, const int32_t* terms, float scale,
                const float* scales, int64_t panels, float* y) = nullptr;
};

// A kernel file holds one of these, given the functions that it defines and null for the others.
struct RegisterValues {
  RegisterValues(Isa isa, const ValueKernels& defined);
};

// What `isa` runs, with what it lacks taken from the instruction sets below it.
const ValueKernels& value_kernels(Isa isa);

// Names of what is registered for `isa` itself, such as matmul_int8_avx2.
std::vector<std::string> registered_values(Isa isa);

}  // namespace qdsl
