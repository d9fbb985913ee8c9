// Declares what operations on torch's tensors share: the words of their arguments, packed weights.
#pragma once

#include <optional>
#include <string_view>

#include "bindings/bindings.h"
#include "bindings/tensor.h"

namespace qdsl {

// Of `f32`, `int8_token`, `int8_tensor` and static ranges such as `uint8_static`, which have a scale
// and may have a zero, f32 [1]; KeyError for other words.
Activations activations_of(nb::str word, nb::handle scale, nb::handle zero);

// The packed weight in a contiguous uint8 tensor.
Weight weight_of(nb::handle tensor);
Weight weight_of(nb::handle tensor, int64_t outputs, int64_t in_features);

}  // namespace qdsl
