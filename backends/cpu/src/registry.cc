// Collects the kernels that register themselves.
#include <array>
#include <stdexcept>

#include "kernel.h"

namespace qdsl {
namespace {

using Table = std::array<Kernels, std::size(kIsas)>;

Table& own() {  // a function, so that it exists before the first Register
  static Table table{};
  return table;
}

template <class Function>
void take(Function& to, Function from) {
  if (from) to = from;
}

void merge(Kernels& to, const Kernels& from) {
  take(to.linear_int8, from.linear_int8);
  take(to.linear_f32, from.linear_f32);
  take(to.linear_bf16, from.linear_bf16);
  take(to.decode, from.decode);
  take(to.unfold, from.unfold);
  take(to.largest, from.largest);
  take(to.round, from.round);
  take(to.fix, from.fix);
  take(to.halve, from.halve);
  take(to.cell, from.cell);
  take(to.gru_cell, from.gru_cell);
  take(to.convolution, from.convolution);
}

Table resolve() {
  Table table = own();
  for (size_t i = 1; i < table.size(); ++i) {
    Kernels merged = table[static_cast<size_t>(below(kIsas[i]))];
    merge(merged, table[i]);
    table[i] = merged;
  }
  return table;
}

}  // namespace

Register::Register(Isa isa, const Kernels& defined) {
  merge(own()[static_cast<size_t>(isa)], defined);
}

const Kernels& kernels(Isa isa) {
  static const Table table = resolve();
  return table[static_cast<size_t>(isa)];
}

std::vector<std::string> registered(Isa isa) {
  const Kernels& k = own()[static_cast<size_t>(isa)];
  const std::string suffix = std::string("_") + name(isa);
  std::vector<std::string> names;
  if (k.linear_int8) names.push_back("linear_int8" + suffix);
  if (k.linear_f32) names.push_back("linear_f32" + suffix);
  if (k.linear_bf16 && k.halve) names.push_back("linear_bf16" + suffix);
  if (k.decode) names.push_back("decode" + suffix);
  if (k.unfold) names.push_back("unfold" + suffix);
  if (k.largest && k.round && k.fix) names.push_back("quantize_int8" + suffix);
  if (k.cell) names.push_back("lstm_f32" + suffix);
  if (k.gru_cell) names.push_back("gru_f32" + suffix);
  if (k.convolution) names.push_back("convolution" + suffix);
  return names;
}

}  // namespace qdsl
