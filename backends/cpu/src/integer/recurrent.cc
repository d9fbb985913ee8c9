// Runs LSTM and GRU layers on integers over time.
#include "integer/recurrent.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace qdsl {
namespace {

// What takes an argument of scale 8/127 to 20 fraction bits, as qdsl/fx/integer/gates.py makes it.
struct GatePolynomial {
  int32_t mantissa, shift;

  GatePolynomial() {
    const double step = static_cast<double>(static_cast<float>(8.0 / 127)) / 256 * (1 << 20);
    int exponent;
    std::frexp(step, &exponent);
    shift = std::clamp(31 - exponent, 0, 62);
    mantissa = static_cast<int32_t>(std::nearbyint(std::ldexp(step, shift)));
  }
};

GateFunctions completed(GateFunctions functions) {
  static const GatePolynomial polynomial;
  functions.polynomial = {&polynomial.mantissa, &polynomial.shift};
  return functions;
}

// y [batch, time, size] at one time.
void keep(const IntegerSequence& s, int64_t size, int64_t t) {
  for (int64_t b = 0; b < s.batch; ++b)
    std::copy_n(s.h + b * size, size, s.y + (b * s.time + t) * size);
}

// Rows [batch, time, width] at one time, [batch, width].
template <class T>
void take(const std::vector<T>& all, const IntegerSequence& s, int64_t width, int64_t t,
          std::vector<T>& to) {
  for (int64_t b = 0; b < s.batch; ++b)
    std::copy_n(all.data() + (b * s.time + t) * width, width, to.data() + b * width);
}

}  // namespace

void integer_lstm(const IntegerSequence& s, const IntegerLstm& layer, Running running) {
  const IntegerKernels& k = integer_kernels(running.isa);
  const GateFunctions functions = completed(layer.functions);
  const int64_t width = layer.input.outputs, hidden = width / 4;
  const int64_t size = layer.recurrent.in_features;
  GroupMultiplier own = layer.by;
  own.mantissa += layer.input.groups;
  const IntegerProduct of_x(layer.input, layer.by, running), of_h(layer.recurrent, own, running);
  const std::vector<int64_t> offset = bias_terms(layer.bias, layer.by, width);
  std::vector<int64_t> given(s.batch * s.time * width), step(s.batch * width);
  of_x.run(WideRows(s.x, layer.input.in_features, running.isa), s.batch * s.time,
           {.offset = offset.data(), .totals = given.data()});
  std::optional<IntegerProduct> of_cells;
  if (layer.projection) of_cells.emplace(*layer.projection, layer.of_projection, running);
  std::vector<int16_t> gates(s.batch * width), cells(s.batch * hidden);
  int16_t* h = layer.projection ? cells.data() : s.h;
  for (int64_t t = 0; t < s.time; ++t) {
    take(given, s, width, t, step);
    of_h.run(WideRows(s.h, size, running.isa), s.batch, {.added = step.data(), .y = gates.data()});
    k.lstm(gates.data(), s.batch, hidden, functions, layer.cell, layer.c, h);
    if (of_cells) of_cells->run(WideRows(h, hidden, running.isa), s.batch, {.y = s.h});
    keep(s, size, t);
  }
}

void integer_gru(const IntegerSequence& s, const IntegerGru& layer, Running running) {
  const IntegerKernels& k = integer_kernels(running.isa);
  const GateFunctions functions = completed(layer.functions);
  const int64_t width = layer.input.outputs, hidden = width / 3;
  const IntegerProduct of_x(layer.input, layer.by, running);
  const IntegerProduct of_h(layer.recurrent, layer.of_recurrent, running);
  const std::vector<int64_t> offset = bias_terms(layer.bias, layer.by, width);
  const std::vector<int64_t> own = bias_terms(layer.recurrent_bias, layer.of_recurrent, width);
  std::vector<int16_t> given(s.batch * s.time * width), step(s.batch * width);
  std::vector<int16_t> products(s.batch * width);
  of_x.run(WideRows(s.x, layer.input.in_features, running.isa), s.batch * s.time,
           {.offset = offset.data(), .y = given.data()});
  for (int64_t t = 0; t < s.time; ++t) {
    take(given, s, width, t, step);
    of_h.run(WideRows(s.h, hidden, running.isa), s.batch,
             {.offset = own.data(), .y = products.data()});
    k.gru(step.data(), products.data(), s.batch, hidden, functions, s.h);
    keep(s, hidden, t);
  }
}

}  // namespace qdsl
