// Declares what operations on torch's tensors share: the words of their arguments, packed weights.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "bindings/bindings.h"
#include "bindings/tensor.h"

namespace qdsl {

// Of `f32`, `int8_token`, `int8_tensor` and static ranges such as `uint8_static`, which have a scale
// and may have a zero, f32 [1]; KeyError for other words.
Activations activations_of(nb::str word, nb::handle scale, nb::handle zero);

// Rows of a table, contiguous; of integers of another type a copy, which `owner` keeps alive.
Tensor ids_of(nb::handle ids, nb::object& owner);

// std::invalid_argument unless a convolution can have these numbers, one per axis, two of padding;
// sums and products of two of them fit 64 bits.
void expect_geometry(std::span<const int64_t> kernel, std::span<const int64_t> stride,
                     std::span<const int64_t> padding, std::span<const int64_t> dilation);

// The packed weight in a contiguous uint8 tensor.
Weight weight_of(nb::handle tensor);
Weight weight_of(nb::handle tensor, int64_t outputs, int64_t in_features);

}  // namespace qdsl
