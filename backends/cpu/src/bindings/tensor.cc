// Reads and makes torch's tensors through the C functions that torch.Tensor carries; where an older
// torch has none, through its Python interface, some microseconds slower.
#include "bindings/tensor.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <new>
#include <stdexcept>
#include <type_traits>

#include "bindings/memory.h"

namespace qdsl {
namespace {

using nb::dlpack::dltensor;
using nb::dlpack::dtype;

constexpr int kMostDims = 64;
constexpr int32_t kProcessor = 1;  // kDLCPU

// DLPackExchangeAPI of dlpack.h 1.3; only the functions that are used have their types.
struct Exchange {
  uint32_t major, minor;
  Exchange* older;
  void* allocate;
  void* managed_from_object;
  int (*object_from_managed)(void* managed, void** object);
  int (*view_of_object)(void* object, dltensor* view);
  void* current_stream;
};

const Exchange* exchange = nullptr;
bool registered = false;

nb::object torch_dtype(const char* name) { return nb::module_::import_("torch").attr(name); }

constexpr dtype dlpack_type(Dtype type) {
  switch (type) {
    case Dtype::uint8: return nb::dtype<uint8_t>();
    case Dtype::int16: return nb::dtype<int16_t>();
    case Dtype::int32: return nb::dtype<int32_t>();
    case Dtype::int64: return nb::dtype<int64_t>();
    case Dtype::float32: return nb::dtype<float>();
  }
  return {};
}

constexpr const char* name_of(Dtype type) {
  switch (type) {
    case Dtype::uint8: return "uint8";
    case Dtype::int16: return "int16";
    case Dtype::int32: return "int32";
    case Dtype::int64: return "int64";
    case Dtype::float32: return "float32";
  }
  return "";
}

void check(int failed) {
  if (failed) throw nb::python_error();
}

[[noreturn]] void refuse_type(nb::handle object, Dtype type, const char* name) {
  const nb::object found = object.attr("dtype");
  std::string message = "`";
  message += name;
  message += "` is ";
  message += nb::str(nb::handle(found)).c_str();
  message += ", not ";
  message += name_of(type);
  throw std::invalid_argument(message);
}

}  // namespace

Tensor::Tensor(nb::handle object) : object_(object) {
  if (!registered) throw std::runtime_error("operations were called before they were registered");
  if (exchange) check(exchange->view_of_object(object.ptr(), &view_));
  else read_attributes();
}

void Tensor::read_attributes() {
  constexpr Dtype kAll[] = {Dtype::uint8, Dtype::int16, Dtype::int32, Dtype::int64, Dtype::float32};
  const auto dims = nb::cast<int>(object_.attr("dim")());
  sizes_.reset(new int64_t[2 * dims + 1]);
  for (int i = 0; i < dims; ++i) {
    sizes_[i] = nb::cast<int64_t>(object_.attr("size")(i));
    sizes_[dims + i] = nb::cast<int64_t>(object_.attr("stride")(i));
  }
  auto* memory = reinterpret_cast<void*>(nb::cast<uintptr_t>(object_.attr("data_ptr")()));
  view_ = {memory, {kProcessor, 0}, dims, {}, sizes_.get(), sizes_.get() + dims, 0};
  for (const Dtype type : kAll)
    if (object_.attr("dtype").is(torch_dtype(name_of(type)))) view_.dtype = dlpack_type(type);
}

Tensor::Tensor(nb::handle object, Dtype dtype, const char* name) : Tensor(object) {
  dtype_ = dtype;
  name_ = name;
  if (view_.dtype != dlpack_type(dtype)) refuse_type(object, dtype, name);
}

bool Tensor::is(nb::handle object, Dtype dtype) {
  return Tensor(object).view_.dtype == dlpack_type(dtype);
}

int64_t Tensor::elements_before(int dim) const {
  int64_t count = 1;
  for (int i = 0; i < dim; ++i) count *= view_.shape[i];
  return count;
}

int64_t Tensor::row_stride() const {
  const int last = view_.ndim - 1;
  if (last < 0 || elements() == 0) return last < 0 ? -1 : view_.shape[last];
  if (view_.shape[last] > 1 && view_.strides[last] != 1) return -1;
  int64_t stride = -1, span = 0;  // of the rows so far
  for (int i = last - 1; i >= 0; --i) {
    if (view_.shape[i] == 1) continue;
    if (stride < 0) stride = view_.strides[i], span = stride;
    else if (view_.strides[i] != span) return -1;
    span *= view_.shape[i];
  }
  return stride < 0 ? view_.shape[last] : stride;
}

bool Tensor::contiguous() const {
  int64_t span = 1;
  for (int i = view_.ndim - 1; i >= 0; --i) {
    if (view_.shape[i] != 1 && view_.strides[i] != span) return elements() == 0;
    span *= view_.shape[i];
  }
  return true;
}

Tensor Tensor::contiguous(nb::object& owner) const {
  if (contiguous()) return *this;
  owner = object_.attr("contiguous")();
  return Tensor(owner, dtype_, name_);
}

namespace {

// Memory of a tensor of torch, with what torch is told of it: DLManagedTensorVersioned of dlpack.h.
struct Owned {
  uint32_t major, minor;
  void* owner;
  void (*free)(void* owned);
  uint64_t flags;
  dltensor view;
  int64_t shape[kMostDims], strides[kMostDims];
  Block block;
  void (*give_back)(Block block);
};
static_assert(std::is_standard_layout_v<Owned>);

void free_owned(void* owned) {
  auto* tensor = static_cast<Owned*>(owned);
  tensor->give_back(tensor->block);
  std::free(owned);
}

// Takes over the block, which is given back by that function.
nb::object tensor_over(Block block, void (*give_back)(Block), Dtype type, const int64_t* shape,
                       int dims) {
  auto* owned = static_cast<Owned*>(std::malloc(sizeof(Owned)));
  if (!owned) throw std::bad_alloc();
  int64_t span = 1;
  for (int i = dims - 1; i >= 0; --i) {
    owned->shape[i] = shape[i];
    owned->strides[i] = span;
    span *= std::max<int64_t>(1, shape[i]);
  }
  owned->major = 1;
  owned->minor = 0;
  owned->owner = nullptr;
  owned->free = free_owned;
  owned->flags = 0;
  owned->block = block;
  owned->give_back = give_back;
  owned->view = {block.memory, {kProcessor, 0}, dims, dlpack_type(type), owned->shape, owned->strides, 0};
  void* object;
  check(exchange->object_from_managed(owned, &object));
  return nb::steal(static_cast<PyObject*>(object));
}

// A tensor that torch allocates.
Made empty(const int64_t* shape, int dims, Dtype dtype) {
  nb::list sizes;
  for (int i = 0; i < dims; ++i) sizes.append(shape[i]);
  const nb::object torch = nb::module_::import_("torch");
  nb::object made = torch.attr("empty")(sizes, nb::arg("dtype") = torch_dtype(name_of(dtype)));
  auto* memory = reinterpret_cast<float*>(nb::cast<uintptr_t>(made.attr("data_ptr")()));
  return {std::move(made), memory};
}

}  // namespace

Made make_tensor(const int64_t* shape, int dims, Dtype dtype) {
  if (!registered) throw std::runtime_error("tensors were made before operations were registered");
  if (!exchange) return empty(shape, dims, dtype);
  if (dims > kMostDims) throw std::invalid_argument("a tensor has too many dimensions");
  int64_t elements = 1;
  for (int i = 0; i < dims; ++i) elements *= shape[i];
  const Block block = take_result(elements * (dlpack_type(dtype).bits / 8));
  return {tensor_over(block, give_back_result, dtype, shape, dims), static_cast<float*>(block.memory)};
}

Made make_like(const Tensor& x, int dims, int64_t last) {
  std::array<int64_t, kMostDims> shape;
  if (dims < 0 || dims >= kMostDims) throw std::invalid_argument("a tensor has too many dimensions");
  std::copy_n(x.shape(), dims, shape.begin());
  shape[dims] = last;
  return make_tensor(shape.data(), dims + 1);
}

nb::object make_buffer(int64_t bytes) {
  if (!registered) throw std::runtime_error("buffers were made before operations were registered");
  if (!exchange) return empty(&bytes, 1, Dtype::uint8).object;
  return tensor_over(take_weight(bytes), free_weight, Dtype::uint8, &bytes, 1);
}

void exchange_with(nb::handle tensor_class) {
  registered = true;
  exchange = nullptr;
  if (!nb::hasattr(tensor_class, "__dlpack_c_exchange_api__")) return;
  const nb::object capsule = tensor_class.attr("__dlpack_c_exchange_api__");
  auto* found = static_cast<const Exchange*>(
      PyCapsule_GetPointer(capsule.ptr(), "dlpack_exchange_api"));
  if (!found) throw nb::python_error();
  while (found && found->major != 1) found = found->older;
  if (!found || !found->view_of_object)
    throw std::invalid_argument("this torch gives its tensors in a way that is not known");
  exchange = found;
}

}  // namespace qdsl
