// Declares how operations read the way in which values are rounded.
#pragma once

#include <nanobind/nanobind.h>

#include <optional>

#include "values/rounding.h"

namespace qdsl {

// std::invalid_argument unless it has at most 8 bits and holds its zero.
FixedRange fixed_range(float scale, float zero, float lowest, float highest);

// Dynamic int8 or a fixed range; points into itself.
class GivenRounding {
 public:
  // `activations`: int8_token, int8_tensor, or a word of a static range, for which scale and zero
  // are float32 tensors of one element, the zero or None. KeyError for other words.
  GivenRounding(nanobind::str activations, nanobind::handle scale, nanobind::handle zero);
  GivenRounding(const GivenRounding&) = delete;

  Rounding value() const { return {range_ ? &*range_ : nullptr, shared_}; }

 private:
  std::optional<FixedRange> range_;
  bool shared_ = false;
};

}  // namespace qdsl
