// Rounds values, compiled once per instruction set: the compiler's vectors change no result, since
// no operation is contracted or reordered.
#pragma once

#include <bit>
#include <cstdint>

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

inline uint32_t largest(const float* x, int64_t count) {
  int32_t top = 0;  // without the sign, bits of floats are ordered as the floats are, NaN on top
  for (int64_t i = 0; i < count; ++i) {
    const int32_t magnitude = magnitude_bits(x[i]);
    top = magnitude > top ? magnitude : top;
  }
  return static_cast<uint32_t>(top);
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

inline Encoded encode(const float* __restrict x, int64_t count, float multiplier, int32_t offset,
                      uint8_t* __restrict codes) {
  int32_t sum = 0;
  for (int64_t i = 0; i < count; ++i) {
    const int32_t code = nearest(x[i] * multiplier) - offset;
    codes[i] = static_cast<uint8_t>(code);
    sum += code;
  }
  return {sum, false};
}

inline Encoded encode_fixed(const float* __restrict x, int64_t count, const FixedRange& range,
                            int32_t offset, uint8_t* __restrict codes) {
  const FixedRange own = range;
  int32_t sum = 0, nan = 0;
  for (int64_t i = 0; i < count; ++i) {
    const float p = position(x[i], own);
    const int32_t code = (nearest(p) - offset) & (p == p ? -1 : 0);
    codes[i] = static_cast<uint8_t>(code);
    sum += code;
    nan |= p == p ? 0 : 1;
  }
  return {sum, nan != 0};
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

inline void scale_sums(const int32_t* __restrict sums, int32_t term,
                       const int32_t* __restrict terms, float scale, const float* __restrict scales,
                       int64_t count, float* __restrict y) {
  for (int64_t i = 0; i < count; ++i) {
    // the terms may wrap, their sum does not
    const auto sum = static_cast<uint32_t>(sums[i]) + static_cast<uint32_t>(term) +
                     static_cast<uint32_t>(terms[i]);
    y[i] = static_cast<float>(static_cast<int32_t>(sum)) * (scale * scales[i]);
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
