// Declares the einsum of two tensors that are rounded to integers.
#pragma once

#include <cstdint>
#include <string_view>

#include "isa.h"
#include "values/contraction.h"
#include "values/rounding.h"

namespace qdsl {

// out = f32(sum of (q_x - z_x) * (q_y - z_y)) * (s_x * s_y), the sum exact, each step rounded. A
// dynamic operand has a scale for every position of the axes that are not summed, or `shared` one
// for each entry of its first axis (one for all where that is summed). `out` is contiguous. A line
// with a value that is not finite, or in a range NaN, makes what it is summed for NaN.
// `threads`: how many, or 0 for as many as the amount of work is worth; results depend on neither
// it nor `isa`. std::invalid_argument where the equation does not fit the tensors.
void product(std::string_view equation, const Strided& x, const Strided& y, const Rounding& left,
             const Rounding& right, float* out, Isa isa, int threads);

}  // namespace qdsl
