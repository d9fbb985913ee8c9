// Binds the operation `qdsl::conv`.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <vector>

#include "bindings/operation.h"
#include "convolution/convolution.h"

namespace qdsl {
namespace {

using Numbers = std::vector<int64_t>;

// Numbers per spatial axis; of padding two, before and after.
struct Geometry {
  const Numbers &kernel, &stride, &padding, &dilation;
};

Spatial spatial(int64_t size, size_t axis, const Geometry& g) {
  const Spatial s{size, g.kernel[axis], g.stride[axis], g.padding[2 * axis],
                  g.padding[2 * axis + 1], g.dilation[axis]};
  expect((s.kernel - 1) * s.dilation < s.before + s.size + s.after,
         "the kernel of a convolution is longer than its input");
  return s;
}

Convolution convolution_of(const Tensor& x, const Geometry& g, int64_t groups) {
  const size_t axes = g.kernel.size();
  expect((axes == 1 || axes == 2) && x.dims() == static_cast<int>(axes) + 2,
         "a convolution takes a batch of 1 or 2 spatial axes, channels last");
  expect(g.stride.size() == axes && g.dilation.size() == axes && g.padding.size() == 2 * axes,
         "a convolution has as many strides and dilations as axes, and two paddings for each");
  expect_geometry(g.kernel, g.stride, g.padding, g.dilation);
  expect(groups > 0 && x.size(-1) % groups == 0, "channels come in groups of one size");
  const Spatial last = spatial(x.size(-2), axes - 1, g);
  const Spatial first = axes == 2 ? spatial(x.size(1), 0, g) : Spatial{1, 1, 1, 0, 0, 1};
  return {x.size(0), x.size(-1), groups, first, last};
}

nb::object conv_operation(nb::handle x, nb::handle weight, nb::handle bias, int64_t outputs,
                          const Numbers& kernel, const Numbers& stride, const Numbers& padding,
                          const Numbers& dilation, int64_t groups, nb::str activations,
                          nb::handle scale, nb::handle zero, const Name& isa, int threads) {
  nb::object kept[2];
  const Tensor given = Tensor(x, Dtype::float32, "x").contiguous(kept[0]);
  const Convolution c = convolution_of(given, {kernel, stride, padding, dilation}, groups);
  const Activations kind = activations_of(activations, scale, zero);
  const Weight w = weight_of(weight, outputs, c.taps() * (c.channels / groups));
  expect(outputs % groups == 0, "outputs come in groups of one size");
  const float* added = nullptr;
  if (!bias.is_none()) {
    const Tensor b = Tensor(bias, Dtype::float32, "bias").contiguous(kept[1]);
    expect(b.elements() == outputs, "the number of elements of the bias is not that of outputs");
    added = b.data<float>();
  }
  const bool two = kernel.size() == 2;
  const int64_t shape[] = {c.batch, two ? c.rows.outputs() : c.columns.outputs(),
                           two ? c.columns.outputs() : outputs, outputs};
  Made y = make_tensor(shape, two ? 4 : 3);
  const Isa chosen = isa_of(isa);
  nb::gil_scoped_release release;
  convolution(c, w, given.data<float>(), kind, added, y.data, chosen, threads);
  return std::move(y.object);
}

}  // namespace

void bind_convolution(nb::module_& m) {
  using namespace nb::literals;
  m.def("conv_operation", conv_operation, "x"_a, "weight"_a, "bias"_a.none(), "out_channels"_a,
        "kernel"_a, "stride"_a, "padding"_a, "dilation"_a, "groups"_a, "activations"_a,
        "scale"_a = nb::none(), "zero"_a = nb::none(), "isa"_a = nb::none(), "threads"_a = 0);
}

}  // namespace qdsl
