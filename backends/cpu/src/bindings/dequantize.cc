// Binds the operations that lead from packed weights back to floats.
#include "dequantize.h"

#include "bindings/operation.h"

namespace qdsl {
namespace {

nb::object embedding_operation(nb::handle ids, nb::handle weight, int64_t dim) {
  nb::object kept;
  const Tensor rows = ids_of(ids, kept);
  const Weight w = weight_of(weight);
  expect(w.in_features == dim, "the embedding's dimension is not the weight's");
  Made out = make_like(rows, rows.dims(), dim);
  nb::gil_scoped_release release;
  embedding(w, rows.data<int64_t>(), rows.elements(), out.data);
  return std::move(out.object);
}

nb::object dequantize_operation(nb::handle weight, int64_t outputs, int64_t in_features) {
  const Weight w = weight_of(weight, outputs, in_features);
  const int64_t shape[] = {outputs, in_features};
  Made out = make_tensor(shape, 2);
  nb::gil_scoped_release release;
  dequantize(w, out.data);
  return std::move(out.object);
}

}  // namespace

void bind_dequantize(nb::module_& m) {
  using namespace nb::literals;
  m.def("embedding", embedding_operation, "ids"_a, "weight"_a, "embedding_dim"_a);
  m.def("dequantize", dequantize_operation, "weight"_a, "outputs"_a, "in_features"_a);
}

}  // namespace qdsl
