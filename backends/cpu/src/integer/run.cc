// Shares operations of integer arithmetic among threads, and walks broadcast operands.
#include "integer/run.h"

#include <stdexcept>

#include "integer/share.h"

namespace qdsl {
namespace {

using Sizes = std::vector<int64_t>;

template <class Kernel, class Kind, size_t count>
Kernel of(const Kernel (&kernels)[count], Kind kind) {
  return kernels[static_cast<size_t>(kind)];
}

bool continues(const Sizes& shape, const Sizes& strides, size_t axis) {
  return strides[axis] == strides[axis + 1] * shape[axis + 1];
}

void drop(Sizes& sizes, size_t axis) { sizes.erase(sizes.begin() + static_cast<int64_t>(axis)); }

// Two operands over one shape with as few axes as they allow, at least one.
struct Walk {
  Sizes shape;
  Repeated a, b;

  void simplify() {
    for (size_t axis = shape.size(); axis-- > 0;)
      if (shape[axis] == 1) drop(shape, axis), drop(a.strides, axis), drop(b.strides, axis);
    for (size_t axis = shape.size(); axis-- > 1;) {
      const size_t outer = axis - 1;
      if (!continues(shape, a.strides, outer) || !continues(shape, b.strides, outer)) continue;
      shape[axis] *= shape[outer];
      drop(shape, outer), drop(a.strides, outer), drop(b.strides, outer);
    }
    if (shape.empty()) shape = {1}, a.strides = b.strides = {0};
  }

  int64_t count() const {
    int64_t product = 1;
    for (int64_t size : shape) product *= size;
    return product;
  }

  // Where row `row` of the last axis begins.
  int64_t offset(const Sizes& strides, int64_t row) const {
    int64_t at = 0;
    for (size_t axis = shape.size() - 1; axis-- > 0; row /= shape[axis])
      at += row % shape[axis] * strides[axis];
    return at;
  }
};

}  // namespace

void quantize(const float* x, int64_t count, float step, int16_t* y, Running running) {
  const QuantizeKernel kernel = integer_kernels(running.isa).quantize;
  share(count, 1, running.threads,
        [&](int64_t first, int64_t last) { kernel(x + first, last - first, step, y + first); });
}

void dequantize(const int16_t* x, int64_t count, float step, float* y, Running running) {
  const DequantizeKernel kernel = integer_kernels(running.isa).dequantize;
  share(count, 1, running.threads,
        [&](int64_t first, int64_t last) { kernel(x + first, last - first, step, y + first); });
}

void unary(Unary kind, const int16_t* x, int64_t count, const Constants& c, int16_t* y,
           Running running) {
  const UnaryKernel kernel = of(integer_kernels(running.isa).unary, kind);
  share(count, 1, running.threads,
        [&](int64_t first, int64_t last) { kernel(x + first, last - first, c, y + first); });
}

void binary(Binary kind, Sizes shape, Repeated a, Repeated b, const Constants& c, int16_t* y,
            Running running) {
  if (a.strides.size() != shape.size() || b.strides.size() != shape.size())
    throw std::invalid_argument("an operand has a stride for each axis");
  const BinaryKernel kernel = of(integer_kernels(running.isa).binary, kind);
  Walk walk{std::move(shape), std::move(a), std::move(b)};
  walk.simplify();
  const int64_t inner = walk.shape.back();
  const int64_t step_a = walk.a.strides.back(), step_b = walk.b.strides.back();
  share(walk.count(), 1, running.threads, [&](int64_t first, int64_t last) {
    while (first < last) {
      const int64_t row = first / inner, column = first % inner;
      const int64_t count = std::min(inner - column, last - first);
      kernel(walk.a.data + walk.offset(walk.a.strides, row) + column * step_a, step_a,
             walk.b.data + walk.offset(walk.b.strides, row) + column * step_b, step_b, count, c,
             y + first);
      first += count;
    }
  });
}

void on_rows(Rows kind, const int16_t* x, int64_t rows, int64_t n, const Constants& c, int16_t* y,
             Running running) {
  const RowsKernel kernel = of(integer_kernels(running.isa).rows, kind);
  share(rows, n, running.threads, [&](int64_t first, int64_t last) {
    thread_local std::vector<int32_t> scratch;
    if (static_cast<int64_t>(scratch.size()) < n) scratch.resize(n);
    kernel(x + first * n, last - first, n, c, scratch.data(), y + first * n);
  });
}

void from_integers(const int64_t* x, int64_t count, const Constants& c, int16_t* y,
                   Running running) {
  const ConvertKernel kernel = integer_kernels(running.isa).from_integers;
  share(count, 1, running.threads,
        [&](int64_t first, int64_t last) { kernel(x + first, last - first, c, y + first); });
}

void reduce(const int16_t* x, int64_t outer, const Windows& w, const Constants& c, int16_t* y,
            Running running) {
  const ReduceKernel kernel = integer_kernels(running.isa).reduce;
  const int64_t given = w.n * w.inner, found = w.count * w.inner;
  share(outer, w.count * w.size * w.inner, running.threads, [&](int64_t first, int64_t last) {
    kernel(x + first * given, last - first, w, c, y + first * found);
  });
}

}  // namespace qdsl
