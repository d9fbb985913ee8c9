// Folds codes of 2 bits into digits of base 3, and lays blocks out for kernels.
#include "base3.h"

#include <cstring>

namespace qdsl {
namespace {

uint8_t digit(uint8_t byte, int field) {
  const uint8_t code = byte >> 2 * field & 3;
  return code - (code != 0);
}

}  // namespace

void fold(const uint8_t* vectors, int64_t count, uint8_t* to) {
  for (; count >= kDigits; count -= kDigits, vectors += kDigits * kVector) {
    for (int i = 0; i < kDigits - 1; ++i, to += kVector)
      for (int64_t j = 0; j < kVector; ++j) {
        uint8_t number = digit(vectors[(kDigits - 1) * kVector + j], i);
        for (int field = 3; field >= 0; --field)
          number = static_cast<uint8_t>(3 * number + digit(vectors[i * kVector + j], field));
        to[j] = number;
      }
  }
  std::memcpy(to, vectors, count * kVector);
}

Weight unfolded(const Weight& w, int64_t block, const Kernels& k, Buffer<uint8_t>& memory) {
  if (!w.base3) return w;
  Weight plain = w;
  static_cast<Shape&>(plain) = w.plain();
  uint8_t* to = memory.room(plain.block_bytes);
  plain.data = to - plain.segment_at(block, 0);
  for (int64_t g = 0; g < w.groups; ++g) {
    const int64_t bytes = plain.code_bytes(block, g);
    k.unfold(w.codes(block, g), bytes / kVector, to);
    std::memcpy(to + bytes, w.scales(block, g), w.entry_bytes);
    to += bytes + w.entry_bytes;
  }
  return plain;
}

}  // namespace qdsl
