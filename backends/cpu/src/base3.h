// Declares weights whose ternary codes are held five in a byte, and how kernels come to read them.
//
// Of the vectors of a segment, see weight.h, each five are held in four. Byte j of the i-th of these is
// a number of five digits: four are the fields of byte j of the i-th of the five, less 1, low bits
// first, the highest is field i of byte j of the fifth. The vectors that are left over stay as they are.
#pragma once

#include "kernel.h"
#include "tokens.h"

namespace qdsl {

inline constexpr int kDigits = 5;

// Four vectors of the five; fields of 0, which only padding has, become 1.
void fold(const uint8_t* vectors, int64_t count, uint8_t* to);

// The weight with that block as kernels read it: as it is, or unfolded in `memory`.
Weight unfolded(const Weight& w, int64_t block, const Kernels& k, Buffer<uint8_t>& memory);

}  // namespace qdsl
