// Collects the kernels of integer arithmetic that register themselves.
#include "integer/kernels.h"

#include <array>
#include <optional>
#include <stdexcept>

namespace qdsl {
namespace {

using Table = std::array<std::optional<IntegerKernels>, std::size(kIsas)>;

Table& table() {  // a function, so that it exists before the first RegisterIntegers
  static Table kernels;
  return kernels;
}

}  // namespace

RegisterIntegers::RegisterIntegers(Isa isa, const IntegerKernels& defined) {
  table()[static_cast<size_t>(isa)] = defined;
}

const IntegerKernels& integer_kernels(Isa isa) {
  for (; !has_integers(isa); isa = below(isa))
    if (isa == Isa::scalar) throw std::logic_error("integer arithmetic has no kernels");
  return *table()[static_cast<size_t>(isa)];
}

bool has_integers(Isa isa) { return table()[static_cast<size_t>(isa)].has_value(); }

}  // namespace qdsl
