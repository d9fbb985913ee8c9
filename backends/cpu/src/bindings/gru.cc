// Binds the recurrence of GRU layers.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <algorithm>

#include "bindings/operation.h"
#include "gru.h"

namespace qdsl {
namespace {

nb::object gru_operation(nb::handle gates, nb::handle h0, nb::handle recurrent, nb::handle bias,
                         nb::str word, nb::handle scale, nb::handle zero, const Name& isa,
                         int threads) {
  nb::object kept[3];
  const Tensor x = Tensor(gates, Dtype::float32, "gates").contiguous(kept[0]);
  const Tensor h = Tensor(h0, Dtype::float32, "h0").contiguous(kept[1]);
  const Tensor b = Tensor(bias, Dtype::float32, "bias").contiguous(kept[2]);
  expect(x.dims() == 3 && h.dims() == 2, "gates of a GRU have 3 dimensions, its state 2");
  const int64_t time = x.size(0), batch = x.size(1), hidden = h.size(1);
  expect(x.size(2) == 3 * hidden && h.size(0) == batch && b.elements() == 3 * hidden,
         "shapes of state and bias do not fit those of the gates");
  const Activations kind = activations_of(word, scale, zero);
  expect(kind.kind != ActivationKind::int8_tensor, "a state is rounded per token");
  const Weight w = weight_of(recurrent, 3 * hidden, hidden);
  const Isa chosen = isa_of(isa);
  const int64_t shape[] = {time, batch, hidden};
  Made y = make_tensor(shape, 3), last = make_tensor(h.shape(), 2);
  {
    nb::gil_scoped_release release;
    std::copy_n(h.data<float>(), h.elements(), last.data);
    gru({time, batch, hidden, x.data<float>(), b.data<float>(), y.data, last.data}, w, kind,
        chosen, threads);
  }
  return nb::make_tuple(y.object, last.object);
}

}  // namespace

void bind_gru(nb::module_& m) {
  using namespace nb::literals;
  m.def("gru_operation", gru_operation, "gates"_a, "h0"_a, "weight_hh"_a, "bias"_a, "state"_a,
        "scale"_a = nb::none(), "zero"_a = nb::none(), "isa"_a = nb::none(), "threads"_a = 0);
}

}  // namespace qdsl
