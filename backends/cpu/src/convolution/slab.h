// Copies what neighbouring positions read of the lanes of a block next to each other: pixels are
// often a power of two apart, and few of them fit a cache's sets at once.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "convolution/convolution.h"
#include "tokens.h"

namespace qdsl {

// Of positions in one row of outputs; Element is float or int32_t.
template <class Element>
class Slab {
 public:
  static_assert(sizeof(Element) == sizeof(float));
  static constexpr int64_t kMost = 32;  // positions: theirs and the weights stay in the first cache

  Slab(const Convolution& c, Buffer<float>& values, Buffer<const void*>& rows)
      : c_(c), most_(std::min(kMost, c.columns.outputs())), width_(columns_of(most_)) {
    if (!worth()) return;
    values_ = reinterpret_cast<Element*>(values.room(c.rows.kernel * width_ * kBlock));
    auto** to = reinterpret_cast<const Element**>(rows.room(most_ * c.taps()));
    rows_ = to;
    for (int64_t p = 0; p < most_; ++p)
      for (int64_t i = 0; i < c.rows.kernel; ++i)
        for (int64_t j = 0; j < c.columns.kernel; ++j)
          *to++ = values_ + (i * width_ + p * c.columns.stride + j * c.columns.dilation) * kBlock;
  }

  // Whether each copy is read twice or more.
  bool worth() const { return 2 * width_ <= most_ * c_.columns.kernel; }

  // The end of the positions from `first` on that one slab serves.
  int64_t end(int64_t first) const {
    const int64_t columns = c_.columns.outputs();
    return std::min(first + most_, (first / columns + 1) * columns);
  }

  // [positions, taps]: where each finds lane 0, of positions first..last - 1 of all examples.
  const Element* const* fill(const Element* x, int64_t first, int64_t last, int64_t block) const {
    const int64_t example = first / c_.positions(), position = first % c_.positions();
    const int64_t top = position / c_.columns.outputs() * c_.rows.stride - c_.rows.before;
    const int64_t left = position % c_.columns.outputs() * c_.columns.stride - c_.columns.before;
    const int64_t columns = columns_of(last - first);
    for (int64_t i = 0; i < c_.rows.kernel; ++i) {
      const int64_t row = top + i * c_.rows.dilation;
      const int64_t pixel = example * c_.pixels() + row * c_.columns.size + left;
      const bool inside = row >= 0 && row < c_.rows.size;
      const Element* from = x + pixel * c_.channels + block * kBlock;
      Element* to = values_ + i * width_ * kBlock;
      for (int64_t j = 0; j < columns; ++j, from += c_.channels, to += kBlock) {
        if (inside && left + j >= 0 && left + j < c_.columns.size)
          std::memcpy(to, from, kBlock * sizeof(Element));
        else
          std::memset(to, 0, kBlock * sizeof(Element));
      }
    }
    return rows_;
  }

 private:
  int64_t columns_of(int64_t positions) const {
    return (positions - 1) * c_.columns.stride + (c_.columns.kernel - 1) * c_.columns.dilation + 1;
  }

  const Convolution& c_;
  int64_t most_, width_;
  Element* values_ = nullptr;
  const Element* const* rows_ = nullptr;
};

}  // namespace qdsl
