// Declares the way from the canonical layout on disk to a packed weight.
#pragma once

#include "canonical.h"

namespace qdsl {

// Writes packed_layout(from)'s bytes to `to`, its blocks shared among `threads` (0: all).
// std::invalid_argument where a table has the wrong size or a value that the format does not have.
void repack(const Canonical& from, uint8_t* to, int threads);

}  // namespace qdsl
