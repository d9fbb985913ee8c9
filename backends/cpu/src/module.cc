// Binds the kernels to Python: tensors come as addresses, and the GIL is released while they run.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "dequantize.h"
#include "isa.h"
#include "linear.h"
#include "lstm.h"
#include "repack.h"

namespace nb = nanobind;

namespace qdsl {
namespace {

using Address = uintptr_t;
using Name = std::optional<std::string>;  // of an instruction set; none: the default one

template <class T>
T* pointer(Address address) {
  return reinterpret_cast<T*>(address);
}

Isa isa_of(const Name& text) { return text ? parse_isa(*text) : default_isa(); }

void expect(bool holds, const char* otherwise) {
  if (!holds) throw std::invalid_argument(otherwise);
}

Activations activations_of(int code) {
  expect(code >= 0 && code <= 2, "activations are 0 (f32), 1 (int8 per token), 2 (per tensor)");
  return static_cast<Activations>(code);
}

Weight weight_at(Address address, int64_t size, int64_t outputs, int64_t in_features) {
  const Weight w = view(pointer<void>(address), size);
  expect(w.in_features == in_features, "the last dimension of the input is not the weight's");
  expect(w.outputs == outputs, "the number of outputs is not the weight's");
  return w;
}

// Each of the `examples` has its own scale per tensor, and `rows` rows.
void bound_linear(Address x, int64_t examples, int64_t rows, int64_t in_features, Address weight,
                  int64_t size, Address bias, Address y, int64_t outputs, int activations,
                  const Name& isa, int threads) {
  const Weight w = weight_at(weight, size, outputs, in_features);
  const Activations kind = activations_of(activations);
  const Isa chosen = isa_of(isa);
  nb::gil_scoped_release release;
  for (int64_t i = 0; i < examples; ++i) {
    const Output out{pointer<float>(y) + i * rows * outputs, pointer<float>(bias), 0};
    linear(w, pointer<float>(x) + i * rows * in_features, rows, kind, out, chosen, threads);
  }
}

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

void bound_embedding(Address ids, int64_t count, Address weight, int64_t size, int64_t in_features,
                     Address out) {
  const Weight w = view(pointer<void>(weight), size);
  expect(w.in_features == in_features, "the embedding's dimension is not the weight's");
  nb::gil_scoped_release release;
  embedding(w, pointer<int64_t>(ids), count, pointer<float>(out));
}

void bound_dequantize(Address weight, int64_t size, int64_t outputs, int64_t in_features,
                      Address out) {
  const Weight w = weight_at(weight, size, outputs, in_features);
  nb::gil_scoped_release release;
  dequantize(w, pointer<float>(out));
}

using Table = std::pair<Address, int64_t>;  // and its number of elements

template <class T>
Span<T> span(const Table& table) {
  return {pointer<T>(table.first), table.second};
}

// outputs, in_features, group, kind, bits, signed, half, zero, kept, period, as in Canonical.
using Description =
    std::tuple<int64_t, int64_t, int64_t, int, int, bool, bool, int, int64_t, int64_t>;

Canonical canonical(const Description& description) {
  Canonical c{};
  int kind, zero;
  std::tie(c.outputs, c.in_features, c.group, kind, c.bits, c.is_signed, c.half, zero, c.kept,
           c.period) = description;
  expect(kind >= 0 && kind <= 2, "a kind is 0 (integer), 1 (ternary) or 2 (binary)");
  expect(zero >= 0 && zero <= 2, "a zero point is 0 (none), 1 (integer) or 2 (float)");
  c.kind = static_cast<Kind>(kind);
  c.zero = static_cast<Zero>(zero);
  return c;
}

int64_t bound_packed_bytes(const Description& description) {
  return packed_shape(canonical(description)).bytes;
}

// Tables are codes, index, zeros, scales, shifts.
void bound_repack(const Description& description, const std::vector<Table>& tables, Address out,
                  int64_t size) {
  Canonical c = canonical(description);
  expect(tables.size() == 5, "repacking takes 5 tables");
  c.codes = span<uint8_t>(tables[0]);
  c.index = span<uint8_t>(tables[1]);
  c.zeros = span<uint8_t>(tables[2]);
  c.scales = span<float>(tables[3]);
  c.shifts = span<float>(tables[4]);
  expect(packed_shape(c).bytes == size, "the buffer has not the size of the packed weight");
  nb::gil_scoped_release release;
  repack(c, pointer<uint8_t>(out));
}

std::vector<std::string> bound_isas() {
  std::vector<std::string> names;
  for (Isa isa : kIsas)
    if (supported(isa)) names.push_back(name(isa));
  return names;
}

std::vector<std::string> bound_kernels() {
  std::vector<std::string> names;
  for (Isa isa : kIsas)
    for (const std::string& kernel : registered(isa)) names.push_back(kernel);
  return names;
}

}  // namespace
}  // namespace qdsl

NB_MODULE(_native, m) {
  using namespace nb::literals;
  using namespace qdsl;
  m.def("isa", [] { return std::string(name(default_isa())); });
  m.def("isas", bound_isas);
  m.def("kernels", bound_kernels);
  m.def("packed_bytes", bound_packed_bytes, "description"_a);
  m.def("repack", bound_repack, "description"_a, "tables"_a, "out"_a, "size"_a);
  m.def("linear", bound_linear, "x"_a, "examples"_a, "rows"_a, "in_features"_a, "weight"_a,
        "size"_a, "bias"_a, "y"_a, "outputs"_a, "activations"_a, "isa"_a = nb::none(),
        "threads"_a = 0);
  m.def("lstm", bound_lstm, "gates"_a, "time"_a, "batch"_a, "hidden"_a, "h"_a, "c"_a, "state"_a,
        "recurrent"_a, "recurrent_size"_a, "projection"_a, "projection_size"_a, "outputs"_a,
        "activations"_a, "isa"_a = nb::none(), "threads"_a = 0);
  m.def("embedding", bound_embedding, "ids"_a, "count"_a, "weight"_a, "size"_a, "in_features"_a,
        "out"_a);
  m.def("dequantize", bound_dequantize, "weight"_a, "size"_a, "outputs"_a, "in_features"_a,
        "out"_a);
}
