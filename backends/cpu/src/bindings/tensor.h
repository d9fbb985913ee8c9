// Declares how operations read and make torch's tensors without linking torch: through the table of
// C functions of DLPack that the class torch.Tensor carries as `__dlpack_c_exchange_api__`.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstdint>
#include <memory>
#include <string>

namespace qdsl {

namespace nb = nanobind;

enum class Dtype { uint8, int16, int32, int64, float32 };

// A tensor of Python in the memory of the processor. It sees the tensor's own shape and memory, and
// is valid while the tensor is neither changed nor freed.
class Tensor {
 public:
  // `name` is what messages call it. std::invalid_argument unless it is of that dtype.
  Tensor(nb::handle object, Dtype dtype, const char* name);
  static bool is(nb::handle object, Dtype dtype);

  int dims() const { return view_.ndim; }
  int64_t size(int dim) const { return view_.shape[dim < 0 ? dim + view_.ndim : dim]; }
  int64_t elements() const { return elements_before(view_.ndim); }
  int64_t elements_before(int dim) const;  // of the first `dim` dimensions
  const int64_t* shape() const { return view_.shape; }
  const int64_t* strides() const { return view_.strides; }  // in elements

  // Elements from one row, which is the last dimension, to the next where all rows are equally far
  // apart and each lies in consecutive elements; -1 otherwise.
  int64_t row_stride() const;
  bool contiguous() const;
  // The same tensor, or a contiguous copy of it that `owner` keeps alive.
  Tensor contiguous(nb::object& owner) const;

  template <class T>
  T* data() const {
    return reinterpret_cast<T*>(static_cast<char*>(view_.data) + view_.byte_offset);
  }

 private:
  explicit Tensor(nb::handle object);
  void read_attributes();

  nb::handle object_;
  Dtype dtype_{};
  const char* name_ = "";
  nb::dlpack::dltensor view_;
  std::shared_ptr<int64_t[]> sizes_;  // of the view, where torch does not keep them
};

// A new tensor of torch, its elements not initialized.
struct Made {
  nb::object object;
  float* data;

  template <class T>
  T* as() const {
    return reinterpret_cast<T*>(data);
  }
};

Made make_tensor(const int64_t* shape, int dims, Dtype dtype = Dtype::float32);

// The first `dims` dimensions of `x`, then `last`.
Made make_like(const Tensor& x, int dims, int64_t last);

// A new tensor of torch, uint8 [bytes], for a weight.
nb::object make_buffer(int64_t bytes);

// Takes the table of the class torch.Tensor, if it has one; std::invalid_argument for one that it does
// not know.
void exchange_with(nb::handle tensor_class);

}  // namespace qdsl
