// Declares LSTM and GRU layers on integers.
#pragma once

#include "integer/product.h"

namespace qdsl {

// Sequences x [batch, time, in_features], of which y [batch, time, size of the state] is made.
struct IntegerSequence {
  int64_t batch, time;
  const int16_t* x;
  int16_t* y;
  int16_t* h;  // [batch, size of the state], updated
};

// `by` [4 * hidden, groups of input and recurrent] with one shift a row, bias [4 * hidden].
struct IntegerLstm {
  const Weight& input;
  const Weight& recurrent;
  const Weight* projection;  // of h, or null
  const int32_t* bias;
  GroupMultiplier by, of_projection;
  GateFunctions functions;
  CellConstants cell;
  int16_t* c;  // [batch, hidden], updated
};

void integer_lstm(const IntegerSequence& sequence, const IntegerLstm& layer, Running running);

// Products of the input and of h [3 * hidden] are rounded each.
struct IntegerGru {
  const Weight& input;
  const Weight& recurrent;
  const int32_t* bias;
  const int32_t* recurrent_bias;
  GroupMultiplier by, of_recurrent;
  GateFunctions functions;
};

void integer_gru(const IntegerSequence& sequence, const IntegerGru& layer, Running running);

}  // namespace qdsl
