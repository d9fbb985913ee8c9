// Lists the kernels of integer arithmetic, in the order of the enumerations in kernels.h.
#pragma once

#include "integer/elementwise.h"
#include "integer/gates.h"
#include "integer/parts.h"
#include "integer/rows.h"

namespace qdsl {
namespace {

inline constexpr IntegerKernels kIntegers{
    .quantize = quantize_values,
    .dequantize = dequantize_codes,
    .unary = {requantize, look_up, sigmoids, hyperbolic_tangents, silus, gelus},
    .binary = {add, multiply, divide, glu, glu_polynomial},
    .rows = {softmax, softmax_polynomial, layer_norm, scale_and_shift},
    .from_integers = from_integers,
    .reduce = reduce,
    .narrow = narrow_codes,
    .sum = sum_codes,
    .finish = finish,
    .multiply_add = multiply_add,
    .scale_sums = scale_sums,
    .lstm = lstm_steps,
    .gru = gru_steps,
};

}  // namespace
}  // namespace qdsl
