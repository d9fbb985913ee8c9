// Convolves int16 codes: patches are rows of a product, or where outputs read parts of the channels
// of sums that are taken position by position.
#include "integer/conv.h"

#include <cstring>
#include <stdexcept>

#include "integer/share.h"
#include "kernels/scalar_codes.h"

namespace qdsl {
namespace {

// int8 codes of what each output position reads, `channels` fastest.
class Patches final : public Reader {
 public:
  Patches(const int8_t* x, const Geometry& geometry) : x_(x), g_(geometry) {}

  void read(int64_t row, int8_t* codes) const override {
    int64_t at[kMostSpatial] = {};
    for (int axis = g_.axes; axis-- > 0; row /= g_.out[axis])
      at[axis] = row % g_.out[axis] * g_.stride[axis] - g_.before[axis];
    read(0, row, at, codes);
  }

 private:
  // The kernel's positions along `axis` and those behind it, from position `index` before it.
  int8_t* read(int axis, int64_t index, const int64_t* at, int8_t* codes) const {
    const bool last = axis + 1 == g_.axes || axis + 1 == kMostSpatial;
    int64_t inner = g_.channels;
    for (int i = axis + 1; i < g_.axes; ++i) inner *= g_.kernel[i];
    const int64_t size = g_.kernel[axis];
    if (last && g_.dilation[axis] == 1 && at[axis] >= 0 && at[axis] + size <= g_.in[axis]) {
      std::memcpy(codes, x_ + (index * g_.in[axis] + at[axis]) * inner, size * inner);
      return codes + size * inner;
    }
    for (int64_t k = 0; k < size; ++k) {
      const int64_t position = at[axis] + k * g_.dilation[axis];
      const int64_t next = index * g_.in[axis] + position;
      if (position < 0 || position >= g_.in[axis])
        codes = static_cast<int8_t*>(std::memset(codes, 0, inner)) + inner;
      else if (last)
        codes = static_cast<int8_t*>(std::memcpy(codes, x_ + next * inner, inner)) + inner;
      else
        codes = read(axis + 1, next, at, codes);
    }
    return codes;
  }

  const int8_t* x_;
  const Geometry& g_;
};

// A weight whose outputs read parts of the channels.
struct Parts {
  const Weight& w;
  const Geometry& geometry;
  const IntegerKernels& kernels;
  std::vector<int16_t> codes;      // [in_features, outputs], less their centres
  std::vector<int32_t> mantissa;   // [groups, outputs]
  std::vector<int64_t> channels;   // [outputs]: the first that it reads

  Parts(const Weight& weight, const Geometry& g, const GroupMultiplier& by,
        const IntegerKernels& k)
      : w(weight), geometry(g), kernels(k), codes(w.in_features * w.outputs),
        mantissa(w.groups * w.outputs), channels(w.outputs) {
    std::vector<uint8_t> u(w.group_steps * kStep);
    for (int64_t n = 0; n < w.outputs; ++n) {
      channels[n] = n / (w.outputs / g.parts) * (g.channels / g.parts);
      for (int64_t i = 0; i < w.groups; ++i) {
        const int32_t centre = entry(w, n / kBlock, i, n % kBlock).centre;
        read_group(w, n, i, centre, u.data());
        mantissa[i * w.outputs + n] = by.mantissa[n * by.row + i];
        for (int64_t j = 0; j < w.group_size(i); ++j)
          codes[(i * w.full_group + j) * w.outputs + n] = static_cast<int16_t>(u[j] - centre);
      }
    }
  }

  // sums [groups, outputs] of one patch; `row` holds a number per output.
  void sum(const int8_t* patch, int16_t* row, int32_t* sums) const {
    const int64_t each = geometry.channels / geometry.parts;
    std::memset(sums, 0, w.groups * w.outputs * sizeof(*sums));
    for (int64_t k = 0; k < w.in_features; ++k) {
      const int8_t* position = patch + k / each * geometry.channels + k % each;
      for (int64_t n = 0; n < w.outputs; ++n) row[n] = position[channels[n]];
      kernels.multiply_add(row, codes.data() + k * w.outputs, w.outputs,
                           sums + k / w.full_group * w.outputs);
    }
  }
};

void in_parts(const Parts& parts, const Patches& patches, int64_t rows,
              const std::vector<int64_t>& offset, const int32_t* shift, int16_t* y, int threads) {
  const Weight& w = parts.w;
  share(rows, w.in_features * w.outputs, threads, [&](int64_t first, int64_t last) {
    std::vector<int8_t> patch(parts.geometry.patch());
    std::vector<int16_t> row(w.outputs);
    std::vector<int32_t> sums(w.groups * w.outputs);
    std::vector<int64_t> totals(w.outputs);
    for (int64_t r = first; r < last; ++r) {
      patches.read(r, patch.data());
      parts.sum(patch.data(), row.data(), sums.data());
      parts.kernels.finish({.sums = sums.data(), .rows = 1, .groups = w.groups,
                            .count = w.outputs, .stride = w.outputs,
                            .mantissa = parts.mantissa.data(), .shift = shift,
                            .offset = offset.data(), .added = nullptr, .totals = nullptr,
                            .y = y + r * w.outputs},
                           totals.data());
    }
  });
}

}  // namespace

void integer_conv(const Weight& w, const int16_t* x, const Geometry& g, const int32_t* bias,
                  const GroupMultiplier& by, int16_t* y, Running running) {
  if (g.patch() != w.in_features * g.parts || w.outputs % g.parts)
    throw std::invalid_argument("a weight is not that of the convolution");
  const IntegerKernels& k = integer_kernels(running.isa);
  const int64_t elements = g.batch * g.positions(g.in) * g.channels;
  std::vector<int8_t> codes(elements);
  share(elements, 1, running.threads, [&](int64_t first, int64_t last) {
    k.narrow(x + first, last - first, codes.data() + first);
  });
  const Patches patches(codes.data(), g);
  const std::vector<int64_t> offset = bias_terms(bias, by, w.outputs);
  if (g.parts > 1) {
    const Parts parts(w, g, by, k);
    return in_parts(parts, patches, g.rows(), offset, by.shift, y, running.threads);
  }
  IntegerProduct(w, by, running).run(patches, g.rows(), {.offset = offset.data(), .y = y});
}

}  // namespace qdsl
