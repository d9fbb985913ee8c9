// Declares the rounding of values that stay floats.
#pragma once

#include <cstdint>

#include "isa.h"
#include "values/rounding.h"

namespace qdsl {

// y [rows, width] = x rounded, as floats again; with `shared` one scale is for all rows.
void round_rows(const float* x, int64_t rows, int64_t width, const Rounding& rounding, float* y,
                Isa isa, int threads);

}  // namespace qdsl
