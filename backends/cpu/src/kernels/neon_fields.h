// Unpacks the fields of dense codes in NEON.
#pragma once

#include <arm_neon.h>

#include <cstdint>

#include "weight.h"

namespace qdsl {
namespace {  // one copy per translation unit: the linker must not share it among instruction sets

inline constexpr int kVectors = 4;  // of 16 bytes, four outputs each, in a panel

using Codes = uint8x16_t[kQuads];  // byte 4 * output + j of vector q is position 4 * q + j

// Fields of Width bits of quad q, of outputs 4 * v .. 4 * v + 3.
template <int Width>
QDSL_INLINE uint8x16_t field(const uint8_t* vectors, int64_t apart, int v, int q) {
  constexpr int kPerByte = 8 / Width;
  const uint8x16_t bytes = vld1q_u8(vectors + q / kPerByte * apart + 16 * v);
  const int shift = q % kPerByte * Width;
  const uint8x16_t low = shift ? bytes >> static_cast<uint8_t>(shift) : bytes;
  return shift == 8 - Width ? low : vandq_u8(low, vdupq_n_u8((1 << Width) - 1));
}

// Codes of outputs 4 * v .. 4 * v + 3 of a panel's dense step, as they are stored; its vectors are
// `apart` bytes from each other.
template <int Bits>
QDSL_INLINE void unpack(const uint8_t* step, int64_t apart, int v, Codes& codes) {
#pragma GCC unroll 8
  for (int q = 0; q < kQuads; ++q) {
    codes[q] = vdupq_n_u8(0);
    const uint8_t* vectors = step;
    int low = 0;
    if constexpr (Bits & 8) codes[q] = field<8>(vectors, apart, v, q);
    if constexpr (Bits & 4) {
      codes[q] = field<4>(vectors, apart, v, q);
      vectors += 4 * apart;
      low = 4;
    }
    if constexpr (Bits & 2) {
      codes[q] = vorrq_u8(codes[q], field<2>(vectors, apart, v, q) << static_cast<uint8_t>(low));
      vectors += 2 * apart;
      low += 2;
    }
    if constexpr (Bits & 1)
      codes[q] = vorrq_u8(codes[q], field<1>(vectors, apart, v, q) << static_cast<uint8_t>(low));
  }
}

}  // namespace
}  // namespace qdsl
