// Declares the kernels of integer arithmetic: int16 codes in and out, equal to the bit to
// qdsl/fx/integer for every instruction set. They run on the calling thread.
#pragma once

#include <cstdint>

#include "isa.h"

namespace qdsl {

// Numbers mantissa / 2^shift: mantissas of 31 bits and a sign, shifts 0 to 62.
struct Multiplier {
  const int32_t* mantissa;
  const int32_t* shift;
};

// What an operation takes beside codes; which of it is used, the operation says.
struct Constants {
  Multiplier by{};
  Multiplier argument{};          // of a polynomial: takes a code to 20 fraction bits
  const uint8_t* table = nullptr;  // [256]
  const int32_t* offset = nullptr;
  int64_t number = 0;              // the sign of an addition, the epsilon of a norm
};

// y[i] = f(x[i]).
using UnaryKernel = void (*)(const int16_t* x, int64_t count, const Constants&, int16_t* y);

// y[i] = f(a[i * stride_a], b[i * stride_b]).
using BinaryKernel = void (*)(const int16_t* a, int64_t stride_a, const int16_t* b,
                              int64_t stride_b, int64_t count, const Constants&, int16_t* y);

// Each of the rows [rows, n] by itself; `scratch` holds n numbers.
using RowsKernel = void (*)(const int16_t* x, int64_t rows, int64_t n, const Constants&,
                            int32_t* scratch, int16_t* y);

using ConvertKernel = void (*)(const int64_t* x, int64_t count, const Constants&, int16_t* y);

// x [outer, n, inner], of which `windows` windows of `size` are reduced, `stride` apart.
struct Windows {
  int64_t n, inner, size, stride, count;
};

// y [outer, windows, inner]: the sums times `by`, or where there is none the means.
using ReduceKernel = void (*)(const int16_t* x, int64_t outer, const Windows&, const Constants&,
                              int16_t* y);

enum class Unary { requantize, table, sigmoid, tanh, silu, gelu };
enum class Binary { add, multiply, divide, glu, glu_polynomial };
enum class Rows { softmax, softmax_polynomial, layer_norm, scale_and_shift };

struct IntegerKernels {
  UnaryKernel unary[6];
  BinaryKernel binary[5];
  RowsKernel rows[4];
  ConvertKernel from_integers;
  ReduceKernel reduce;
};

// A kernel file holds one of these.
struct RegisterIntegers {
  RegisterIntegers(Isa isa, const IntegerKernels& defined);
};

// Those of `isa`, or where it has none of the best instruction set below it.
const IntegerKernels& integer_kernels(Isa isa);

// Whether `isa` has kernels of its own.
bool has_integers(Isa isa);

}  // namespace qdsl
