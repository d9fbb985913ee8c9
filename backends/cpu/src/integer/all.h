// Lists the kernels of integer arithmetic, in the order of the enumerations in kernels.h.
#pragma once

#include "integer/elementwise.h"
#include "integer/rows.h"

namespace qdsl {
namespace {

inline constexpr IntegerKernels kIntegers{
    .unary = {requantize, look_up, sigmoids, hyperbolic_tangents, silus, gelus},
    .binary = {add, multiply, divide, glu, glu_polynomial},
    .rows = {softmax, softmax_polynomial, layer_norm, scale_and_shift},
    .from_integers = from_integers,
    .reduce = reduce,
};

}  // namespace
}  // namespace qdsl
