// Reads the arguments that operations on torch's tensors share.
#include "bindings/operation.h"

#include <string>

namespace qdsl {

namespace {

[[noreturn]] void refuse(std::string_view word) {
  throw nb::key_error(("activations are not `" + std::string(word) + "`").c_str());
}

// Lowest and highest code of `int4_static`, `int8_static_full`, `uint8_static` and the like.
Activations static_range(std::string_view word) {
  const bool is_signed = word[0] != 'u';
  const std::string_view text = word.substr(is_signed ? 0 : 1);
  const int bits = text.size() > 3 ? text[3] - '0' : 0;
  const bool full = text.size() > 4 && text.substr(4) == "_static_full";
  if (!text.starts_with("int") || bits < 2 || bits > 8 || (full && !is_signed) ||
      (!full && text.substr(4) != "_static"))
    refuse(word);
  const int top = 1 << (is_signed ? bits - 1 : bits);
  return {.kind = ActivationKind::fixed, .lowest = is_signed ? -top + !full : 0,
          .highest = top - 1};
}

float number(nb::handle tensor, const char* name) {
  const Tensor given(tensor, Dtype::float32, name);
  expect(given.elements() == 1, "a static range has one scale and one zero");
  return *given.data<float>();
}

}  // namespace

Activations activations_of(nb::str word, nb::handle scale, nb::handle zero) {
  const std::string_view text = word.c_str();
  if (text == "int8_token") return {ActivationKind::int8_token};
  if (text == "f32") return {ActivationKind::f32};
  if (text == "bf16") return {ActivationKind::bf16};
  if (text == "int8_tensor") return {ActivationKind::int8_tensor};
  Activations a = static_range(text.empty() ? "?" : text);
  expect(!scale.is_none(), "a static range has a scale");
  a.scale = number(scale, "scale");
  a.zero = zero.is_none() ? 0 : static_cast<int32_t>(number(zero, "zero"));
  expect(a.lowest <= a.zero && a.zero <= a.highest, "a zero point outside its range");
  return a;
}

namespace {

Tensor bytes_of(nb::handle tensor) {
  const Tensor bytes(tensor, Dtype::uint8, "weight");
  expect(bytes.contiguous(), "a packed weight is a contiguous uint8 tensor");
  return bytes;
}

}  // namespace

Tensor ids_of(nb::handle ids, nb::object& owner) {
  if (Tensor::is(ids, Dtype::int64)) return Tensor(ids, Dtype::int64, "ids").contiguous(owner);
  const nb::object dtype = ids.attr("dtype");
  expect(!nb::cast<bool>(dtype.attr("is_floating_point")) &&
             !nb::cast<bool>(dtype.attr("is_complex")),
         "`ids` of an embedding are integers");
  owner = ids.attr("long")().attr("contiguous")();
  return Tensor(owner, Dtype::int64, "ids");
}

void expect_geometry(std::span<const int64_t> kernel, std::span<const int64_t> stride,
                     std::span<const int64_t> padding, std::span<const int64_t> dilation) {
  constexpr int64_t most = 1 << 30;
  for (const auto numbers : {kernel, stride, padding, dilation})
    for (const int64_t n : numbers)
      expect((n > 0 || (n == 0 && numbers.data() == padding.data())) && n <= most,
             "a convolution has a kernel, strides and dilations of 1 or more, and none beyond 2^30");
}

void bind_exchange(nb::module_& m) {
  using namespace nb::literals;
  m.def("exchange_with", exchange_with, "tensor_class"_a);
}

Weight weight_of(nb::handle tensor) {
  const Tensor bytes = bytes_of(tensor);
  return view(bytes.data<void>(), bytes.elements());
}

Weight weight_of(nb::handle tensor, int64_t outputs, int64_t in_features) {
  const Weight w = weight_of(tensor);
  expect(w.in_features == in_features, "the last dimension of the input is not the weight's");
  expect(w.outputs == outputs, "the number of outputs is not the weight's");
  return w;
}

}  // namespace qdsl
