// Declares how operations on values read the way in which they are rounded.
#pragma once

#include <optional>

#include "bindings/operation.h"
#include "values/rounding.h"

namespace qdsl {

// Dynamic int8 or a static range; points into itself.
class GivenRounding {
 public:
  explicit GivenRounding(const Activations& given) : shared_(given.kind == ActivationKind::int8_tensor) {
    expect(given.kind != ActivationKind::f32 && given.kind != ActivationKind::bf16,
           "`f32` and `bf16` are no rounding to integers");
    if (given.kind != ActivationKind::fixed) return;
    range_ = {given.scale, static_cast<float>(given.zero), static_cast<float>(given.lowest),
              static_cast<float>(given.highest)};
  }
  GivenRounding(const GivenRounding&) = delete;

  Rounding value() const { return {range_ ? &*range_ : nullptr, shared_}; }

 private:
  std::optional<FixedRange> range_;
  bool shared_ = false;
};

}  // namespace qdsl
