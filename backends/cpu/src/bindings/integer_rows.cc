// Binds the operations of integer arithmetic on rows and along axes.
#include "bindings/integer_arguments.h"

namespace qdsl {
namespace {

using H = nb::handle;

int axis_of(const Tensor& x, int64_t axis) {
  if (axis < 0) axis += x.dims();
  expect(axis >= 0 && axis < x.dims(), "no such axis");
  return static_cast<int>(axis);
}

nb::object rows(Rows kind, H x, const Constants& constants, const Name& isa, int threads) {
  nb::object kept;
  const Tensor given = codes_of(x, kept);
  expect(given.dims() > 0, "codes have no rows");
  Made y = make_codes(sizes_of(given));
  const Running run = running(isa, threads);
  nb::gil_scoped_release release;
  on_rows(kind, given.data<int16_t>(), given.elements_before(given.dims() - 1), given.size(-1),
          constants, y.as<int16_t>(), run);
  return std::move(y.object);
}

// The rows along an axis.
nb::object along(int64_t axis, Rows kind, H x, const Constants& constants, const Name& isa,
                 int threads) {
  const Tensor given(x, Dtype::int16, "codes");
  if (axis_of(given, axis) == given.dims() - 1) return rows(kind, x, constants, isa, threads);
  const nb::object y = rows(kind, x.attr("movedim")(axis, -1), constants, isa, threads);
  return y.attr("movedim")(-1, axis).attr("contiguous")();
}

nb::object softmax(H x, H table, int64_t axis, const Name& isa, int threads) {
  return along(axis, Rows::softmax, x, {.table = table_of(table)}, isa, threads);
}

nb::object softmax_polynomial(H x, H m, H e, int64_t axis, const Name& isa, int threads) {
  return along(axis, Rows::softmax_polynomial, x, {.argument = multiplier(m, e)}, isa, threads);
}

// A number for each channel, with a shift of its own, and an offset.
Constants channels(H x, H m, H e, H offset) {
  const Tensor given(x, Dtype::int16, "codes");
  const int64_t n = given.dims() ? given.size(-1) : 0;
  return {.by = {constant(m, n), constant(e, n)}, .offset = constant(offset, n)};
}

nb::object layer_norm(H x, H m, H e, H offset, H epsilon, const Name& isa, int threads) {
  Constants constants = channels(x, m, e, offset);
  const Tensor number(epsilon, Dtype::int64, "epsilon");
  expect(number.elements() == 1, "a norm has one epsilon");
  constants.number = *number.data<int64_t>();
  return rows(Rows::layer_norm, x, constants, isa, threads);
}

nb::object scale_and_shift(H x, H m, H e, H offset, const Name& isa, int threads) {
  return rows(Rows::scale_and_shift, x, channels(x, m, e, offset), isa, threads);
}

// ---- along an axis ------------------------------------------------------------------------------

// Sums times a number, or means, of windows of an axis; `size` 0 is the whole axis.
nb::object reduced(H x, int64_t along, int64_t size, int64_t stride, bool keep,
                   const Constants& constants, const Name& isa, int threads) {
  nb::object kept;
  const Tensor given = codes_of(x, kept);
  const int axis = axis_of(given, along);
  const int64_t n = given.size(axis);
  if (size == 0) size = n;
  expect(size <= n && stride > 0, "a window is longer than its axis");
  const int64_t outer = given.elements_before(axis);
  int64_t inner = 1;
  for (int i = axis + 1; i < given.dims(); ++i) inner *= given.size(i);
  Sizes shape = sizes_of(given);
  shape[axis] = (n - size) / stride + 1;
  const Windows windows{n, inner, size, stride, shape[axis]};
  if (!keep) shape.erase(shape.begin() + axis);
  Made y = make_codes(shape);
  const Running run = running(isa, threads);
  nb::gil_scoped_release release;
  reduce(given.data<int16_t>(), outer, windows, constants, y.as<int16_t>(), run);
  return std::move(y.object);
}

nb::object sum(H x, H m, H e, int64_t axis, bool keep, const Name& isa, int threads) {
  return reduced(x, axis, 0, 1, keep, {.by = multiplier(m, e)}, isa, threads);
}

nb::object mean(H x, int64_t axis, bool keep, const Name& isa, int threads) {
  return reduced(x, axis, 0, 1, keep, {}, isa, threads);
}

nb::object pool_mean(H x, int64_t axis, int64_t size, int64_t stride, const Name& isa,
                     int threads) {
  expect(size > 0, "a window has no size");
  return reduced(x, axis, size, stride, true, {}, isa, threads);
}

}  // namespace

void add_integer_rows(Operations& to) {
  to.add("softmax", softmax, "x", "table", "axis");
  to.add("softmax_polynomial", softmax_polynomial, "x", "mantissa", "shift", "axis");
  to.add("layer_norm", layer_norm, "x", "mantissa", "shift", "offset", "epsilon");
  to.add("scale_and_shift", scale_and_shift, "x", "mantissa", "shift", "offset");
  to.add("sum", sum, "x", "mantissa", "shift", "axis", "keep");
  to.add("mean", mean, "x", "axis", "keep");
  to.add("pool_mean", pool_mean, "x", "axis", "size", "stride");
}

}  // namespace qdsl
