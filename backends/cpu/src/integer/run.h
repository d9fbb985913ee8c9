// Declares the operations of integer arithmetic that need no weights, shared among threads.
// threads: 0 for as many as the work is worth.
#pragma once

#include <cstdint>
#include <vector>

#include "integer/kernels.h"

namespace qdsl {

// A tensor of codes that is read with strides, in elements; 0 repeats.
struct Repeated {
  const int16_t* data;
  std::vector<int64_t> strides;
};

struct Running {
  Isa isa;
  int threads;
};

// `step` is that of a code.
void quantize(const float* x, int64_t count, float step, int16_t* y, Running);

void dequantize(const int16_t* x, int64_t count, float step, float* y, Running);

void unary(Unary, const int16_t* x, int64_t count, const Constants&, int16_t* y, Running);

// y is contiguous and of `shape`; std::invalid_argument where the strides are not as many.
void binary(Binary, std::vector<int64_t> shape, Repeated a, Repeated b, const Constants&,
            int16_t* y, Running);

void on_rows(Rows, const int16_t* x, int64_t rows, int64_t n, const Constants&, int16_t* y,
             Running);

void from_integers(const int64_t* x, int64_t count, const Constants&, int16_t* y, Running);

void reduce(const int16_t* x, int64_t outer, const Windows&, const Constants&, int16_t* y,
            Running);

}  // namespace qdsl
