// Declares convolutions with packed weights, over one or two spatial axes, channels last.
#pragma once

#include <cstdint>

#include "linear.h"

namespace qdsl {

// One spatial axis; a convolution over one has a second of size 1.
struct Spatial {
  int64_t size, kernel, stride, before, after, dilation;

  int64_t outputs() const {
    const int64_t room = size + before + after - (kernel - 1) * dilation - 1;
    return room < 0 ? 0 : room / stride + 1;
  }
};

// x [batch, rows, columns, channels] → y [batch, rows', columns', outputs].
struct Convolution {
  int64_t batch, channels, groups;
  Spatial rows, columns;

  int64_t positions() const { return rows.outputs() * columns.outputs(); }  // of an example
  int64_t taps() const { return rows.kernel * columns.kernel; }
  int64_t pixels() const { return rows.size * columns.size; }

  // Calls visit(tap, pixel) for every tap of an output position: what it reads, -1 in padding.
  template <class Visit>
  void for_taps(int64_t position, Visit visit) const {
    const int64_t top = position / columns.outputs() * rows.stride - rows.before;
    const int64_t left = position % columns.outputs() * columns.stride - columns.before;
    int64_t tap = 0;
    for (int64_t i = 0, row = top; i < rows.kernel; ++i, row += rows.dilation) {
      for (int64_t j = 0, column = left; j < columns.kernel; ++j, column += columns.dilation) {
        const bool inside = row >= 0 && row < rows.size && column >= 0 && column < columns.size;
        visit(tap++, inside ? row * columns.size + column : -1);
      }
    }
  }
};

// Each output position is a token: what its taps read, in the order of the weight's rows, is rounded
// and multiplied as linear() does it. The weight is [outputs, taps · channels / groups].
void convolution(const Convolution& c, const Weight& w, const float* x,
                 const Activations& activations, const float* bias, float* y, Isa isa,
                 int threads);

// With groups > 1; called by convolution().
void grouped_convolution(const Convolution& c, const Weight& w, const float* x,
                         const Activations& activations, const float* bias, float* y, Isa isa,
                         int threads);

}  // namespace qdsl
