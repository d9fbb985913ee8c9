// Binds products of rounded tensors and the rounding of values, by addresses.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <tuple>
#include <vector>

#include "bindings/bindings.h"
#include "bindings/rounding.h"
#include "values/product.h"
#include "values/round.h"

namespace qdsl {
namespace {

// Address, sizes, strides in elements.
using Given = std::tuple<Address, std::vector<int64_t>, std::vector<int64_t>>;
// Scale, zero, lowest and highest code.
using Range = std::tuple<float, float, float, float>;

Strided strided(const Given& tensor) {
  const auto& [address, sizes, strides] = tensor;
  expect(sizes.size() == strides.size(), "a tensor has a stride for every axis");
  return {pointer<float>(address), sizes, strides};
}

std::optional<FixedRange> fixed(const std::optional<Range>& range) {
  if (!range) return std::nullopt;
  const auto& [scale, zero, lowest, highest] = *range;
  return fixed_range(scale, zero, lowest, highest);
}

void bound_matmul(const Given& x, const Given& y, const std::string& equation, Address out,
                  bool shared, const std::optional<Range>& left,
                  const std::optional<Range>& right, const Name& isa, int threads) {
  const std::optional<FixedRange> a = fixed(left), b = fixed(right);
  const Isa chosen = isa_of(isa);
  nb::gil_scoped_release release;
  product(equation, strided(x), strided(y), {a ? &*a : nullptr, shared},
          {b ? &*b : nullptr, shared}, pointer<float>(out), chosen, threads);
}

void bound_round(Address x, int64_t examples, int64_t rows, int64_t width, Address y, bool shared,
                 const std::optional<Range>& range, const Name& isa, int threads) {
  const std::optional<FixedRange> own = fixed(range);
  const Isa chosen = isa_of(isa);
  nb::gil_scoped_release release;
  for (int64_t i = 0; i < examples; ++i)
    round_rows(pointer<float>(x) + i * rows * width, rows, width, {own ? &*own : nullptr, shared},
               pointer<float>(y) + i * rows * width, chosen, threads);
}

}  // namespace

void bind_values(nb::module_& m) {
  using namespace nb::literals;
  m.def("matmul", bound_matmul, "x"_a, "y"_a, "equation"_a, "out"_a, "shared"_a,
        "left"_a = nb::none(), "right"_a = nb::none(), "isa"_a = nb::none(), "threads"_a = 0);
  m.def("round", bound_round, "x"_a, "examples"_a, "rows"_a, "width"_a, "y"_a, "shared"_a,
        "range"_a = nb::none(), "isa"_a = nb::none(), "threads"_a = 0);
}

}  // namespace qdsl
