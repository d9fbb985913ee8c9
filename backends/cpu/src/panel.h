// Declares how whole steps of a panel get from rows of fields to the vectors that kernels read.
#pragma once

#include <cstdint>

namespace qdsl {

// One step of 16 outputs: `rows` point to where its 32 fields of `bits` bits begin in each, which is
// on a byte. Each code is the field ^ `flip`; vectors are `apart` bytes from each other in `to`.
// Returns whether all codes of 2 bits are other than 0.
bool write_panel(int bits, const uint8_t* const* rows, uint8_t flip, uint8_t* to, int64_t apart);

}  // namespace qdsl
