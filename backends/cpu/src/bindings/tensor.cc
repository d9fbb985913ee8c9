// Reads and makes torch's tensors through the C functions that torch.Tensor carries.
#include "bindings/tensor.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <new>
#include <stdexcept>
#include <type_traits>

#ifdef __linux__
#include <sys/mman.h>
#endif

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
  int (*allocate)(dltensor* prototype, void** managed, void* context,
                  void (*set_error)(void*, const char* kind, const char* message));
  void* managed_from_object;
  int (*object_from_managed)(void* managed, void** object);
  int (*view_of_object)(void* object, dltensor* view);
  void* current_stream;
};

const Exchange* exchange = nullptr;

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

void set_error(void*, const char*, const char* message) {
  PyErr_SetString(PyExc_RuntimeError, message);
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
  if (!exchange) throw std::runtime_error("operations were called before they were registered");
  check(exchange->view_of_object(object.ptr(), &view_));
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

Made make_tensor(const int64_t* shape, int dims, Dtype dtype) {
  dltensor prototype{};
  prototype.device = {kProcessor, 0};
  prototype.ndim = dims;
  prototype.dtype = dlpack_type(dtype);
  prototype.shape = const_cast<int64_t*>(shape);
  void *managed, *object;
  check(exchange->allocate(&prototype, &managed, nullptr, set_error));
  check(exchange->object_from_managed(managed, &object));
  Made made{nb::steal(static_cast<PyObject*>(object)), nullptr};
  made.data = Tensor(made.object, dtype, "result").data<float>();
  return made;
}

Made make_like(const Tensor& x, int dims, int64_t last) {
  std::array<int64_t, kMostDims> shape;
  if (dims < 0 || dims >= kMostDims) throw std::invalid_argument("a tensor has too many dimensions");
  std::copy_n(x.shape(), dims, shape.begin());
  shape[dims] = last;
  return make_tensor(shape.data(), dims + 1);
}

namespace {

// A tensor of torch, uint8 [bytes], with its memory.
struct Buffer {
  // DLManagedTensorVersioned of dlpack.h
  struct {
    uint32_t major = 1, minor = 0;
    void* owner = nullptr;
    void (*free)(void* managed) = nullptr;
    uint64_t flags = 0;
    dltensor view;
  } managed;
  int64_t shape, stride = 1;

  static void free(void* managed) {
    auto* buffer = reinterpret_cast<Buffer*>(managed);
    std::free(buffer->managed.view.data);
    delete buffer;
  }
};
static_assert(std::is_standard_layout_v<Buffer>);

void* advised_memory(int64_t bytes) {
  constexpr int64_t kHugePage = 1 << 21, kLine = 64;
  const bool large = bytes >= kHugePage;
  const int64_t alignment = large ? kHugePage : kLine;
  const int64_t whole = bytes / kHugePage * kHugePage;  // what is left stays in small pages
  void* memory = std::aligned_alloc(alignment, (bytes + alignment) / alignment * alignment);
  if (!memory) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
  if (large) madvise(memory, whole, MADV_HUGEPAGE);  // which is advice: it may fail
#endif
  return memory;
}

}  // namespace

nb::object make_buffer(int64_t bytes) {
  if (!exchange) throw std::runtime_error("buffers were made before operations were registered");
  auto buffer = std::make_unique<Buffer>();
  buffer->shape = bytes;
  buffer->managed.free = Buffer::free;
  buffer->managed.view.device = {kProcessor, 0};
  buffer->managed.view.ndim = 1;
  buffer->managed.view.dtype = dlpack_type(Dtype::uint8);
  buffer->managed.view.shape = &buffer->shape;
  buffer->managed.view.strides = &buffer->stride;
  buffer->managed.view.data = advised_memory(bytes);
  void* object;
  check(exchange->object_from_managed(buffer.release(), &object));
  return nb::steal(static_cast<PyObject*>(object));
}

void exchange_with(nb::handle tensor_class) {
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
