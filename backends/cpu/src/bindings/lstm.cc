// Binds recurrent layers.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <optional>

#include "bindings/bindings.h"
#include "lstm.h"

namespace qdsl {
namespace {

void bound_lstm(Address gates, int64_t time, int64_t batch, int64_t hidden, Address h, Address c,
                int64_t state, Address recurrent, int64_t recurrent_size, Address projection,
                int64_t projection_size, Address outputs, int activations, const Name& isa,
                int threads) {
  const Weight w = weight_at(recurrent, recurrent_size, 4 * hidden, state);
  std::optional<Weight> p;
  if (projection) p = weight_at(projection, projection_size, state, hidden);
  expect(p || state == hidden, "without a projection the state has the size of the cell");
  const Activations kind = activations_of(activations);
  const Isa chosen = isa_of(isa);
  nb::gil_scoped_release release;
  lstm({time, batch, hidden, state, pointer<float>(gates), pointer<float>(outputs),
        pointer<float>(h), pointer<float>(c)},
       w, p ? &*p : nullptr, kind, chosen, threads);
}

}  // namespace

void bind_lstm(nb::module_& m) {
  using namespace nb::literals;
  m.def("lstm", bound_lstm, "gates"_a, "time"_a, "batch"_a, "hidden"_a, "h"_a, "c"_a, "state"_a,
        "recurrent"_a, "recurrent_size"_a, "projection"_a, "projection_size"_a, "outputs"_a,
        "activations"_a, "isa"_a = nb::none(), "threads"_a = 0);
}

}  // namespace qdsl
