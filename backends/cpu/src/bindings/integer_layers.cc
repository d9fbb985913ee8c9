// Binds the recurrent layers of integer arithmetic.
#include <algorithm>
#include <optional>

#include "bindings/integer_weights.h"
#include "integer/recurrent.h"

namespace qdsl {
namespace {

using H = nb::handle;

// A state in the scale of the layer: a new tensor.
Made state_of(const Tensor& given, const Multiplier& by, Running run) {
  Made state = make_codes(sizes_of(given));
  unary(Unary::requantize, given.data<int16_t>(), given.elements(), {.by = by},
        state.as<int16_t>(), run);
  return state;
}

GateFunctions functions(const nb::list& tables) {
  if (tables.size() == 0) return {};
  expect(tables.size() == 2, "gates have two functions");
  return {table_of(tables[0]), table_of(tables[1]), {}};
}

struct Given {
  nb::object kept[3];
  Tensor x, h;
  int64_t batch, time, state;

  Given(H sequence, H first)
      : x(codes_of(sequence, kept[0])), h(codes_of(first, kept[1])) {
    expect(x.dims() == 3 && h.dims() == 2 && h.size(0) == x.size(0),
           "a sequence has 3 dimensions, its state 2 and the same batch");
    batch = x.size(0);
    time = x.size(1);
    state = h.size(1);
  }
};

nb::object lstm(H x, H h0, H c0, const nb::list& weights, const nb::list& tables,
                const nb::list& constants, H, const Name& isa, int threads) {
  Given given(x, h0);
  const Tensor c = codes_of(c0, given.kept[2]);
  expect(c.dims() == 2 && c.size(0) == given.batch, "a cell has 2 dimensions, the first the batch");
  expect(weights.size() == 2 || weights.size() == 3, "an LSTM has 2 or 3 weights");
  expect(constants.size() == 11 + 2 * (weights.size() - 2), "an LSTM has other constants");
  const int64_t hidden = c.size(1), width = 4 * hidden;
  const Weight of_x = integer_weight(weights[0], given.x.size(2));
  const Weight of_h = integer_weight(weights[1], given.state);
  expect(of_x.outputs == width && of_h.outputs == width, "weights are not those of the cell");
  const auto pair = [&](int i, int64_t count = 1) {
    return multiplier(constants[i], constants[i + 1], count);
  };
  std::optional<Weight> last;
  GroupMultiplier of_last{};
  if (weights.size() == 3) {
    last = integer_weight(weights[2], hidden);
    expect(last->outputs == given.state, "a projection is not that of the state");
    of_last = groups(constants[11], constants[12], given.state, last->groups);
  }
  expect(last || given.state == hidden, "without a projection the state has the cell's size");
  const Running run = running(isa, threads);
  Made y = make_codes({given.batch, given.time, given.state});
  Made h = state_of(given.h, pair(3), run), cell = state_of(c, pair(5), run);
  const IntegerLstm layer{of_x, of_h, last ? &*last : nullptr, constant(constants[0], width),
                          groups(constants[1], constants[2], width, of_x.groups + of_h.groups),
                          of_last, functions(tables), {pair(7, 2), pair(9)}, cell.as<int16_t>()};
  {
    nb::gil_scoped_release release;
    integer_lstm({given.batch, given.time, given.x.data<int16_t>(), y.as<int16_t>(),
                  h.as<int16_t>()}, layer, run);
  }
  return nb::make_tuple(y.object, h.object, cell.object);
}

nb::object gru(H x, H h0, const nb::list& weights, const nb::list& tables,
               const nb::list& constants, H, const Name& isa, int threads) {
  Given given(x, h0);
  expect(weights.size() == 2 && constants.size() == 8, "a GRU has 2 weights and 8 constants");
  const int64_t width = 3 * given.state;
  const Weight of_x = integer_weight(weights[0], given.x.size(2));
  const Weight of_h = integer_weight(weights[1], given.state);
  expect(of_x.outputs == width && of_h.outputs == width, "weights are not those of the state");
  const Running run = running(isa, threads);
  Made y = make_codes({given.batch, given.time, given.state});
  Made h = state_of(given.h, multiplier(constants[0], constants[1]), run);
  const IntegerGru layer{of_x, of_h, constant(constants[2], width), constant(constants[5], width),
                         groups(constants[3], constants[4], width, of_x.groups),
                         groups(constants[6], constants[7], width, of_h.groups),
                         functions(tables)};
  {
    nb::gil_scoped_release release;
    integer_gru({given.batch, given.time, given.x.data<int16_t>(), y.as<int16_t>(),
                 h.as<int16_t>()}, layer, run);
  }
  return nb::make_tuple(y.object, h.object);
}

}  // namespace

void add_integer_layers(Operations& to) {
  to.add("lstm", lstm, "x", "h", "c", "weights", "tables", "constants", "sizes");
  to.add("gru", gru, "x", "h", "weights", "tables", "constants", "sizes");
}

}  // namespace qdsl
