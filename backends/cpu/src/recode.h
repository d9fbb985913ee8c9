// Declares the way from codes and indices that are stored in fewer bits to plain fields of bits.
#pragma once

#include <cstdint>

#include "canonical.h"

namespace qdsl {

// Ternary codes, five in a byte as digits of base 3, as fields of 2 bits: rows of `count` codes.
// `to` has rows * row_bytes(2 * count) bytes. A byte above 242 gives the code -2, which none has.
void fields_of_base3(const Span<uint8_t>& from, int64_t rows, int64_t count, uint8_t* to,
                     int threads);

// Ranks of sets of `kept` in `period` positions (in lexicographic order: qdsl.artifact.combination)
// as their positions, `sets` a row. `to` has rows * row_bytes(sets * kept * bits of a position)
// bytes. std::invalid_argument for a rank that no set has, and for ranks beyond 63 bits.
void positions_of_ranks(const Span<uint8_t>& from, int64_t rows, int64_t sets, int64_t kept,
                        int64_t period, uint8_t* to, int threads);

}  // namespace qdsl
