// Declares a weight as an artifact stores it, and reads its fields.
#pragma once

#include <cstdint>
#include <cstring>

#include "weight.h"

namespace qdsl {

enum class Kind { integer, ternary, binary, codebook };

template <class T>
struct Span {
  const T* data;
  int64_t size;
};

// A weight [outputs, in_features]. Rows of codes, zeros and index begin on a byte and are
// little-endian in bits; scales and shifts are in their stored type; where a table has one row for
// the whole weight, that row is every output's.
struct Canonical {
  int64_t outputs, in_features;
  int64_t group;  // positions along in_features that share a scale; 0: the whole row
  Kind kind;
  int bits;      // of a code; ternary has 2, binary 1
  bool is_signed;
  bool half;     // a code q stands for q + 1/2
  Zero zero;
  int64_t kept, period;     // sparsity kept:period; period 0: dense
  Float scale, shift;
  Span<uint8_t> codes;      // [outputs, row bytes]
  Span<uint8_t> index;      // [outputs, row bytes], with sparsity
  Span<uint8_t> zeros;      // [outputs or 1, row bytes of groups codes], Zero::integer
  Span<uint8_t> scales;     // bytes of [outputs or 1, groups]
  Span<uint8_t> shifts;     // bytes of [outputs or 1, groups], Zero::floating
  Span<float> values;       // [2^bits], Kind::codebook
  bool base3 = false;       // ternary: digits of base 3 where the packed weight is dense
};

// Bits `at`..`at + count` of a table, count at most 57; what lies beyond the table is 0.
inline uint64_t bits_at(const Span<uint8_t>& table, int64_t at, int count) {
  uint64_t word = 0;
  const int64_t byte = at / 8, left = table.size - byte;
  if (left >= 8) std::memcpy(&word, table.data + byte, 8);
  else if (left > 0) std::memcpy(&word, table.data + byte, left);
  return word >> (at % 8) & ((uint64_t{1} << count) - 1);
}

inline int64_t row_bytes(int64_t bits) { return (bits + 7) / 8; }

int64_t kept_per_row(const Canonical& c);
int index_bits(const Canonical& c);

// Whether pruned positions of a binary weight make it ternary.
inline bool with_nothing(const Canonical& c) { return c.kind == Kind::binary && c.period; }

// The layout of the packed weight. std::invalid_argument where the description contradicts itself.
Layout packed_layout(const Canonical& c);

// std::invalid_argument where a table has the wrong size.
void check_tables(const Canonical& c, const Shape& packed);

// Four fields of a row, a byte each, as packed codes; sets `bad` where a field has no meaning.
inline uint32_t packed_codes(const Canonical& c, uint32_t fields, bool& bad) {
  constexpr uint32_t kOnes = 0x01010101;
  if (with_nothing(c)) return kOnes + 2 * fields;  // 1 or 3, around 2
  if (!c.is_signed || c.kind == Kind::binary || c.kind == Kind::codebook) return fields;
  const uint32_t codes = fields ^ kOnes << (c.bits - 1);  // plus half the range, modulo 2^bits
  if (c.kind == Kind::ternary) {  // -2 became 0
    const uint32_t any = codes | codes >> 1;
    bad |= (any & kOnes) != kOnes;
  }
  return codes;
}

// The zero points of one output as packed codes, [groups].
void read_centres(const Canonical& c, int64_t output, int64_t groups, uint8_t* centres);

// One output of a sparse weight as packed codes [in_features], pruned positions left as they are;
// kept [in_features] is set to 1 where a code was. std::invalid_argument for a bad index.
void read_sparse(const Canonical& c, int64_t output, uint8_t* codes, uint8_t* kept);

}  // namespace qdsl
