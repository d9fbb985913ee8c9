// Rounds values, compiled once per instruction set: the compiler's vectors change no result, since
// no operation is contracted or reordered.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "values/kernel.h"

namespace qdsl {
namespace {  // one copy per translation unit: the linker must not share it among instruction sets

constexpr float kShift = 12582912.0f;  // 1.5 * 2^23: rounds to nearest, ties to even

inline int32_t magnitude_bits(float x) { return std::bit_cast<int32_t>(x) & 0x7fffffff; }

// For |x| < 2^22.
inline int32_t nearest(float x) {
  return std::bit_cast<int32_t>(x + kShift) - std::bit_cast<int32_t>(kShift);
}

// x / scale + zero within the range; clamped before it is rounded, since both are monotone and the
// ends are integers. NaN stays.
inline float position(float x, const FixedRange& range) {
  float p = x / range.scale + range.zero;
  p = p > range.highest ? range.highest : p;
  return p < range.lowest ? range.lowest : p;
}

// Calls body(values, at, valid) for blocks of 16 values, the last padded with zeros, so that loops
// over a block have no remainder.
template <class Body>
void in_blocks(const float* x, int64_t count, Body body) {
  int64_t at = 0;
  for (; at + kColumns <= count; at += kColumns) body(x + at, at, kColumns);
  if (at == count) return;
  float last[kColumns] = {};
  std::memcpy(last, x + at, (count - at) * sizeof(float));
  body(last, at, count - at);
}

inline uint32_t largest(const float* x, int64_t count) {
  int32_t top[kColumns] = {};  // bits of magnitudes are ordered as the floats are, NaN on top
  in_blocks(x, count, [&](const float* values, int64_t, int64_t) {
    for (int64_t j = 0; j < kColumns; ++j) {
      const int32_t magnitude = magnitude_bits(values[j]);
      top[j] = magnitude > top[j] ? magnitude : top[j];
    }
  });
  int32_t found = 0;
  for (int64_t j = 0; j < kColumns; ++j) found = top[j] > found ? top[j] : found;
  return static_cast<uint32_t>(found);
}

inline void largest_of_columns(const Columns& x, uint32_t* largest) {
  int32_t top[kColumns] = {};
  for (int64_t k = 0; k < x.count; ++k) {
    const float* row = x.values + k * x.stride;
    for (int64_t j = 0; j < kColumns; ++j) {
      const int32_t magnitude = magnitude_bits(row[j]);
      top[j] = magnitude > top[j] ? magnitude : top[j];
    }
  }
  for (int64_t j = 0; j < kColumns; ++j) largest[j] = static_cast<uint32_t>(top[j]);
}

// Bytes of the codes of `count` values and their sum; `code` takes a value.
template <class Code>
int64_t encode_values(const float* x, int64_t count, uint8_t* codes, Code code) {
  int32_t sums[kColumns] = {};
  in_blocks(x, count, [&](const float* values, int64_t at, int64_t valid) {
    uint8_t bytes[kColumns];
    for (int64_t j = 0; j < kColumns; ++j) {
      const int32_t found = code(values[j]);
      bytes[j] = static_cast<uint8_t>(found);
      sums[j] += found;
    }
    if (valid == kColumns) std::memcpy(codes + at, bytes, kColumns);
    else std::memcpy(codes + at, bytes, valid);
  });
  int64_t sum = 0;
  for (int64_t j = 0; j < kColumns; ++j) sum += sums[j];
  const int64_t padding = (kColumns - count % kColumns) % kColumns;
  return sum - padding * code(0.0f);
}

inline Encoded encode(const float* x, int64_t count, float multiplier, int32_t offset,
                      uint8_t* codes) {
  const auto code = [=](float value) { return nearest(value * multiplier) - offset; };
  return {encode_values(x, count, codes, code), false};
}

inline Encoded encode_fixed(const float* x, int64_t count, const FixedRange& range, int32_t offset,
                            uint8_t* codes) {
  const FixedRange own = range;
  // NaN is above every infinity
  const bool nan = largest(x, count) > 0x7f800000u;
  const auto code = [=](float value) {
    const float p = position(value, own);
    return (nearest(p) - offset) & (p == p ? -1 : 0);
  };
  return {encode_values(x, count, codes, code), nan};
}

// `code(value, column)` is what a value becomes.
template <class Code>
void encode_panel(const Columns& x, uint8_t* panel, int32_t* sums, Code code) {
  auto* words = reinterpret_cast<uint32_t*>(panel);
  int64_t k = 0;
  for (; k + kPositions <= x.count; k += kPositions, words += kColumns) {
    const float* from = x.values + k * x.stride;
    for (int64_t j = 0; j < kColumns; ++j) {
      const int32_t a = code(from[j], j), b = code(from[x.stride + j], j);
      const int32_t c = code(from[2 * x.stride + j], j), d = code(from[3 * x.stride + j], j);
      sums[j] += a + b + c + d;
      words[j] = (a & 255u) | (b & 255u) << 8 | (c & 255u) << 16 | static_cast<uint32_t>(d) << 24;
    }
  }
  if (k == x.count) return;
  for (int64_t j = 0; j < kColumns; ++j) {
    uint32_t word = 0;
    for (int64_t i = k; i < x.count; ++i) {
      const int32_t a = code(x.values[i * x.stride + j], j);
      sums[j] += a;
      word |= (a & 255u) << (8 * (i - k));
    }
    words[j] = word;
  }
}

inline void encode_columns(const Columns& x, const float* multipliers, int32_t offset,
                           uint8_t* panel, Encoded* encoded) {
  float own[kColumns];
  int32_t sums[kColumns] = {};
  for (int64_t j = 0; j < kColumns; ++j) own[j] = multipliers[j];
  encode_panel(x, panel, sums, [&](float value, int64_t j) {
    // where the multiplier is 0 the value may be infinite or NaN, whose bits are no code
    return (own[j] > 0 ? nearest(value * own[j]) : 0) - offset;
  });
  for (int64_t j = 0; j < kColumns; ++j) encoded[j] = {sums[j], false};
}

inline void encode_columns_fixed(const Columns& x, const FixedRange& range, int32_t offset,
                                 uint8_t* panel, Encoded* encoded) {
  const FixedRange own = range;
  int32_t sums[kColumns] = {}, nan[kColumns] = {};
  encode_panel(x, panel, sums, [&](float value, int64_t j) {
    const float p = position(value, own);
    nan[j] |= p == p ? 0 : 1;
    return (nearest(p) - offset) & (p == p ? -1 : 0);
  });
  for (int64_t j = 0; j < kColumns; ++j) encoded[j] = {sums[j], nan[j] != 0};
}

inline void round_values(const float* __restrict x, int64_t count, float multiplier, float step,
                         float* __restrict y) {
  for (int64_t i = 0; i < count; ++i) y[i] = __builtin_rintf(x[i] * multiplier) * step;
}

inline void round_values_fixed(const float* __restrict x, int64_t count, const FixedRange& range,
                               float* __restrict y) {
  const FixedRange own = range;
  for (int64_t i = 0; i < count; ++i)
    y[i] = own.scale * (__builtin_rintf(position(x[i], own)) - own.zero);
}

inline void scale_sums(const int32_t* sums, int32_t term, const int32_t* terms, float scale,
                       const float* scales, int64_t panels, float* y) {
  for (int64_t p = 0; p < panels; ++p) {
    for (int64_t j = p * kColumns; j < (p + 1) * kColumns; ++j) {
      // the terms may wrap, their sum does not
      const auto sum = static_cast<uint32_t>(sums[j]) + static_cast<uint32_t>(term) +
                       static_cast<uint32_t>(terms[j]);
      y[j] = static_cast<float>(static_cast<int32_t>(sum)) * (scale * scales[j]);
    }
  }
}

constexpr ValueKernels kRounding{
    .largest = largest,
    .largest_of_columns = largest_of_columns,
    .encode = encode,
    .encode_fixed = encode_fixed,
    .encode_columns = encode_columns,
    .encode_columns_fixed = encode_columns_fixed,
    .round = round_values,
    .round_fixed = round_values_fixed,
    .tile = nullptr,
    .scale = scale_sums,
};

}  // namespace
}  // namespace qdsl
