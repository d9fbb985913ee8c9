// Binds the products of integer arithmetic: with packed weights, and of two tensors.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <optional>
#include <string_view>
#include <tuple>

#include "bindings/bindings.h"
#include "integer/conv.h"
#include "integer/einsum.h"
#include "integer/embedding.h"
#include "integer/recurrent.h"

namespace qdsl {
namespace {

using Sizes = std::vector<int64_t>;
using Packed = std::tuple<Address, int64_t, int64_t, int64_t>;  // bytes, outputs, in_features
using By = std::tuple<Address, Address, int64_t>;               // mantissa, shift, numbers of a row
using Pair = std::tuple<Address, Address>;                      // mantissa, shift

Weight weight(const Packed& packed) {
  const auto [address, size, outputs, in_features] = packed;
  return weight_at(address, size, outputs, in_features);
}

GroupMultiplier groups(const By& by) {
  const auto [mantissa, shift, row] = by;
  return {pointer<int32_t>(mantissa), pointer<int32_t>(shift), row};
}

Multiplier multiplier(const Pair& by) {
  return {pointer<int32_t>(std::get<0>(by)), pointer<int32_t>(std::get<1>(by))};
}

GateFunctions functions(const Pair& tables) {
  return {pointer<uint8_t>(std::get<0>(tables)), pointer<uint8_t>(std::get<1>(tables)), {}};
}

void bound_linear(Address x, int64_t rows, const Packed& packed, Address bias, const By& by,
                  Address y, const Name& isa, int threads) {
  const Weight w = weight(packed);
  const Running running{isa_of(isa), threads};
  nb::gil_scoped_release release;
  integer_linear(w, pointer<int16_t>(x), rows, pointer<int32_t>(bias), groups(by),
                 pointer<int16_t>(y), running);
}

// sizes: batch, channels, parts; of each spatial axis: in, out, kernel, stride, before, dilation
Geometry geometry(const Sizes& sizes) {
  const int axes = static_cast<int>(sizes.size() / 6);
  expect(sizes.size() % 6 == 3 && axes <= kMostSpatial, "a convolution has up to 3 spatial axes");
  Geometry g{.axes = axes, .batch = sizes[0], .channels = sizes[1], .parts = sizes[2], .in = {},
             .out = {}, .kernel = {}, .stride = {}, .before = {}, .dilation = {}};
  for (int i = 0; i < axes; ++i) {
    const int64_t* axis = sizes.data() + 3 + 6 * i;
    g.in[i] = axis[0];
    g.out[i] = axis[1];
    g.kernel[i] = axis[2];
    g.stride[i] = axis[3];
    g.before[i] = axis[4];
    g.dilation[i] = axis[5];
  }
  return g;
}

void bound_conv(Address x, const Sizes& sizes, const Packed& packed, Address bias, const By& by,
                Address y, const Name& isa, int threads) {
  const Weight w = weight(packed);
  const Geometry g = geometry(sizes);
  const Running running{isa_of(isa), threads};
  nb::gil_scoped_release release;
  integer_conv(w, pointer<int16_t>(x), g, pointer<int32_t>(bias), groups(by), pointer<int16_t>(y),
               running);
}

void bound_einsum(std::string_view equation, Address a, const Sizes& sizes_a,
                  const Sizes& strides_a, Address b, const Sizes& sizes_b, const Sizes& strides_b,
                  const Pair& by, Address y, const Name& isa, int threads) {
  const Running running{isa_of(isa), threads};
  nb::gil_scoped_release release;
  integer_einsum(equation, {pointer<int16_t>(a), sizes_a, strides_a},
                 {pointer<int16_t>(b), sizes_b, strides_b}, multiplier(by), pointer<int16_t>(y),
                 running);
}

void bound_embedding(Address ids, int64_t count, const Packed& packed, const By& by, Address y) {
  const Weight w = weight(packed);
  nb::gil_scoped_release release;
  integer_embedding(w, pointer<int64_t>(ids), count, groups(by), pointer<int16_t>(y));
}

void bound_lstm(const Pair& shape, Address x, Address y, Address h, Address c,
                const Packed& input, const Packed& recurrent,
                const std::optional<Packed>& projection, Address bias, const By& by,
                const By& of_projection, const Pair& tables, const Pair& update,
                const Pair& argument, const Name& isa, int threads) {
  const Weight of_x = weight(input), of_h = weight(recurrent);
  std::optional<Weight> last;
  if (projection) last = weight(*projection);
  const Running running{isa_of(isa), threads};
  const auto [batch, time] = shape;
  nb::gil_scoped_release release;
  integer_lstm({static_cast<int64_t>(batch), static_cast<int64_t>(time), pointer<int16_t>(x),
                pointer<int16_t>(y), pointer<int16_t>(h)},
               {of_x, of_h, last ? &*last : nullptr, pointer<int32_t>(bias), groups(by),
                groups(of_projection), functions(tables),
                {multiplier(update), multiplier(argument)}, pointer<int16_t>(c)},
               running);
}

void bound_gru(const Pair& shape, Address x, Address y, Address h, const Packed& input,
               const Packed& recurrent, Address bias, Address recurrent_bias, const By& by,
               const By& of_recurrent, const Pair& tables, const Name& isa, int threads) {
  const Weight of_x = weight(input), of_h = weight(recurrent);
  const Running running{isa_of(isa), threads};
  const auto [batch, time] = shape;
  nb::gil_scoped_release release;
  integer_gru({static_cast<int64_t>(batch), static_cast<int64_t>(time), pointer<int16_t>(x),
               pointer<int16_t>(y), pointer<int16_t>(h)},
              {of_x, of_h, pointer<int32_t>(bias), pointer<int32_t>(recurrent_bias), groups(by),
               groups(of_recurrent), functions(tables)},
              running);
}

}  // namespace

void bind_integer_products(nb::module_& m) {
  using namespace nb::literals;
  const auto isa = "isa"_a = nb::none();
  const auto threads = "threads"_a = 0;
  m.def("integer_linear", bound_linear, "x"_a, "rows"_a, "weight"_a, "bias"_a, "by"_a, "y"_a, isa,
        threads);
  m.def("integer_conv", bound_conv, "x"_a, "sizes"_a, "weight"_a, "bias"_a, "by"_a, "y"_a, isa,
        threads);
  m.def("integer_einsum", bound_einsum, "equation"_a, "a"_a, "sizes_a"_a, "strides_a"_a, "b"_a,
        "sizes_b"_a, "strides_b"_a, "by"_a, "y"_a, isa, threads);
  m.def("integer_embedding", bound_embedding, "ids"_a, "count"_a, "weight"_a, "by"_a, "y"_a);
  m.def("integer_lstm", bound_lstm, "shape"_a, "x"_a, "y"_a, "h"_a, "c"_a, "input"_a,
        "recurrent"_a, "projection"_a.none(), "bias"_a, "by"_a, "of_projection"_a, "tables"_a,
        "update"_a, "argument"_a, isa, threads);
  m.def("integer_gru", bound_gru, "shape"_a, "x"_a, "y"_a, "h"_a, "input"_a, "recurrent"_a,
        "bias"_a, "recurrent_bias"_a, "by"_a, "of_recurrent"_a, "tables"_a, isa, threads);
}

}  // namespace qdsl
