// Declares the way back from a packed weight to floats.
#pragma once

#include <cstdint>

#include "weight.h"

namespace qdsl {

// out [outputs, in_features]: s * (q - z), or s * q - zs, each step rounded to float.
void dequantize(const Weight& w, float* out);

// out [count, in_features] = the rows `ids`; std::out_of_range where there is no such row.
void embedding(const Weight& w, const int64_t* ids, int64_t count, float* out);

}  // namespace qdsl
