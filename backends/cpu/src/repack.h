// Declares the way from the canonical layout on disk to a packed weight.
#pragma once

#include <cstdint>

#include "weight.h"

namespace qdsl {

enum class Kind { integer, ternary, binary };

template <class T>
struct Span {
  const T* data;
  int64_t size;
};

// A weight [outputs, in_features] as an artifact stores it. Rows of codes, zeros and index begin on
// a byte and are little-endian in bits.
struct Canonical {
  int64_t outputs, in_features;
  int64_t group;  // positions along in_features that share a scale; 0: the whole row
  Kind kind;
  int bits;      // of a code; ternary has 2, binary 1
  bool is_signed;
  bool half;     // a code q stands for q + 1/2
  Zero zero;
  int64_t kept, period;     // sparsity kept:period; period 0: dense
  Span<uint8_t> codes;      // [outputs, row bytes]
  Span<uint8_t> index;      // [outputs, row bytes], with sparsity
  Span<uint8_t> zeros;      // [outputs, row bytes of groups codes], Zero::integer
  Span<float> scales;       // [outputs, groups]
  Span<float> shifts;       // [outputs, groups], Zero::floating
};

// Shape of the packed weight: codes of 3 bits are stored in 4, of 5 to 7 in 8, sparse binary in 2,
// and q + 1/2 as the code 2q + 1 of one bit more, with half the scale.
// std::invalid_argument where the description contradicts itself.
Shape packed_shape(const Canonical& from);

// Writes packed_shape(from).bytes bytes to `to`. Sparse rows are expanded: a pruned position takes
// the code that stands for 0. std::invalid_argument where a table has the wrong size or a value
// that the format does not have.
void repack(const Canonical& from, uint8_t* to);

}  // namespace qdsl
