// Steps LSTM and GRU cells on integers.
#pragma once

#include "integer/functions.h"

namespace qdsl {
namespace {

struct TableGates {
  Lines sigmoids, tangents;

  QDSL_INLINE int64_t sigmoid(int64_t q) const { return sigmoids.of_code(static_cast<int32_t>(q)); }
  QDSL_INLINE int64_t tanh(int64_t q) const { return tangents.of_code(static_cast<int32_t>(q)); }
};

struct PolynomialGates {
  Factor by;

  QDSL_INLINE int64_t sigmoid(int64_t q) const { return qdsl::sigmoid(q, by); }
  QDSL_INLINE int64_t tanh(int64_t q) const { return hyperbolic_tangent(q, by); }
};

// `step` of the functions that there are.
template <class Step>
QDSL_INLINE void with(const GateFunctions& f, Step step) {
  if (f.sigmoid)
    step(TableGates{Lines(f.sigmoid, 128), Lines(f.tanh, 128)});
  else
    step(PolynomialGates{factor(f.polynomial)});
}

QDSL_INLINE int64_t over_one(int64_t x) {
  return divided(x, {kOne, 1.0 / static_cast<double>(kOne)});
}

template <class Functions>
QDSL_INLINE void lstm_step(const int16_t* __restrict gates, int64_t hidden, const Functions& of,
                           const CellConstants& cell, int16_t* __restrict c,
                           int16_t* __restrict h) {
  const int64_t kept = cell.update.mantissa[0], added = cell.update.mantissa[1];
  const Shift shift = shift_of(cell.update.shift[0]);
  const Factor argument = factor(cell.argument);
  for (int64_t j = 0; j < hidden; ++j) {
    const int64_t candidate = of.tanh(gates[2 * hidden + j]);
    const int64_t old = of.sigmoid(gates[hidden + j]) * c[j] * kept;
    const int64_t fresh = of.sigmoid(gates[j]) * candidate * added;
    c[j] = wide(shifted(old + fresh, shift));
  }
  for (int64_t j = 0; j < hidden; ++j) {
    const int64_t squashed = of.tanh(wide(scaled(c[j], argument)));
    h[j] = wide(over_one(of.sigmoid(gates[3 * hidden + j]) * squashed));
  }
}

inline void lstm_steps(const int16_t* gates, int64_t batch, int64_t hidden, const GateFunctions& f,
                       const CellConstants& cell, int16_t* c, int16_t* h) {
  with(f, [&](const auto& of) {
    for (int64_t b = 0; b < batch; ++b)
      lstm_step(gates + b * 4 * hidden, hidden, of, cell, c + b * hidden, h + b * hidden);
  });
}

template <class Functions>
QDSL_INLINE void gru_step(const int16_t* __restrict given, const int16_t* __restrict recurrent,
                          int64_t hidden, const Functions& of, int16_t* __restrict h) {
  const int64_t z = hidden, n = 2 * hidden;
  for (int64_t j = 0; j < hidden; ++j) {
    const int64_t reset = of.sigmoid(wide(given[j] + recurrent[j]));
    const int64_t fresh = of.tanh(wide(given[n + j] + over_one(reset * recurrent[n + j])));
    const int64_t share = of.sigmoid(wide(given[z + j] + recurrent[z + j]));
    h[j] = wide(fresh + over_one(share * (h[j] - fresh)));
  }
}

inline void gru_steps(const int16_t* given, const int16_t* recurrent, int64_t batch,
                      int64_t hidden, const GateFunctions& f, int16_t* h) {
  with(f, [&](const auto& of) {
    for (int64_t b = 0; b < batch; ++b)
      gru_step(given + b * 3 * hidden, recurrent + b * 3 * hidden, hidden, of, h + b * hidden);
  });
}

}  // namespace
}  // namespace qdsl
