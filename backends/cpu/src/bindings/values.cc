// Binds the operations `qdsl::matmul` and `qdsl::round`: what torch's dispatcher calls.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <array>
#include <string_view>

#include "bindings/rounding.h"
#include "values/product.h"
#include "values/round.h"

namespace qdsl {
namespace {

std::span<const int64_t> span(const int64_t* numbers, int count) {
  return {numbers, static_cast<size_t>(count)};
}

Strided strided(const Tensor& x) {
  return {x.data<float>(), span(x.shape(), x.dims()), span(x.strides(), x.dims())};
}

Made make_result(std::string_view equation, const Strided& x, const Strided& y) {
  std::array<int64_t, 2 * kMostAxes> shape;
  return make_tensor(shape.data(), result_shape(equation, x, y, shape.data()));
}

nb::object matmul_operation(nb::handle x, nb::handle y, nb::str equation, nb::str activations,
                            nb::handle left_scale, nb::handle left_zero, nb::handle right_scale,
                            nb::handle right_zero, const Name& isa, int threads) {
  const Tensor a(x, Dtype::float32, "x"), b(y, Dtype::float32, "y");
  const GivenRounding left(activations_of(activations, left_scale, left_zero));
  const GivenRounding right(activations_of(activations, right_scale, right_zero));
  const std::string_view text = equation.c_str();
  const Isa chosen = isa_of(isa);
  Made out = make_result(text, strided(a), strided(b));
  nb::gil_scoped_release release;
  product(text, strided(a), strided(b), left.value(), right.value(), out.data, chosen, threads);
  return std::move(out.object);
}

nb::object round_operation(nb::handle x, nb::str activations, nb::handle scale, nb::handle zero,
                           const Name& isa, int threads) {
  nb::object kept;
  const Tensor given = Tensor(x, Dtype::float32, "x").contiguous(kept);
  const GivenRounding rounding(activations_of(activations, scale, zero));
  const Isa chosen = isa_of(isa);
  Made y = make_tensor(given.shape(), given.dims());
  const int dims = given.dims();
  const int64_t width = dims ? given.size(-1) : 1;
  const int64_t all = dims ? given.elements_before(dims - 1) : 1;
  const int64_t examples = rounding.value().shared && dims > 1 ? given.size(0) : 1;
  const int64_t rows = examples ? all / examples : 0;
  const float* from = given.data<float>();
  nb::gil_scoped_release release;
  for (int64_t i = 0; i < examples; ++i)
    round_rows(from + i * rows * width, rows, width, rounding.value(), y.data + i * rows * width,
               chosen, threads);
  return std::move(y.object);
}

}  // namespace

void bind_values(nb::module_& m) {
  using namespace nb::literals;
  m.def("matmul_operation", matmul_operation, "x"_a, "y"_a, "equation"_a, "activations"_a,
        "left_scale"_a.none() = nb::none(), "left_zero"_a.none() = nb::none(),
        "right_scale"_a.none() = nb::none(), "right_zero"_a.none() = nb::none(),
        "isa"_a = nb::none(), "threads"_a = 0);
  m.def("round_operation", round_operation, "x"_a, "activations"_a,
        "scale"_a.none() = nb::none(), "zero"_a.none() = nb::none(), "isa"_a = nb::none(),
        "threads"_a = 0);
}

}  // namespace qdsl
