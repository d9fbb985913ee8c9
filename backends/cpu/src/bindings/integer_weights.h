// Declares how operations of integer arithmetic read packed weights and their multipliers.
#pragma once

#include "bindings/integer_arguments.h"
#include "integer/product.h"

namespace qdsl {

inline Weight integer_weight(nb::handle tensor, int64_t in_features) {
  const Weight w = weight_of(tensor);
  expect(w.in_features == in_features, "the last dimension of the input is not the weight's");
  return w;
}

// mantissa [outputs, groups], shift [outputs, 1].
inline GroupMultiplier groups(nb::handle mantissa, nb::handle shift, int64_t outputs,
                              int64_t groups) {
  return {constant(mantissa, outputs * groups), constant(shift, outputs), groups};
}

}  // namespace qdsl
