// Binds the operations of integer arithmetic on single values, and gives all of them by name.
#include <algorithm>

#include "bindings/integer_arguments.h"

namespace qdsl {
namespace {

using H = nb::handle;

// A scale f32 [] over the steps of int8.
float step_of(H scale) {
  const Tensor found(scale, Dtype::float32, "scale");
  expect(found.elements() == 1, "a value has one scale");
  return *found.data<float>() / 256.0f;
}

nb::object quantize_operation(H x, H scale, const Name& isa, int threads) {
  nb::object kept;
  const Tensor given = Tensor(x, Dtype::float32, "x").contiguous(kept);
  const float step = step_of(scale);
  Made y = make_codes(sizes_of(given));
  const Running run = running(isa, threads);
  nb::gil_scoped_release release;
  quantize(given.data<float>(), given.elements(), step, y.as<int16_t>(), run);
  return std::move(y.object);
}

nb::object dequantize_operation(H x, H scale, const Name& isa, int threads) {
  nb::object kept;
  const Tensor given = codes_of(x, kept);
  const float step = step_of(scale);
  Made y = make_tensor(given.shape(), given.dims());
  const Running run = running(isa, threads);
  nb::gil_scoped_release release;
  dequantize(given.data<int16_t>(), given.elements(), step, y.data, run);
  return std::move(y.object);
}

nb::object from_integers_operation(H x, H m, H e, const Name& isa, int threads) {
  nb::object kept;
  const Tensor given = Tensor(x, Dtype::int64, "x").contiguous(kept);
  const Constants constants{.by = multiplier(m, e)};
  Made y = make_codes(sizes_of(given));
  const Running run = running(isa, threads);
  nb::gil_scoped_release release;
  from_integers(given.data<int64_t>(), given.elements(), constants, y.as<int16_t>(), run);
  return std::move(y.object);
}

// ---- of one value -------------------------------------------------------------------------------

nb::object one(Unary kind, H x, const Constants& constants, const Name& isa, int threads) {
  nb::object kept;
  const Tensor given = codes_of(x, kept);
  Made y = make_codes(sizes_of(given));
  const Running run = running(isa, threads);
  nb::gil_scoped_release release;
  unary(kind, given.data<int16_t>(), given.elements(), constants, y.as<int16_t>(), run);
  return std::move(y.object);
}

nb::object requantize(H x, H m, H e, const Name& isa, int threads) {
  return one(Unary::requantize, x, {.by = multiplier(m, e)}, isa, threads);
}

nb::object look_up(H x, H table, const Name& isa, int threads) {
  return one(Unary::table, x, {.table = table_of(table)}, isa, threads);
}

template <Unary kind>
nb::object polynomial(H x, H m, H e, const Name& isa, int threads) {
  return one(kind, x, {.argument = multiplier(m, e)}, isa, threads);
}

template <Unary kind>
nb::object scaled_polynomial(H x, H m, H e, H m_y, H e_y, const Name& isa, int threads) {
  return one(kind, x, {.by = multiplier(m_y, e_y), .argument = multiplier(m, e)}, isa, threads);
}

// ---- of two values ------------------------------------------------------------------------------

// How far steps along the axes of `shape` go in x, 0 where it is repeated.
Sizes repeated(const Tensor& x, const Sizes& shape) {
  Sizes strides(shape.size(), 0);
  const size_t missing = shape.size() - x.dims();
  for (int i = 0; i < x.dims(); ++i)
    if (x.size(i) != 1) strides[missing + i] = x.strides()[i];
  return strides;
}

Sizes broadcast(const Tensor& a, const Tensor& b) {
  Sizes shape(std::max(a.dims(), b.dims()), 1);
  for (const Tensor* x : {&a, &b})
    for (int i = 1; i <= x->dims(); ++i) {
      int64_t& size = shape[shape.size() - i];
      expect(size == 1 || x->size(-i) == 1 || size == x->size(-i), "shapes do not broadcast");
      if (x->size(-i) != 1) size = x->size(-i);
    }
  return shape;
}

nb::object two(Binary kind, const Sizes& shape, Repeated a, Repeated b, const Constants& constants,
               const Name& isa, int threads) {
  Made y = make_codes(shape);
  const Running run = running(isa, threads);
  nb::gil_scoped_release release;
  binary(kind, shape, std::move(a), std::move(b), constants, y.as<int16_t>(), run);
  return std::move(y.object);
}

nb::object both(Binary kind, H a, H b, const Constants& constants, const Name& isa, int threads) {
  const Tensor x(a, Dtype::int16, "codes"), y(b, Dtype::int16, "codes");
  const Sizes shape = broadcast(x, y);
  return two(kind, shape, {x.data<int16_t>(), repeated(x, shape)},
             {y.data<int16_t>(), repeated(y, shape)}, constants, isa, threads);
}

nb::object add(H a, H b, H m, H e, int64_t sign, const Name& isa, int threads) {
  return both(Binary::add, a, b, {.by = multiplier(m, e, 2), .number = sign}, isa, threads);
}

template <Binary kind>
nb::object of_both(H a, H b, H m, H e, const Name& isa, int threads) {
  return both(kind, a, b, {.by = multiplier(m, e)}, isa, threads);
}

// The two halves of an axis.
nb::object halves(Binary kind, H x, int64_t axis, const Constants& constants, const Name& isa,
                  int threads) {
  const Tensor given(x, Dtype::int16, "codes");
  if (axis < 0) axis += given.dims();
  expect(axis >= 0 && axis < given.dims(), "no such axis");
  Sizes shape = sizes_of(given);
  const Sizes strides = strides_of(given);
  expect(shape[axis] % 2 == 0, "an axis has no halves");
  shape[axis] /= 2;
  const int16_t* first = given.data<int16_t>();
  return two(kind, shape, {first, strides}, {first + shape[axis] * strides[axis], strides},
             constants, isa, threads);
}

nb::object glu(H x, H table, H m, H e, int64_t axis, const Name& isa, int threads) {
  return halves(Binary::glu, x, axis, {.by = multiplier(m, e), .table = table_of(table)}, isa,
                threads);
}

nb::object glu_polynomial(H x, H m, H e, H m_x, H e_x, int64_t axis, const Name& isa,
                          int threads) {
  return halves(Binary::glu_polynomial, x, axis,
                {.by = multiplier(m, e), .argument = multiplier(m_x, e_x)}, isa, threads);
}

nb::dict integers() {
  nb::dict found;
  Operations operations(found);
  add_integer_values(operations);
  add_integer_rows(operations);
  add_integer_products(operations);
  add_integer_layers(operations);
  return found;
}

}  // namespace

void add_integer_values(Operations& to) {
  to.add("quantize", quantize_operation, "x", "scale");
  to.add("dequantize", dequantize_operation, "x", "scale");
  to.add("from_integers", from_integers_operation, "x", "mantissa", "shift");
  to.add("requantize", requantize, "x", "mantissa", "shift");
  to.add("table", look_up, "x", "table");
  to.add("sigmoid", polynomial<Unary::sigmoid>, "x", "mantissa", "shift");
  to.add("tanh", polynomial<Unary::tanh>, "x", "mantissa", "shift");
  to.add("silu", scaled_polynomial<Unary::silu>, "x", "mantissa", "shift", "m_y", "e_y");
  to.add("gelu", scaled_polynomial<Unary::gelu>, "x", "mantissa", "shift", "m_y", "e_y");
  to.add("add", add, "a", "b", "mantissa", "shift", "sign");
  to.add("multiply", of_both<Binary::multiply>, "a", "b", "mantissa", "shift");
  to.add("divide", of_both<Binary::divide>, "a", "b", "mantissa", "shift");
  to.add("glu", glu, "x", "table", "mantissa", "shift", "axis");
  to.add("glu_polynomial", glu_polynomial, "x", "mantissa", "shift", "m_x", "e_x", "axis");
}

void bind_integer(nb::module_& m) { m.def("integers", integers); }

}  // namespace qdsl
