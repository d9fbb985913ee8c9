// Holds the quantization of activations, compiled once per instruction set: the compiler's vectors
// change no result, since no operation is contracted or reordered.
#pragma once

#include <bit>
#include <cstdint>

#include "kernel.h"

namespace qdsl {
namespace {  // one copy per translation unit: the linker must not share it among instruction sets

inline uint32_t largest(const float* x, int64_t count) {
  int32_t top = 0;  // without the sign, bits of floats are ordered as the floats are, NaN on top
  for (int64_t i = 0; i < count; ++i) {
    const int32_t magnitude = std::bit_cast<int32_t>(x[i]) & 0x7fffffff;
    top = magnitude > top ? magnitude : top;
  }
  return static_cast<uint32_t>(top);
}

// Adding 1.5 * 2^23 rounds to an integer, ties to even, and leaves it in the low bits. The product
// needs no clamp: at most 127 * (1 + 2^-24)^2, it rounds to 127.
inline int32_t round_codes(const float* __restrict x, int64_t count, float multiplier,
                           int8_t* __restrict codes) {
  constexpr float kShift = 12582912.0f;
  const int32_t zero = std::bit_cast<int32_t>(kShift);
  int32_t sum = 0;
  for (int64_t i = 0; i < count; ++i) {
    const int32_t code = std::bit_cast<int32_t>(x[i] * multiplier + kShift) - zero;
    codes[i] = static_cast<int8_t>(code);
    sum += code;
  }
  return sum;
}

// Rounding what was clamped gives what clamping the rounded would: both ends are integers.
inline int32_t fixed_codes(const float* __restrict x, int64_t count, const Fixed& range,
                           int8_t* __restrict codes, bool& bad) {
  constexpr float kShift = 12582912.0f;
  const int32_t zero = std::bit_cast<int32_t>(kShift);
  const float scale = range.scale, offset = static_cast<float>(range.zero);
  const float low = static_cast<float>(range.lowest), high = static_cast<float>(range.highest);
  int32_t sum = 0, nans = 0;
  for (int64_t i = 0; i < count; ++i) {
    float y = x[i] / scale + offset;
    nans |= y != y;
    y = y < high ? y : high;
    y = y > low ? y : low;
    const int32_t code = std::bit_cast<int32_t>(y + kShift) - zero;
    codes[i] = static_cast<int8_t>(code - range.origin);
    sum += code - range.zero;
  }
  bad = bad || nans;
  return sum;
}

}  // namespace
}  // namespace qdsl
