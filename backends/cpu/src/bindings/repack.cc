// Binds the way from the canonical layout to a packed weight.
#include <nanobind/stl/pair.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <tuple>
#include <utility>
#include <vector>

#include "bindings/bindings.h"
#include "repack.h"

namespace qdsl {
namespace {

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

}  // namespace

void bind_repack(nb::module_& m) {
  using namespace nb::literals;
  m.def("packed_bytes", bound_packed_bytes, "description"_a);
  m.def("repack", bound_repack, "description"_a, "tables"_a, "out"_a, "size"_a);
}

}  // namespace qdsl
