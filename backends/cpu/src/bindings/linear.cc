// Binds the product with a packed weight.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include "bindings/bindings.h"

namespace qdsl {
namespace {

// Each of the `examples` has its own scale per tensor, and `rows` rows.
void bound_linear(Address x, int64_t examples, int64_t rows, int64_t in_features, Address weight,
                  int64_t size, Address bias, Address y, int64_t outputs, int activations,
                  int64_t stride, Address scale, Address zero, int lowest, int highest,
                  const Name& isa, int threads) {
  const Weight w = weight_at(weight, size, outputs, in_features);
  const Activations kind = activations_of(activations, scale, zero, lowest, highest);
  const Isa chosen = isa_of(isa);
  nb::gil_scoped_release release;
  for (int64_t i = 0; i < examples; ++i) {
    const Output out{.values = pointer<float>(y) + i * rows * outputs,
                     .bias = pointer<float>(bias)};
    linear(w, {pointer<float>(x) + i * rows * stride, rows, stride}, kind, out, chosen, threads);
  }
}

}  // namespace

void bind_linear(nb::module_& m) {
  using namespace nb::literals;
  m.def("linear", bound_linear, "x"_a, "examples"_a, "rows"_a, "in_features"_a, "weight"_a,
        "size"_a, "bias"_a, "y"_a, "outputs"_a, "activations"_a, "stride"_a, "scale"_a = 0, "zero"_a = 0, "lowest"_a = 0,
        "highest"_a = 0, "isa"_a = nb::none(),
        "threads"_a = 0);
}

}  // namespace qdsl
