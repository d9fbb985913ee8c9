// Divides and scales integers, rounding once, to nearest with ties to even; compiled once per
// instruction set. The same numbers as qdsl/fx/integer/rounding.py.
#pragma once

#include <bit>
#include <cstdint>

#include "integer/kernels.h"
#include "weight.h"

namespace qdsl {
namespace {  // one copy per translation unit: the linker must not share it among instruction sets

constexpr int64_t kWideMax = 32767;
constexpr int64_t kOne = 127 * 256;  // the code of 1 at scale 1/127

QDSL_INLINE int64_t clamped(int64_t x, int64_t least, int64_t most) {
  x = x > least ? x : least;
  return x < most ? x : most;
}

QDSL_INLINE int16_t wide(int64_t x) {
  return static_cast<int16_t>(clamped(x, -kWideMax, kWideMax));
}

struct Shift {
  int64_t by, below, odd;
};

QDSL_INLINE Shift shift_of(int64_t by) {
  const int64_t any = by > 0;
  return {by, ((int64_t{1} << by) >> 1) - any, any};
}

// x / 2^by for |x| < 2^63 - 2^61. One less than half rounds a tie down, and the last bit of an odd
// number up again.
QDSL_INLINE int64_t shifted(int64_t x, Shift s) {
  return (x + s.below + ((x >> s.by) & s.odd)) >> s.by;
}

// The same of what is not negative.
template <int kBy>
QDSL_INLINE uint64_t rounded(uint64_t x) {
  return (x + ((uint64_t{1} << (kBy - 1)) - 1) + ((x >> kBy) & 1)) >> kBy;
}

// The same for any x, of loops in which `by` varies: vectors have no 1 << by. The fraction is moved
// to the top, where half is the bit of the sign.
QDSL_INLINE int64_t shifted(int64_t x, int64_t by) {
  constexpr uint64_t kHalf = uint64_t{1} << 63;
  const int64_t floor = x >> by;
  const uint64_t fraction = (static_cast<uint64_t>(x) << (63 - by)) << 1;
  const uint64_t odd = static_cast<uint64_t>(floor & 1);
  return floor + (static_cast<int64_t>((fraction + odd) ^ kHalf) > 0);
}

// mantissa / 2^shift.
struct Factor {
  int64_t mantissa;
  Shift shift;
};

QDSL_INLINE Factor factor(const Multiplier& by, int64_t i = 0) {
  return {by.mantissa[i], shift_of(by.shift[i])};
}

QDSL_INLINE int64_t scaled(int64_t x, const Factor& by) {
  return shifted(x * by.mantissa, by.shift);
}

// The int8 code of an int16 one.
QDSL_INLINE int32_t narrow(int32_t q) {
  const int32_t code = (q + 127 + ((q >> 8) & 1)) >> 8;
  const int32_t low = code > -127 ? code : -127;
  return low < 127 ? low : 127;
}

struct Divisor {
  int64_t by;  // 0 < by < 2^61
  double inverse;
};

constexpr double kMagic = 6755399441055744.0;  // 1.5 * 2^52: adding it rounds to an integer
constexpr int64_t kMagicBits = 0x4338000000000000;

// Exact for |x| < 2^51, without a conversion that AVX2 lacks.
QDSL_INLINE double to_double(int64_t x) { return std::bit_cast<double>(x + kMagicBits) - kMagic; }

QDSL_INLINE Divisor divisor(int64_t by) { return {by, 1.0 / static_cast<double>(by)}; }

// Of less than 2^51.
QDSL_INLINE Divisor small_divisor(int64_t by) { return {by, 1.0 / to_double(by)}; }

// x / by for |x| < 2^51. A product in floats finds the quotient to within one, integers settle it.
QDSL_INLINE int64_t divided(int64_t x, Divisor d) {
  const int64_t near = std::bit_cast<int64_t>(to_double(x) * d.inverse + kMagic) - kMagicBits;
  const int64_t twice = 2 * (x - near * d.by);
  const int64_t odd = near & 1;
  const int64_t up = twice > d.by - odd, down = twice < odd - d.by;
  return near + up - down;
}

// floor(sqrt(x)) of x >= 0.
QDSL_INLINE int64_t square_root(int64_t x) {
  int64_t root = static_cast<int64_t>(__builtin_sqrt(static_cast<double>(x)));
  while (root * root > x) --root;
  while ((root + 1) * (root + 1) <= x) ++root;
  return root;
}

}  // namespace
}  // namespace qdsl
