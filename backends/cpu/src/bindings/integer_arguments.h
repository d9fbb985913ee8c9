// Declares how operations of integer arithmetic read their arguments.
#pragma once

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <vector>

#include "bindings/operation.h"
#include "integer/kernels.h"
#include "integer/run.h"

namespace qdsl {

using Sizes = std::vector<int64_t>;

inline Running running(const Name& isa, int threads) { return {isa_of(isa), threads}; }

inline Sizes sizes_of(const Tensor& x) { return {x.shape(), x.shape() + x.dims()}; }
inline Sizes strides_of(const Tensor& x) { return {x.strides(), x.strides() + x.dims()}; }

// int16 codes, contiguous; `kept` holds a copy where they are not.
inline Tensor codes_of(nb::handle x, nb::object& kept) {
  return Tensor(x, Dtype::int16, "codes").contiguous(kept);
}

inline Made make_codes(const Sizes& shape) {
  return make_tensor(shape.data(), static_cast<int>(shape.size()), Dtype::int16);
}

// A constant of `count` numbers.
inline const int32_t* constant(nb::handle tensor, int64_t count) {
  const Tensor found(tensor, Dtype::int32, "constant");
  expect(found.contiguous() && found.elements() == count,
         "a constant has not a number for each channel");
  return found.data<int32_t>();
}

// Numbers with a shift each, or `count` with one.
inline Multiplier multiplier(nb::handle mantissa, nb::handle shift, int64_t count = 1) {
  return {constant(mantissa, count), constant(shift, 1)};
}

inline const uint8_t* table_of(nb::handle tensor) {
  const Tensor table(tensor, Dtype::uint8, "table");
  expect(table.contiguous() && table.elements() == 256, "a table has 256 entries");
  return table.data<uint8_t>();
}

// Adds operations by name, each with the arguments `isa` and `threads` behind its own.
class Operations {
 public:
  explicit Operations(nb::dict& to) : to_(to) {}

  template <class Function, class... Names>
  void add(const char* name, Function function, Names... names) {
    using namespace nb::literals;
    to_[name] = nb::cpp_function(function, nb::arg(names)..., "isa"_a = nb::none(),
                                 "threads"_a = 0);
  }

 private:
  nb::dict& to_;
};

void add_integer_values(Operations& to);
void add_integer_rows(Operations& to);
void add_integer_products(Operations& to);
void add_integer_layers(Operations& to);

}  // namespace qdsl
