// Binds the products of integer arithmetic: with packed weights, and of two tensors.
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <string>

#include "bindings/integer_weights.h"
#include "integer/conv.h"
#include "integer/einsum.h"
#include "integer/embedding.h"
#include "values/contraction.h"

namespace qdsl {
namespace {

using H = nb::handle;

nb::object linear_operation(H x, H weight, H bias, H m, H e, int64_t, const Name& isa, int threads) {
  nb::object kept;
  const Tensor given = codes_of(x, kept);
  expect(given.dims() > 0, "the input has no dimension");
  const Weight w = integer_weight(weight, given.size(-1));
  const int32_t* added = constant(bias, w.outputs);
  const GroupMultiplier by = groups(m, e, w.outputs, w.groups);
  Sizes shape = sizes_of(given);
  shape.back() = w.outputs;
  Made y = make_codes(shape);
  const Running run = running(isa, threads);
  nb::gil_scoped_release release;
  integer_linear(w, given.data<int16_t>(), given.elements_before(given.dims() - 1), added, by,
                 y.as<int16_t>(), run);
  return std::move(y.object);
}

Geometry geometry(const Tensor& x, const Sizes& kernel, const Sizes& stride, const Sizes& padding,
                  const Sizes& dilation, int64_t parts) {
  const int axes = x.dims() - 2;
  expect(axes > 0 && axes <= kMostSpatial && kernel.size() == static_cast<size_t>(axes) &&
             stride.size() == kernel.size() && dilation.size() == kernel.size() &&
             padding.size() == 2 * kernel.size(),
         "a convolution has 1 to 3 spatial axes, and numbers for each");
  expect_geometry(kernel, stride, padding, dilation);
  expect(parts > 0 && x.size(-1) % parts == 0, "channels have no such parts");
  Geometry g{.axes = axes, .batch = x.size(0), .channels = x.size(-1), .parts = parts, .in = {},
             .out = {}, .kernel = {}, .stride = {}, .before = {}, .dilation = {}};
  for (int i = 0; i < axes; ++i) {
    g.in[i] = x.size(1 + i);
    g.kernel[i] = kernel[i];
    g.stride[i] = stride[i];
    g.dilation[i] = dilation[i];
    g.before[i] = padding[2 * i];
    const int64_t span = (kernel[i] - 1) * dilation[i] + 1;
    const int64_t free = g.in[i] + padding[2 * i] + padding[2 * i + 1] - span;
    expect(free >= 0, "a kernel is longer than its axis");
    g.out[i] = free / stride[i] + 1;
  }
  return g;
}

nb::object conv(H x, H weight, H bias, H m, H e, int64_t, const Sizes& kernel, const Sizes& stride,
                const Sizes& padding, const Sizes& dilation, int64_t parts, const Name& isa,
                int threads) {
  nb::object kept;
  const Tensor given = codes_of(x, kept);
  const Geometry g = geometry(given, kernel, stride, padding, dilation, parts);
  const Weight w = integer_weight(weight, g.patch() / parts);
  const int32_t* added = constant(bias, w.outputs);
  const GroupMultiplier by = groups(m, e, w.outputs, w.groups);
  Sizes shape{g.batch};
  shape.insert(shape.end(), g.out, g.out + g.axes);
  shape.push_back(w.outputs);
  Made y = make_codes(shape);
  const Running run = running(isa, threads);
  nb::gil_scoped_release release;
  integer_conv(w, given.data<int16_t>(), g, added, by, y.as<int16_t>(), run);
  return std::move(y.object);
}

nb::object embedding(H ids, H weight, H m, H e, int64_t, int64_t width, const Name&, int) {
  nb::object kept;
  const Tensor rows = ids_of(ids, kept);
  const Weight w = integer_weight(weight, width);
  const GroupMultiplier by = groups(m, e, w.outputs, w.groups);
  Sizes shape = sizes_of(rows);
  shape.push_back(width);
  Made y = make_codes(shape);
  nb::gil_scoped_release release;
  integer_embedding(w, rows.data<int64_t>(), rows.elements(), by, y.as<int16_t>());
  return std::move(y.object);
}

// The size that a letter has in a term.
int64_t size_of(char letter, std::string_view term, const Tensor& x) {
  const size_t at = term.find(letter);
  return at == std::string_view::npos ? -1 : x.size(static_cast<int>(at));
}

nb::object einsum(H a, H b, H m, H e, const std::string& text, const Name& isa, int threads) {
  std::string equation;
  for (char c : text)
    if (c != ' ') equation.push_back(c);
  const Tensor x(a, Dtype::int16, "codes"), y(b, Dtype::int16, "codes");
  const Equation parts = parse(equation);
  expect(parts.x.size() == static_cast<size_t>(x.dims()) &&
             parts.y.size() == static_cast<size_t>(y.dims()),
         "an equation names the axes of its operands");
  Sizes shape;
  for (char letter : parts.result)
    shape.push_back(std::max(size_of(letter, parts.x, x), size_of(letter, parts.y, y)));
  for (int64_t size : shape) expect(size >= 0, "an axis of the result is in neither operand");
  const Multiplier by = multiplier(m, e);
  const Sizes of_x[] = {sizes_of(x), strides_of(x)}, of_y[] = {sizes_of(y), strides_of(y)};
  Made out = make_codes(shape);
  const Running run = running(isa, threads);
  nb::gil_scoped_release release;
  integer_einsum(equation, {x.data<int16_t>(), of_x[0], of_x[1]},
                 {y.data<int16_t>(), of_y[0], of_y[1]}, by, out.as<int16_t>(), run);
  return std::move(out.object);
}

}  // namespace

void add_integer_products(Operations& to) {
  to.add("linear", linear_operation, "x", "weight", "bias", "mantissa", "shift", "size");
  to.add("conv", conv, "x", "weight", "bias", "mantissa", "shift", "size", "kernel", "stride",
         "padding", "dilation", "groups");
  to.add("embedding", embedding, "ids", "weight", "mantissa", "shift", "size", "width");
  to.add("einsum", einsum, "a", "b", "mantissa", "shift", "equation");
}

}  // namespace qdsl
