// Declares the bindings: one file per family of operations, and what they share. Tensors come as
// addresses, and the GIL is released while kernels run.
#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>

#include "isa.h"
#include "linear.h"
#include "weight.h"

namespace qdsl {

namespace nb = nanobind;

using Address = uintptr_t;
using Name = std::optional<std::string>;  // of an instruction set; none: the default one

template <class T>
T* pointer(Address address) {
  return reinterpret_cast<T*>(address);
}

inline Isa isa_of(const Name& text) { return text ? parse_isa(*text) : default_isa(); }

inline void expect(bool holds, const char* otherwise) {
  if (!holds) throw std::invalid_argument(otherwise);
}

// A static range has its scale and its zero point (or 0) at these addresses, both floats.
inline Activations activations_of(int code, Address scale, Address zero, int lowest,
                                  int highest) {
  expect(code >= 0 && code <= 4, "activations are 0 (f32), 1 (int8 per token), 2 (per tensor), "
                                 "3 (in a static range), 4 (bf16)");
  Activations a{.kind = static_cast<ActivationKind>(code)};
  if (a.kind != ActivationKind::fixed) return a;
  expect(scale, "a static range has a scale");
  expect(-128 <= lowest && lowest <= highest && highest <= 255, "no range of 8 bits");
  a.scale = *pointer<float>(scale);
  a.zero = zero ? static_cast<int32_t>(*pointer<float>(zero)) : 0;
  a.lowest = lowest;
  a.highest = highest;
  expect(lowest <= a.zero && a.zero <= highest, "a zero point outside its range");
  return a;
}

inline Weight weight_at(Address address, int64_t size, int64_t outputs, int64_t in_features) {
  const Weight w = view(pointer<void>(address), size);
  expect(w.in_features == in_features, "the last dimension of the input is not the weight's");
  expect(w.outputs == outputs, "the number of outputs is not the weight's");
  return w;
}

void bind_machine(nb::module_& m);
void bind_limits(nb::module_& m);
void bind_exchange(nb::module_& m);
void bind_repack(nb::module_& m);
void bind_linear(nb::module_& m);
void bind_linear_operation(nb::module_& m);
void bind_lstm(nb::module_& m);
void bind_gru(nb::module_& m);
void bind_convolution(nb::module_& m);
void bind_dequantize(nb::module_& m);
void bind_integer(nb::module_& m);
void bind_values(nb::module_& m);
void bind_values_operation(nb::module_& m);

}  // namespace qdsl
