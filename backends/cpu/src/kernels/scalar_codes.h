// Reads the codes of one output: the definition of the layout that the other kernels unpack.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "weight.h"

namespace qdsl {
namespace {  // one copy per translation unit: the linker must not share it among instruction sets

inline float widened(uint16_t bits, Float type) {
  if (type == Float::bf16) return std::bit_cast<float>(uint32_t{bits} << 16);
  const uint32_t sign = uint32_t{bits} >> 15 << 31, exponent = bits >> 10 & 31, low = bits & 0x3ff;
  if (exponent == 0) {  // a multiple of 2^-24
    const float value = static_cast<float>(low) * 5.9604644775390625e-8f;
    return std::bit_cast<float>(std::bit_cast<uint32_t>(value) | sign);
  }
  const uint32_t wide = exponent == 31 ? 255 : exponent + 112;
  return std::bit_cast<float>(sign | wide << 23 | low << 13);
}

// Entry `lane` of a table of the type.
inline float entry_of(const uint8_t* table, int64_t lane, Float type) {
  if (type == Float::f32) {
    float value;
    std::memcpy(&value, table + 4 * lane, 4);
    return value;
  }
  uint16_t bits;
  std::memcpy(&bits, table + 2 * lane, 2);
  return widened(bits, type);
}

// What belongs to the 16 * panel + lane-th output of a block in one group.
struct Entry {
  float scale, shift;
  int32_t centre;
};

inline Entry entry(const Weight& w, int64_t block, int64_t g, int64_t lane) {
  Entry e{entry_of(w.scales(block, g), lane, w.scale), 0, w.centre};
  if (w.half) e.scale *= 0.5f;
  if (w.zero == Zero::floating) e.shift = entry_of(w.zeros(block, g), lane, w.shift);
  if (w.zero == Zero::integer) e.centre = w.zeros(block, g)[lane];
  return e;
}

// The code of quad q, position j of a step, whose vectors are `apart` bytes from each other.
inline int code_at(const Weight& w, const uint8_t* step, int64_t apart, int64_t lane, int64_t q,
                   int64_t j) {
  int code = 0, low = 0;  // the fields before one take as many vectors as they have bits
  for (const int width : {8, 4, 2, 1}) {
    if (!(w.bits & width)) continue;
    const int64_t per_byte = 8 / width, i = low + q / per_byte;
    const uint8_t byte = step[(w.period ? sparse_vector(w.bits, i) : i) * apart + 4 * lane + j];
    code |= (byte >> q % per_byte * width & ((1 << width) - 1)) << low;
    low += width;
  }
  return code;
}

// A code as it reads.
inline uint8_t reading(const Weight& w, int v) {
  return static_cast<uint8_t>(w.bits == 1 ? 2 * v : w.half ? 2 * v + 1 : v);
}

// Codes of one output of a panel in a step of codes, for its spread * 32 positions; the vectors are
// `apart` bytes from each other.
inline void read_step(const Weight& w, const uint8_t* step, int64_t apart, int64_t lane,
                      int centre, uint8_t* codes) {
  if (w.period) std::memset(codes, centre, kStep * w.spread);
  for (int64_t i = 0; i < kStep; ++i) {
    const int64_t q = i / 4, j = i % 4;
    const uint8_t code = reading(w, code_at(w, step, apart, lane, q, j));
    if (!w.period) {
      codes[i] = code;
      continue;
    }
    const uint8_t* places = step + sparse_vector(w.bits, w.bits + q / 4) * apart + 4 * lane + j;
    codes[i / w.kept * 4 + (*places >> q % 4 * 2 & 3)] = code;
  }
}

// Codes of one output in one group, [padded to steps].
inline void read_group(const Weight& w, int64_t output, int64_t g, int centre, uint8_t* codes) {
  const int64_t block = output / kBlock, panel = output % kBlock / kLanes;
  const int64_t apart = w.panels_of(block) * kVector;
  const uint8_t* at = w.codes(block, g) + panel * kVector;
  for (int64_t s = 0; s < w.steps_of(g); s += w.spread, at += w.vectors * apart)
    read_step(w, at, apart, output % kLanes, centre, codes + s * kStep);
}

}  // namespace
}  // namespace qdsl
