// Computes integer operations element by element.
#pragma once

#include "integer/functions.h"

namespace qdsl {
namespace {

// ---- floats and codes ---------------------------------------------------------------------------

inline void quantize_values(const float* __restrict x, int64_t count, float step,
                            int16_t* __restrict y) {
  constexpr float kShift = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  constexpr auto kMost = static_cast<float>(kWideMax);
  for (int64_t i = 0; i < count; ++i) {
    float q = x[i] / step;
    q = q < kMost ? q : kMost;
    q = q > -kMost ? q : -kMost;
    const int32_t code = std::bit_cast<int32_t>(q + kShift) - std::bit_cast<int32_t>(kShift);
    // neither division nor limits are to hide a NaN
    y[i] = static_cast<int16_t>(x[i] / step == x[i] / step ? code : 0);
  }
}

inline void dequantize_codes(const int16_t* __restrict x, int64_t count, float step,
                             float* __restrict y) {
  for (int64_t i = 0; i < count; ++i) y[i] = static_cast<float>(x[i]) * step;
}

// ---- of one value -------------------------------------------------------------------------------

template <class Function>
QDSL_INLINE void map(const int16_t* __restrict x, int64_t count, int16_t* __restrict y,
                     Function f) {
  for (int64_t i = 0; i < count; ++i) y[i] = wide(f(static_cast<int64_t>(x[i])));
}

inline void requantize(const int16_t* x, int64_t count, const Constants& c, int16_t* y) {
  const Factor by = factor(c.by);
  map(x, count, y, [&](int64_t q) { return scaled(q, by); });
}

inline void look_up(const int16_t* __restrict x, int64_t count, const Constants& c,
                    int16_t* __restrict y) {
  const Lines lines(c.table, 128);
  for (int64_t i = 0; i < count; ++i) y[i] = static_cast<int16_t>(lines.of_code(x[i]));
}

inline void sigmoids(const int16_t* x, int64_t count, const Constants& c, int16_t* y) {
  const Factor by = factor(c.argument);
  map(x, count, y, [&](int64_t q) { return sigmoid(q, by); });
}

inline void hyperbolic_tangents(const int16_t* x, int64_t count, const Constants& c, int16_t* y) {
  const Factor by = factor(c.argument);
  map(x, count, y, [&](int64_t q) { return hyperbolic_tangent(q, by); });
}

inline void silus(const int16_t* x, int64_t count, const Constants& c, int16_t* y) {
  const Factor by = factor(c.argument), result = factor(c.by);
  map(x, count, y, [&](int64_t q) { return silu(q, by, result); });
}

inline void gelus(const int16_t* x, int64_t count, const Constants& c, int16_t* y) {
  const Factor by = factor(c.argument), result = factor(c.by);
  map(x, count, y, [&](int64_t q) { return gelu(q, by, result); });
}

inline void from_integers(const int64_t* __restrict x, int64_t count, const Constants& c,
                          int16_t* __restrict y) {
  const Factor by = factor(c.by);
  constexpr int64_t kMost = 0x7fffffff;
  for (int64_t i = 0; i < count; ++i) y[i] = wide(scaled(clamped(x[i], -kMost, kMost), by));
}

// ---- of two values ------------------------------------------------------------------------------

template <class Function>
QDSL_INLINE void map(const int16_t* __restrict a, int64_t stride_a, const int16_t* __restrict b,
                     int64_t stride_b, int64_t count, int16_t* __restrict y, Function f) {
  const auto at = [&](int64_t i, int64_t j, int64_t k) {
    y[i] = wide(f(static_cast<int64_t>(a[j]), static_cast<int64_t>(b[k])));
  };
  if (stride_a == 1 && stride_b == 1)
    for (int64_t i = 0; i < count; ++i) at(i, i, i);
  else if (stride_a == 1 && stride_b == 0)
    for (int64_t i = 0; i < count; ++i) at(i, i, 0);
  else if (stride_a == 0 && stride_b == 1)
    for (int64_t i = 0; i < count; ++i) at(i, 0, i);
  else
    for (int64_t i = 0; i < count; ++i) at(i, i * stride_a, i * stride_b);
}

inline void add(const int16_t* a, int64_t stride_a, const int16_t* b, int64_t stride_b,
                int64_t count, const Constants& c, int16_t* y) {
  const int64_t first = c.by.mantissa[0], second = c.by.mantissa[1] * c.number;
  const Shift shift = shift_of(c.by.shift[0]);
  map(a, stride_a, b, stride_b, count, y,
      [&](int64_t p, int64_t q) { return shifted(p * first + q * second, shift); });
}

inline void multiply(const int16_t* a, int64_t stride_a, const int16_t* b, int64_t stride_b,
                     int64_t count, const Constants& c, int16_t* y) {
  const Factor by = factor(c.by);
  map(a, stride_a, b, stride_b, count, y,
      [&](int64_t p, int64_t q) { return scaled(p * q, by); });
}

// A divisor of 0 saturates by the sign of the dividend.
inline void divide(const int16_t* a, int64_t stride_a, const int16_t* b, int64_t stride_b,
                   int64_t count, const Constants& c, int16_t* y) {
  constexpr int64_t kMostShift = 46;  // |q| 2^46 < 2^62
  const int64_t given = c.by.shift[0], shift = given < kMostShift ? given : kMostShift;
  const int64_t mantissa = shifted(c.by.mantissa[0], shift_of(given - shift));
  map(a, stride_a, b, stride_b, count, y, [&](int64_t p, int64_t q) {
    const int64_t by = magnitude(q) << shift;
    const int64_t quotient = divided(p * mantissa * sign(q), divisor(by > 1 ? by : 1));
    return q == 0 ? sign(p) * kWideMax : quotient;
  });
}

// The product with a gate that is looked up.
inline void glu(const int16_t* a, int64_t stride_a, const int16_t* b, int64_t stride_b,
                int64_t count, const Constants& c, int16_t* y) {
  const Factor by = factor(c.by);
  const Lines lines(c.table, 128);
  map(a, stride_a, b, stride_b, count, y, [&](int64_t p, int64_t q) {
    return scaled(p * lines.of_code(static_cast<int32_t>(q)), by);
  });
}

inline void glu_polynomial(const int16_t* a, int64_t stride_a, const int16_t* b, int64_t stride_b,
                           int64_t count, const Constants& c, int16_t* y) {
  const Factor by = factor(c.by), argument = factor(c.argument);
  map(a, stride_a, b, stride_b, count, y,
      [&](int64_t p, int64_t q) { return scaled(p * sigmoid(q, argument), by); });
}

}  // namespace
}  // namespace qdsl
