// Holds the gates of an LSTM cell, compiled once per instruction set with equal results: plain
// multiplications, additions and divisions, no contraction, no library function.
#pragma once

#include <bit>
#include <cstdint>

namespace qdsl {
namespace {  // one copy per translation unit: the linker must not share it among instruction sets

// exp(y) = 2^n * (1 + fraction), with y = n * ln 2 + r and |r| <= ln(2) / 2.
struct Exponential {
  float power;     // 2^n
  float fraction;  // exp(r) - 1
};

// For |y| <= 87. ln 2 is taken as the sum of a part with 9 bits, whose product with n is exact, and
// the rest; exp(r) - 1 as its Taylor polynomial of degree 7, whose remainder is below 2^-27.
inline Exponential exponential(float y) {
  constexpr float kShift = 12582912.0f;  // 1.5 * 2^23: rounds to nearest, ties to even
  const float shifted = y * 1.44269504f + kShift;
  const float n = shifted - kShift;
  const float r = (y - n * 0.693359375f) - n * -2.12194440e-4f;
  float p = 1.98412698e-4f;
  p = p * r + 1.38888889e-3f;
  p = p * r + 8.33333333e-3f;
  p = p * r + 4.16666667e-2f;
  p = p * r + 1.66666667e-1f;
  p = p * r + 0.5f;
  const int32_t exponent = std::bit_cast<int32_t>(shifted) - std::bit_cast<int32_t>(kShift);
  return {std::bit_cast<float>((exponent + 127) << 23), r + r * r * p};
}

inline float magnitude(float x) {
  return std::bit_cast<float>(std::bit_cast<int32_t>(x) & 0x7fffffff);
}

// With e = exp(-|x|): 1 / (1 + e) for x >= 0, e / (1 + e) otherwise, so that no tail cancels. Below
// -87 it stays at exp(-87).
inline float sigmoid(float x) {
  float y = magnitude(x);
  y = y > 87.0f ? 87.0f : y;
  const Exponential e = exponential(-y);
  const float value = e.power + e.power * e.fraction;
  const float numerator = x < 0.0f ? value : 1.0f;
  return numerator / (1.0f + value);
}

// With m = exp(2|x|) - 1, which keeps its relative accuracy near 0: m / (m + 2). At |x| = 10 the
// quotient has long been 1.
inline float hyperbolic_tangent(float x) {
  float y = magnitude(x);
  y = y > 10.0f ? 10.0f : y;
  const Exponential e = exponential(2.0f * y);
  const float m = e.power * e.fraction + (e.power - 1.0f);
  const float t = m / (m + 2.0f);
  const int32_t sign = std::bit_cast<int32_t>(x) & static_cast<int32_t>(0x80000000u);
  return std::bit_cast<float>(std::bit_cast<int32_t>(t) | sign);
}

inline void lstm_cell(const float* __restrict gates, int64_t hidden, float* __restrict c,
                      float* __restrict h) {
  const float* __restrict input = gates;
  const float* __restrict forget = gates + hidden;
  const float* __restrict candidate = gates + 2 * hidden;
  const float* __restrict output = gates + 3 * hidden;
  for (int64_t j = 0; j < hidden; ++j) {
    c[j] = sigmoid(forget[j]) * c[j] + sigmoid(input[j]) * hyperbolic_tangent(candidate[j]);
    h[j] = sigmoid(output[j]) * hyperbolic_tangent(c[j]);
  }
}

}  // namespace
}  // namespace qdsl
