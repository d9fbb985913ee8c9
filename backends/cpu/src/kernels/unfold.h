// Unfolds vectors of base 3, see base3.h, in arithmetic that compilers turn into vectors.
#pragma once

#include <cstring>

#include "base3.h"

namespace qdsl {
namespace {  // one copy per translation unit: the linker must not share it among instruction sets

void unfold(const uint8_t* from, int64_t count, uint8_t* to) {
  for (; count >= kDigits; count -= kDigits, to += kDigits * kVector) {
    uint8_t* fifth = to + (kDigits - 1) * kVector;
    std::memset(fifth, 0, kVector);
    for (int i = 0; i < kDigits - 1; ++i, from += kVector)
      for (int64_t j = 0; j < kVector; ++j) {
        // 171 / 512 is a third of what is below 256
        const uint32_t a = from[j], b = a * 171 >> 9, c = b * 171 >> 9, d = c * 171 >> 9;
        const uint32_t last = d * 171 >> 9;
        const uint32_t fields = (a - 3 * b) | (b - 3 * c) << 2 | (c - 3 * d) << 4 |
                                (d - 3 * last) << 6;
        to[i * kVector + j] = static_cast<uint8_t>(fields + 0x55);
        fifth[j] = static_cast<uint8_t>(fifth[j] | (last + 1) << 2 * i);
      }
  }
  std::memcpy(to, from, count * kVector);
}

}  // namespace
}  // namespace qdsl
