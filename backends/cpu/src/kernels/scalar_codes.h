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

// Calls visit(k, u) for every position of group g of one output, k counted in its padded row.
template <int Bits, class Visit>
void for_codes(const Weight& w, int64_t output, int64_t g, Visit visit) {
  constexpr uint64_t kStep = 4 * (8 / Bits);
  const uint8_t* bytes = w.panel_codes(output / kLanes) + output % kLanes * 4;
  const uint64_t first = g * w.group_steps * kStep, last = first + w.group_size(g);
  for (uint64_t k = first; k < last; ++k) {
    const uint8_t byte = bytes[k / kStep * kStepBytes + k % 4];
    visit(k, decode<Bits>(byte, static_cast<int>(k % kStep / 4)));
  }
}

inline int centre_of(const Weight& w, int64_t entry) {
  return w.centres ? w.centres[entry] : w.centre;
}

}  // namespace qdsl
