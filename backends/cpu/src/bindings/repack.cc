// Binds the way from the canonical layout to a packed weight.
#include <nanobind/stl/pair.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <tuple>
#include <utility>
#include <vector>

#include "bindings/bindings.h"
#include "bindings/tensor.h"
#include "recode.h"
#include "repack.h"

namespace qdsl {
namespace {

using Table = std::pair<Address, int64_t>;  // and its number of elements

template <class T>
Span<T> span(const Table& table) {
  return {pointer<T>(table.first), table.second};
}

// outputs, in_features, group, kind, bits, signed, half, zero, kept, period, types of scales and
// shifts, as in Canonical.
using Description = std::tuple<int64_t, int64_t, int64_t, int, int, bool, bool, int, int64_t,
                               int64_t, int, int>;

Canonical canonical(const Description& description) {
  Canonical c{};
  int kind, zero, scale, shift;
  std::tie(c.outputs, c.in_features, c.group, kind, c.bits, c.is_signed, c.half, zero, c.kept,
           c.period, scale, shift) = description;
  expect(kind >= 0 && kind <= 4,
         "a kind is 0 (integer), 1 (ternary), 2 (binary), 3 (codebook), 4 (ternary in base 3)");
  expect(zero >= 0 && zero <= 2, "a zero point is 0 (none), 1 (integer) or 2 (float)");
  expect(scale >= 0 && scale <= 2 && shift >= 0 && shift <= 2,
         "a type is 0 (f32), 1 (f16) or 2 (bf16)");
  c.scale = static_cast<Float>(scale);
  c.shift = static_cast<Float>(shift);
  c.base3 = kind == 4;
  c.kind = c.base3 ? Kind::ternary : static_cast<Kind>(kind);
  c.zero = static_cast<Zero>(zero);
  return c;
}

int64_t bound_packed_bytes(const Description& description) {
  return shape_of(packed_layout(canonical(description))).bytes;
}

// Tables are codes, index, zeros, scales, shifts, values; sizes are bytes, of values their number.
void bound_repack(const Description& description, const std::vector<Table>& tables, Address out,
                  int64_t size, int threads) {
  Canonical c = canonical(description);
  expect(tables.size() == 6, "repacking takes 6 tables");
  c.codes = span<uint8_t>(tables[0]);
  c.index = span<uint8_t>(tables[1]);
  c.zeros = span<uint8_t>(tables[2]);
  c.scales = span<uint8_t>(tables[3]);
  c.shifts = span<uint8_t>(tables[4]);
  c.values = span<float>(tables[5]);
  expect(shape_of(packed_layout(c)).bytes == size, "the buffer has not the size of the packed weight");
  nb::gil_scoped_release release;
  repack(c, pointer<uint8_t>(out), threads);
}

void bound_fields_of_base3(Address codes, int64_t size, int64_t rows, int64_t count, Address out,
                           int threads) {
  nb::gil_scoped_release release;
  fields_of_base3({pointer<uint8_t>(codes), size}, rows, count, pointer<uint8_t>(out), threads);
}

void bound_positions_of_ranks(Address index, int64_t size, int64_t rows, int64_t sets, int64_t kept,
                              int64_t period, Address out, int threads) {
  nb::gil_scoped_release release;
  positions_of_ranks({pointer<uint8_t>(index), size}, rows, sets, kept, period,
                     pointer<uint8_t>(out), threads);
}

}  // namespace

void bind_repack(nb::module_& m) {
  using namespace nb::literals;
  m.def("packed_bytes", bound_packed_bytes, "description"_a);
  m.def("repack", bound_repack, "description"_a, "tables"_a, "out"_a, "size"_a,
        "threads"_a = 0);
  m.def("fields_of_base3", bound_fields_of_base3, "codes"_a, "size"_a, "rows"_a, "count"_a, "out"_a,
        "threads"_a = 0);
  m.def("positions_of_ranks", bound_positions_of_ranks, "index"_a, "size"_a, "rows"_a, "sets"_a,
        "kept"_a, "period"_a, "out"_a, "threads"_a = 0);
  m.def("buffer", make_buffer, "bytes"_a);
}

}  // namespace qdsl
