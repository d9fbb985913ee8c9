// Binds the operation `qdsl::linear`: what torch's dispatcher calls.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <algorithm>

#include "bindings/operation.h"

namespace qdsl {
namespace {

nb::object linear_operation(nb::handle x, nb::handle weight, nb::handle bias, int64_t outputs,
                            nb::str activations, nb::handle scale, nb::handle zero, bool relu,
                            nb::handle residual, const Name& isa, int threads) {
  nb::object kept;
  Tensor given(x, Dtype::float32, "x");
  expect(given.dims() > 0, "the input has no dimension");
  if (given.row_stride() < 0) given = given.contiguous(kept);
  const Activations kind = activations_of(activations, scale, zero);
  const int64_t in_features = given.size(-1);
  const Weight w = weight_of(weight, outputs, in_features);
  nb::object kept_bias;
  const float* added = nullptr;
  if (!bias.is_none()) {
    const Tensor b = Tensor(bias, Dtype::float32, "bias").contiguous(kept_bias);
    expect(b.elements() == outputs, "the number of elements of the bias is not that of outputs");
    added = b.data<float>();
  }
  Made y = make_like(given, given.dims() - 1, outputs);
  nb::object kept_residual;
  const float* more = nullptr;
  if (!residual.is_none()) {
    const Tensor r = Tensor(residual, Dtype::float32, "residual").contiguous(kept_residual);
    expect(r.dims() == given.dims() && r.size(-1) == outputs &&
               std::equal(r.shape(), r.shape() + r.dims() - 1, given.shape()),
           "the shape of the residual is not that of the result");
    more = r.data<float>();
  }
  const int64_t all = given.elements_before(given.dims() - 1);
  const bool each = kind.kind == ActivationKind::int8_tensor && given.dims() > 1;
  const int64_t examples = each ? given.size(0) : 1;
  const int64_t rows = examples ? all / examples : 0;
  const int64_t stride = given.row_stride();
  const float* from = given.data<float>();
  const Isa chosen = isa_of(isa);
  nb::gil_scoped_release release;
  for (int64_t i = 0; i < examples; ++i)
    linear(w, {from + i * rows * stride, rows, stride}, kind,
           {.values = y.data + i * rows * outputs, .bias = added, .relu = relu,
            .residual = more ? more + i * rows * outputs : nullptr}, chosen, threads);
  return std::move(y.object);
}

}  // namespace

void bind_linear(nb::module_& m) {
  using namespace nb::literals;
  m.def("linear_operation", linear_operation, "x"_a, "weight"_a, "bias"_a.none(), "out_features"_a,
        "activations"_a, "scale"_a = nb::none(), "zero"_a = nb::none(),
        "relu"_a = false, "residual"_a = nb::none(), "isa"_a = nb::none(), "threads"_a = 0);
}

}  // namespace qdsl
