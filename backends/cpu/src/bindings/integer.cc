// Binds the operations of integer arithmetic that need no weights.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <tuple>
#include <utility>

#include "bindings/bindings.h"
#include "integer/run.h"

namespace qdsl {
namespace {

using Sizes = std::vector<int64_t>;
// by: mantissa, shift; argument: mantissa, shift; table; offset; number
using Given = std::tuple<Address, Address, Address, Address, Address, Address, int64_t>;

Multiplier multiplier(Address mantissa, Address shift) {
  return {pointer<int32_t>(mantissa), pointer<int32_t>(shift)};
}

Constants constants(const Given& given) {
  const auto& [by, by_shift, argument, argument_shift, table, offset, number] = given;
  return {multiplier(by, by_shift), multiplier(argument, argument_shift),
          pointer<uint8_t>(table), pointer<int32_t>(offset), number};
}

template <class Kind>
Kind kind_of(int code, Kind last) {
  expect(code >= 0 && code <= static_cast<int>(last), "no such operation on integers");
  return static_cast<Kind>(code);
}

void bound_unary(int kind, Address x, int64_t count, const Given& given, Address y,
                 const Name& isa, int threads) {
  const Running running{isa_of(isa), threads};
  const Unary function = kind_of(kind, Unary::gelu);
  nb::gil_scoped_release release;
  unary(function, pointer<int16_t>(x), count, constants(given), pointer<int16_t>(y), running);
}

void bound_binary(int kind, Sizes shape, Address a, Sizes strides_a, Address b, Sizes strides_b,
                  const Given& given, Address y, const Name& isa, int threads) {
  const Running running{isa_of(isa), threads};
  const Binary function = kind_of(kind, Binary::glu_polynomial);
  nb::gil_scoped_release release;
  binary(function, std::move(shape), {pointer<int16_t>(a), std::move(strides_a)},
         {pointer<int16_t>(b), std::move(strides_b)}, constants(given), pointer<int16_t>(y),
         running);
}

void bound_rows(int kind, Address x, int64_t rows, int64_t n, const Given& given, Address y,
                const Name& isa, int threads) {
  const Running running{isa_of(isa), threads};
  const Rows function = kind_of(kind, Rows::scale_and_shift);
  nb::gil_scoped_release release;
  on_rows(function, pointer<int16_t>(x), rows, n, constants(given), pointer<int16_t>(y), running);
}

void bound_from_integers(Address x, int64_t count, const Given& given, Address y, const Name& isa,
                         int threads) {
  const Running running{isa_of(isa), threads};
  nb::gil_scoped_release release;
  from_integers(pointer<int64_t>(x), count, constants(given), pointer<int16_t>(y), running);
}

// windows: n, inner, size, stride, count
void bound_reduce(Address x, int64_t outer,
                  const std::tuple<int64_t, int64_t, int64_t, int64_t, int64_t>& windows,
                  const Given& given, Address y, const Name& isa, int threads) {
  const Running running{isa_of(isa), threads};
  const auto [n, inner, size, stride, count] = windows;
  expect(count <= 0 || (count - 1) * stride + size <= n, "windows leave the axis");
  nb::gil_scoped_release release;
  reduce(pointer<int16_t>(x), outer, {n, inner, size, stride, count}, constants(given),
         pointer<int16_t>(y), running);
}

}  // namespace

void bind_integer(nb::module_& m) {
  using namespace nb::literals;
  const auto isa = "isa"_a = nb::none();
  const auto threads = "threads"_a = 0;
  m.def("integer_unary", bound_unary, "kind"_a, "x"_a, "count"_a, "constants"_a, "y"_a, isa,
        threads);
  m.def("integer_binary", bound_binary, "kind"_a, "shape"_a, "a"_a, "strides_a"_a, "b"_a,
        "strides_b"_a, "constants"_a, "y"_a, isa, threads);
  m.def("integer_rows", bound_rows, "kind"_a, "x"_a, "rows"_a, "n"_a, "constants"_a, "y"_a, isa,
        threads);
  m.def("integer_from_integers", bound_from_integers, "x"_a, "count"_a, "constants"_a, "y"_a, isa,
        threads);
  m.def("integer_reduce", bound_reduce, "x"_a, "outer"_a, "windows"_a, "constants"_a, "y"_a, isa,
        threads);
}

}  // namespace qdsl
