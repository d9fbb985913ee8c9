// Declares how values become integers: by a scale of their own, or in a range that is fixed.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace qdsl {

// q = clamp(round(x / scale + zero), lowest, highest), which stands for scale * (q - zero).
struct FixedRange {
  float scale, zero;
  float lowest, highest;
};

// `fixed` null: symmetric int8 by the largest magnitude of each row, or of what `shared` says.
struct Rounding {
  const FixedRange* fixed;
  bool shared;  // one scale for each entry of the first axis

  float lowest() const { return fixed ? fixed->lowest : -127.0f; }
  float highest() const { return fixed ? fixed->highest : 127.0f; }
  float zero() const { return fixed ? fixed->zero : 0.0f; }
};

struct DynamicScale {
  float step;        // of one code; NaN where a value is not finite
  float multiplier;  // 127 / largest, 0 where that is not finite: all codes are 0
};

// `largest`: bits of the largest magnitude, at least 0x7f800000 where a value is not finite.
inline DynamicScale dynamic_scale(uint32_t largest) {
  if (largest >= 0x7f800000u) return {std::numeric_limits<float>::quiet_NaN(), 0};
  const float top = std::bit_cast<float>(largest);
  const float multiplier = 127.0f / top;
  return {top / 127.0f, std::isfinite(multiplier) ? multiplier : 0};
}

}  // namespace qdsl
