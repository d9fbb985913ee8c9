// Reads one code of a packed weight: the definition of the layout that the other kernels unpack.
#pragma once

#include <cstdint>

#include "weight.h"

namespace qdsl {

// Code i of the 8 / Bits codes in a byte.
template <int Bits>
int decode(uint8_t byte, int i) {
  if constexpr (Bits == 1) return (byte >> i & 1) * 2;
  return byte >> (Bits * i) & ((1 << Bits) - 1);
}

// Calls visit(k, u) for every position of group g of one output, k counted in the padded row.
template <int Bits, class Visit>
void for_codes(const Weight& w, int64_t output, int64_t g, Visit visit) {
  const uint8_t* bytes = w.panel_codes(output / kLanes) + output % kLanes * 4;
  const int64_t first = g * w.group_steps * w.step;
  const int64_t count = w.group_size(g);
  for (int64_t k = 0; k < count; ++k) {
    const int64_t at = first + k, within = at % w.step;
    const uint8_t byte = bytes[at / w.step * kStepBytes + within % 4];
    visit(at, decode<Bits>(byte, static_cast<int>(within / 4)));
  }
}

inline int centre_of(const Weight& w, int64_t entry) {
  return w.centres ? w.centres[entry] : w.centre;
}

}  // namespace qdsl
