// Binds products of rounded tensors and the rounding of values, by addresses.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <tuple>
#include <vector>

#include "bindings/rounding.h"
#include "values/product.h"
#include "values/round.h"

namespace qdsl {
namespace {

// Address, sizes, strides in elements.
using Given = std::tuple<Address, std::vector<int64_t>, std::vector<int64_t>>;
// Kind of activations, and of a static range addresses of scale and zero, lowest and highest code.
using Word = std::tuple<int, Address, Address, int, int>;

Strided strided(const Given& tensor) {
  const auto& [address, sizes, strides] = tensor;
  expect(sizes.size() == strides.size(), "a tensor has a stride for every axis");
  return {pointer<float>(address), sizes, strides};
}

Activations activations(const Word& word) {
  return std::apply([](auto... parts) { return activations_of(parts...); }, word);
}

void bound_matmul(const Given& x, const Given& y, const std::string& equation, Address out,
                  const Word& left, const Word& right, const Name& isa, int threads) {
  const GivenRounding a(activations(left)), b(activations(right));
  const Isa chosen = isa_of(isa);
  nb::gil_scoped_release release;
  product(equation, strided(x), strided(y), a.value(), b.value(), pointer<float>(out), chosen,
          threads);
}

void bound_round(Address x, int64_t examples, int64_t rows, int64_t width, Address y,
                 const Word& word, const Name& isa, int threads) {
  const GivenRounding rounding(activations(word));
  const Isa chosen = isa_of(isa);
  nb::gil_scoped_release release;
  for (int64_t i = 0; i < examples; ++i)
    round_rows(pointer<float>(x) + i * rows * width, rows, width, rounding.value(),
               pointer<float>(y) + i * rows * width, chosen, threads);
}

}  // namespace

void bind_values(nb::module_& m) {
  using namespace nb::literals;
  m.def("matmul", bound_matmul, "x"_a, "y"_a, "equation"_a, "out"_a, "left"_a,
        "right"_a, "isa"_a = nb::none(), "threads"_a = 0);
  m.def("round", bound_round, "x"_a, "examples"_a, "rows"_a, "width"_a, "y"_a, "word"_a,
        "isa"_a = nb::none(), "threads"_a = 0);
}

}  // namespace qdsl
