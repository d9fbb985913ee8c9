// Declares the bindings: one file per family of operations, and what they share. The GIL is
// released while kernels run.
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

void bind_machine(nb::module_& m);
void bind_limits(nb::module_& m);
void bind_exchange(nb::module_& m);
void bind_repack(nb::module_& m);
void bind_linear(nb::module_& m);
void bind_lstm(nb::module_& m);
void bind_gru(nb::module_& m);
void bind_convolution(nb::module_& m);
void bind_dequantize(nb::module_& m);
void bind_integer(nb::module_& m);
void bind_values(nb::module_& m);

}  // namespace qdsl
