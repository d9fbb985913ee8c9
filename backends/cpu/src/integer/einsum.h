// Declares products of two tensors of int16 codes.
#pragma once

#include <span>
#include <string_view>

#include "integer/kernels.h"
#include "integer/run.h"

namespace qdsl {

struct Codes {
  const int16_t* codes;
  std::span<const int64_t> sizes, strides;  // in elements
};

// `out` is contiguous in the order of the equation's result. std::invalid_argument where the
// equation is none of two such tensors, or sums more than 2^16 products.
void integer_einsum(std::string_view equation, const Codes& a, const Codes& b,
                    const Multiplier& by, int16_t* out, Running running);

}  // namespace qdsl
