// Holds the functions of one value on integers: tables with lines between their entries, and
// polynomials in fixed point with 20 fraction bits (I-BERT, arXiv 2101.01321).
#pragma once

#include "integer/rounding.h"

namespace qdsl {
namespace {

// ---- tables -------------------------------------------------------------------------------------

// Entries with the way to the next one, in one word: 2^16 * entry + step, so that a lookup is one
// gather.
struct Lines {
  int32_t entries[256];

  // Entries stand for u - zero.
  Lines(const uint8_t* table, int32_t zero) {
    for (int i = 0; i < 256; ++i) {
      const int32_t step = (i < 255 ? table[i + 1] : table[i]) - table[i];
      entries[i] = (table[i] - zero) * 65536 + (step & 0xffff);
    }
  }

  // position in 0 ... 65535
  QDSL_INLINE int32_t at(int32_t position) const {
    const int32_t entry = entries[position >> 8];
    return (entry >> 16) * 256 + static_cast<int16_t>(entry) * (position & 255);
  }

  QDSL_INLINE int32_t of_code(int32_t q) const { return at(q + 32768); }
};

// ---- polynomials --------------------------------------------------------------------------------

constexpr int kFraction = 20;
constexpr int64_t kQ = 1 << kFraction;
constexpr uint64_t kLn2 = 726817;
constexpr uint64_t kInverseLn2 = 48408846;  // 2^45 / ln 2, up
constexpr uint64_t kFarthest = 32 * kLn2 - 1;     // exp(-x) has long been 0
constexpr int64_t kA = 375549, kB = 1016733;  // exp(-r) is about 1 - B r + A r^2 below ln 2
constexpr int64_t kC = 302829, kD = 1854931;  // erf(v) is about 1 - C (min(v, D) - D)^2

// Of a number that is not negative, at most 2^31 - 1.
QDSL_INLINE int64_t fixed_point(int64_t q, const Factor& by) {
  const int64_t x = scaled(q, by);
  return x < 0x7fffffff ? x : 0x7fffffff;
}

// exp(-x): 2^-z (1 - B r + A r^2), x = z ln 2 + r. Without signs, which AVX2 does not shift.
QDSL_INLINE int64_t decay(uint64_t x) {
  x = x < kFarthest ? x : kFarthest;
  const uint64_t z = (x * kInverseLn2) >> 45;  // floor(x / ln 2) below 2^25
  const uint64_t r = x - z * kLn2;
  const uint64_t square = rounded<kFraction>(r * r);
  const uint64_t value = kQ - rounded<kFraction>(r * kB) + rounded<kFraction>(square * kA);
  return static_cast<int64_t>(rounded<31>(value << (31 - z)));
}

QDSL_INLINE int64_t magnitude(int64_t q) { return q < 0 ? -q : q; }

QDSL_INLINE int64_t sign(int64_t q) { return (q > 0) - (q < 0); }

QDSL_INLINE int64_t sigmoid(int64_t q, const Factor& by) {
  const int64_t e = decay(fixed_point(magnitude(q), by));
  const int64_t whole = -static_cast<int64_t>(q >= 0);
  return divided((e + ((kQ - e) & whole)) * kOne, small_divisor(e + kQ));
}

// (1 - e) / (1 + e) with e = exp(-2 |x|)
QDSL_INLINE int64_t hyperbolic_tangent(int64_t q, const Factor& by) {
  const int64_t e = decay(2 * fixed_point(magnitude(q), by));
  return divided((kQ - e) * kOne * sign(q), small_divisor(e + kQ));
}

QDSL_INLINE int64_t silu(int64_t q, const Factor& by, const Factor& result) {
  return scaled(q * sigmoid(q, by), result);
}

// `by` takes to x / sqrt(2)
QDSL_INLINE int64_t gelu(int64_t q, const Factor& by, const Factor& result) {
  const int64_t x = fixed_point(magnitude(q), by);
  const int64_t missing = (x < kD ? x : kD) - kD;
  const uint64_t square = rounded<kFraction>(static_cast<uint64_t>(missing * missing));
  const int64_t erf = kQ - static_cast<int64_t>(rounded<kFraction>(square * kC));
  const int64_t share = rounded<kFraction + 1 - 15>(kQ + erf * sign(q));  // of 2^15
  return scaled(q * share, result);
}

}  // namespace
}  // namespace qdsl
