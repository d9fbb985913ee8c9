// Declares the reading of rows of a packed table as int16 codes.
#pragma once

#include "integer/product.h"

namespace qdsl {

// y [count, in_features]: (q - zero) times the multiplier of its row and group; shifts [rows].
// std::out_of_range for a row that the table lacks.
void integer_embedding(const Weight& w, const int64_t* ids, int64_t count,
                       const GroupMultiplier& by, int16_t* y);

}  // namespace qdsl
