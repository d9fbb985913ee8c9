// Declares how activations get into the layout of a weight.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "linear.h"

namespace qdsl {

// Memory of one thread that is grown and never shrunk.
template <class T>
class Buffer {
 public:
  T* room(int64_t count) {
    if (static_cast<int64_t>(memory_.size()) * kVector < count * int64_t{sizeof(T)})
      memory_.resize((count * sizeof(T) + kVector - 1) / kVector);
    return reinterpret_cast<T*>(memory_.data());
  }

 private:
  struct alignas(kVector) Line {
    uint8_t bytes[kVector];
  };
  std::vector<Line> memory_;
};

// The nearest bf16, ties to even; NaN stays what it is.
inline float to_bf16(float x) {
  const auto bits = std::bit_cast<uint32_t>(x);
  if ((bits & 0x7fffffff) > 0x7f800000) return x;
  return std::bit_cast<float>((bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000);
}

struct TokenMemory {
  Buffer<int8_t> codes, ones;
  Buffer<uint16_t> halves;
  Buffer<float> values, scales, value_sums;
  Buffer<int32_t> sums;
};

// Prepares rows for a weight: `room` makes place for them, `fill` writes some of them.
class Preparation {
 public:
  Preparation(const Weight& w, const Kernels& k, const Activations& a, const Input& x);

  // Tokens of `rows` rows in `memory`, not filled yet.
  Tokens room(int64_t rows, TokenMemory& memory) const;

  // Writes rows first..last - 1 of `tokens`; row 0 of them is row `from` of the input.
  void fill(const Tokens& tokens, int64_t from, int64_t first, int64_t last) const;

  bool integer() const;
  LinearKernel kernel(const Kernels& k) const;
  int64_t row_bytes() const;     // of a row of tokens
  int64_t largest_code() const;  // the largest magnitude of an integer activation
  int64_t stride() const;

 private:
  void quantize(const Tokens& tokens, int64_t row, const float* x) const;
  void copy(const Tokens& tokens, int64_t row, const float* x) const;

  const Weight& w_;
  const Kernels& kernels_;
  const Activations activations_;
  const Input x_;
  Fixed fixed_{};
  int32_t offset_ = 0;
  uint32_t shared_ = 0;  // bits of the largest magnitude of the tensor
  bool rounds_ = false;  // to bf16
  bool halves_ = false;  // which a kernel takes as they are
};

}  // namespace qdsl
