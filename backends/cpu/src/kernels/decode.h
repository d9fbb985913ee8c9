// Holds the decoding of dense codes to bytes, compiled once per instruction set.
#pragma once

#include <cstdint>
#include <cstring>

#include "kernel.h"

namespace qdsl {
namespace {  // one copy per translation unit: the linker must not share it among instruction sets

#if defined(__AVX512F__)
inline constexpr int kWide = 64;
#elif defined(__AVX2__)
inline constexpr int kWide = 32;
#else
inline constexpr int kWide = 16;
#endif
using Words [[gnu::vector_size(kWide)]] = uint64_t;  // shifted as such, read as bytes

// Bits from..from + width - 1 of each byte, at bit `to`.
QDSL_INLINE Words moved(Words bytes, int width, int from, int to) {
  bytes = to > from ? bytes << (to - from) : to < from ? bytes >> (from - to) : bytes;
  return bytes & 0x0101010101010101u * uint64_t(((1u << width) - 1) << to);
}

// Some bytes of quad q of a step, as the codes read: those at `at` of each of its vectors, which are
// `apart` bytes from each other. The widest field has the low bits.
template <int Bits, bool Half, bool Sparse>
QDSL_INLINE Words decoded(const uint8_t* at, int64_t apart, int q) {
  constexpr int kFirst = Half || Bits == 1;  // bit of the code's lowest
  Words code = Words{} + (Half ? 0x0101010101010101u : 0);
  int low = kFirst;
#pragma GCC unroll 4
  for (const int width : {8, 4, 2, 1}) {
    if (!(Bits & width)) continue;
    const int per_byte = 8 / width;
    Words bytes;
    const int64_t i = low - kFirst + q / per_byte;
    std::memcpy(&bytes, at + (Sparse ? sparse_vector(Bits, i) : i) * apart, kWide);
    code |= width == 8 ? bytes : moved(bytes, width, q % per_byte * width, low);
    low += width;
  }
  return code;
}

template <int Bits, bool Half>
inline void decode_steps(const uint8_t* from, int64_t steps, int64_t apart, uint8_t* to) {
  for (; steps > 0; --steps, from += Bits * apart, to += kQuads * apart) {
    for (int64_t i = 0; i < apart; i += kWide) {
#pragma GCC unroll 8
      for (int q = 0; q < kQuads; ++q) {
        const Words codes = decoded<Bits, Half, false>(from + i, apart, q);
        std::memcpy(to + q * apart + i, &codes, kWide);
      }
    }
  }
}

// As a DecodeKernel, of a weight that is not sparse.
inline void decode_dense(const Weight& w, int64_t block, int64_t g, uint8_t* to) {
  const uint8_t* from = w.codes(block, g);
  const int64_t steps = w.steps_of(g), apart = w.panels_of(block) * kVector;
  switch (2 * w.bits + w.half) {
    case 2:
    case 3: return decode_steps<1, false>(from, steps, apart, to);
    case 4: return decode_steps<2, false>(from, steps, apart, to);
    case 5: return decode_steps<2, true>(from, steps, apart, to);
    case 6: return decode_steps<3, false>(from, steps, apart, to);
    case 7: return decode_steps<3, true>(from, steps, apart, to);
    case 8: return decode_steps<4, false>(from, steps, apart, to);
    case 9: return decode_steps<4, true>(from, steps, apart, to);
    case 10: return decode_steps<5, false>(from, steps, apart, to);
    case 11: return decode_steps<5, true>(from, steps, apart, to);
    case 12: return decode_steps<6, false>(from, steps, apart, to);
    case 13: return decode_steps<6, true>(from, steps, apart, to);
    case 14: return decode_steps<7, false>(from, steps, apart, to);
    case 15: return decode_steps<7, true>(from, steps, apart, to);
    default: return decode_steps<8, false>(from, steps, apart, to);
  }
}

}  // namespace
}  // namespace qdsl
