// Binds what this processor runs.
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <vector>

#include "bindings/bindings.h"
#include "integer/kernels.h"
#include "kernel.h"
#include "values/kernel.h"

namespace qdsl {
namespace {

std::vector<std::string> bound_isas() {
  std::vector<std::string> names;
  for (Isa isa : kIsas)
    if (supported(isa)) names.push_back(name(isa));
  return names;
}

std::vector<std::string> bound_kernels() {
  std::vector<std::string> names;
  for (Isa isa : kIsas) {
    for (const std::string& kernel : registered(isa)) names.push_back(kernel);
    if (has_integers(isa)) names.push_back(std::string("integer_") + name(isa));
    for (const std::string& kernel : registered_values(isa)) names.push_back(kernel);
  }
  return names;
}

}  // namespace

void bind_machine(nb::module_& m) {
  using namespace nb::literals;
  m.def("isa", [] { return std::string(name(default_isa())); });
  m.def("isas", bound_isas);
  m.def("kernels", bound_kernels);
}

}  // namespace qdsl
