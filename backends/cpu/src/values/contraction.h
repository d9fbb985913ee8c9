// Declares the einsum of two tensors as batches of products of matrices.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace qdsl {

inline constexpr int kMostAxes = 24;

// A tensor of floats; strides count elements and may be 0.
struct Strided {
  const float* values;
  std::span<const int64_t> sizes, strides;
};

// An axis of the product: its size and how far one step goes in each tensor, 0 where it lacks the
// axis. `scales` is how far it goes among an operand's scales, where entries of its first axis have
// one each.
struct Axis {
  int64_t size;
  int64_t x, y, out;
  int64_t x_scales, y_scales;
};

// Axes of one role, the last fastest. Two that any step through takes together are one.
struct Axes {
  Axis axis[kMostAxes];
  int count = 0;

  int64_t size() const;
  // Where step i through them leads in the tensor (or scales) whose stride `of` is.
  int64_t offset(int64_t i, int64_t Axis::* of) const;
  // Whether step i leads to i in that tensor.
  bool contiguous(int64_t Axis::* of) const;
  void add(const Axis& axis);
};

// out[batch, row, column] = sum over x[batch, row, summed] * y[batch, column, summed]
struct Contraction {
  Axes batch, rows, columns, summed;
};

// `out` is contiguous in the order of the equation's result. An axis of only one operand that the
// result lacks is summed, the other operand standing still. std::invalid_argument where the
// equation is none of two such tensors. `entries`: whether those of the first axes have scales.
Contraction contraction(std::string_view equation, const Strided& x, const Strided& y,
                        bool entries);

// Writes the sizes of the result to `shape` and returns their number, at most 2 * kMostAxes.
int result_shape(std::string_view equation, const Strided& x, const Strided& y, int64_t* shape);

struct Equation {
  std::string_view x, y, result;
};

Equation parse(std::string_view equation);

// How many entries of the first axis of an operand have a scale each: 1 where the axis is summed.
int64_t entries(const Strided& operand, std::string_view letters, std::string_view result);

}  // namespace qdsl
