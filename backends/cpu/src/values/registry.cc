// Collects the kernels of values that register themselves.
#include <array>

#include "values/kernel.h"

namespace qdsl {
namespace {

using Table = std::array<ValueKernels, std::size(kIsas)>;

Table& own() {  // a function, so that it exists before the first RegisterValues
  static Table table{};
  return table;
}

template <class Function>
void take(Function& to, Function from) {
  if (from) to = from;
}

void merge(ValueKernels& to, const ValueKernels& from) {
  take(to.largest, from.largest);
  take(to.largest_of_columns, from.largest_of_columns);
  take(to.encode, from.encode);
  take(to.encode_fixed, from.encode_fixed);
  take(to.encode_columns, from.encode_columns);
  take(to.encode_columns_fixed, from.encode_columns_fixed);
  take(to.round, from.round);
  take(to.round_fixed, from.round_fixed);
  take(to.tile, from.tile);
  take(to.scale, from.scale);
}

Table resolve() {
  Table table = own();
  for (size_t i = 1; i < table.size(); ++i) {
    ValueKernels merged = table[static_cast<size_t>(below(kIsas[i]))];
    merge(merged, table[i]);
    table[i] = merged;
  }
  return table;
}

}  // namespace

RegisterValues::RegisterValues(Isa isa, const ValueKernels& defined) {
  merge(own()[static_cast<size_t>(isa)], defined);
}

const ValueKernels& value_kernels(Isa isa) {
  static const Table table = resolve();
  return table[static_cast<size_t>(isa)];
}

std::vector<std::string> registered_values(Isa isa) {
  const ValueKernels& k = own()[static_cast<size_t>(isa)];
  const std::string suffix = std::string("_") + name(isa);
  std::vector<std::string> names;
  if (k.tile) names.push_back("matmul_int8" + suffix);
  if (k.round) names.push_back("round_values" + suffix);
  return names;
}

}  // namespace qdsl
