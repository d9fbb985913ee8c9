// Binds the way back from packed weights to floats.

#include "bindings/bindings.h"
#include "dequantize.h"

namespace qdsl {
namespace {

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

}  // namespace

void bind_dequantize(nb::module_& m) {
  using namespace nb::literals;
  m.def("embedding", bound_embedding, "ids"_a, "count"_a, "weight"_a, "size"_a, "in_features"_a,
        "out"_a);
  m.def("dequantize", bound_dequantize, "weight"_a, "size"_a, "outputs"_a, "in_features"_a,
        "out"_a);
}

}  // namespace qdsl
