// Binds recurrent layers.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <optional>

#include "bindings/operation.h"
#include "lstm.h"

namespace qdsl {
namespace {

// A new tensor of the same elements.
Made copy_of(const Tensor& tensor) {
  Made made = make_tensor(tensor.shape(), tensor.dims());
  std::copy_n(tensor.data<float>(), tensor.elements(), made.data);
  return made;
}

nb::object lstm_operation(nb::handle gates, nb::handle h0, nb::handle c0, nb::handle recurrent,
                          nb::handle projection, nb::str word, nb::handle scale, nb::handle zero,
                          const Name& isa, int threads) {
  nb::object kept[3];
  const Tensor x = Tensor(gates, Dtype::float32, "gates").contiguous(kept[0]);
  const Tensor h = Tensor(h0, Dtype::float32, "h0").contiguous(kept[1]);
  const Tensor c = Tensor(c0, Dtype::float32, "c0").contiguous(kept[2]);
  const bool ranks = x.dims() == 3 && h.dims() == 2 && c.dims() == 2;
  expect(ranks, "gates of an LSTM have 3 dimensions, its states 2");
  const int64_t time = x.size(0), batch = x.size(1), hidden = c.size(1), state = h.size(1);
  expect(x.size(2) == 4 * hidden && h.size(0) == batch && c.size(0) == batch,
         "shapes of the states do not fit those of the gates");
  const Activations kind = activations_of(word, scale, zero);
  expect(kind.kind != ActivationKind::int8_tensor, "a state is rounded per token");
  const Weight w = weight_of(recurrent, 4 * hidden, state);
  std::optional<Weight> p;
  if (!projection.is_none()) p = weight_of(projection, state, hidden);
  expect(p || state == hidden, "without a projection the state has the size of the cell");
  const Isa chosen = isa_of(isa);
  const int64_t shape[] = {time, batch, state};
  Made y = make_tensor(shape, 3), last_h = copy_of(h), last_c = copy_of(c);
  {
    nb::gil_scoped_release release;
    lstm({time, batch, hidden, state, x.data<float>(), y.data, last_h.data, last_c.data}, w,
         p ? &*p : nullptr, kind, chosen, threads);
  }
  return nb::make_tuple(y.object, last_h.object, last_c.object);
}

}  // namespace

void bind_lstm(nb::module_& m) {
  using namespace nb::literals;
  m.def("lstm_operation", lstm_operation, "gates"_a, "h0"_a, "c0"_a, "weight_hh"_a,
        "weight_hr"_a.none(), "state"_a, "scale"_a = nb::none(), "zero"_a = nb::none(),
        "isa"_a = nb::none(), "threads"_a = 0);
}

}  // namespace qdsl
