// Reads the arguments that operations on torch's tensors share.
#include "bindings/operation.h"

#include <string>

namespace qdsl {

Activations activations_of(nb::str word) {
  const std::string_view text = word.c_str();
  if (text == "int8_token") return Activations::int8_token;
  if (text == "f32") return Activations::f32;
  if (text == "int8_tensor") return Activations::int8_tensor;
  throw nb::key_error(("activations are not `" + std::string(text) + "`").c_str());
}

namespace {

Tensor bytes_of(nb::handle tensor) {
  const Tensor bytes(tensor, Dtype::uint8, "weight");
  expect(bytes.contiguous(), "a packed weight is a contiguous uint8 tensor");
  return bytes;
}

}  // namespace

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
