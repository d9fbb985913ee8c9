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

// round(x / step), saturating; 0 for a NaN.
using QuantizeKernel = void (*)(const float* x, int64_t count, float step, int16_t* y);

using DequantizeKernel = void (*)(const int16_t* x, int64_t count, float step, float* y);

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

// ---- products -----------------------------------------------------------------------------------

// int8 codes of int16 ones.
using NarrowKernel = void (*)(const int16_t* x, int64_t count, int8_t* codes);

using SumKernel = int32_t (*)(const int8_t* codes, int64_t count);

// Exact sums [rows, groups, count] of products, and what is made of them: `offset` [count] and
// `added` [rows, count] plus the sums times mantissa [groups, count]; y [rows, count] is that over
// 2^shift [count], rounded, or where it is null `totals` [rows, count] is it as it is. Offset and
// added may be null. Rows of added, totals and y are `stride` apart, groups of mantissa too.
struct Finishing {
  const int32_t* sums;
  int64_t rows, groups, count, stride;
  const int32_t* mantissa;
  const int32_t* shift;
  const int64_t* offset;
  const int64_t* added;
  int64_t* totals;
  int16_t* y;
};

// `scratch` holds `count` numbers.
using FinishKernel = void (*)(const Finishing&, int64_t* scratch);

// sums[i] += x[i] * w[i]
using MultiplyAddKernel = void (*)(const int16_t* x, const int16_t* w, int64_t count,
                                   int32_t* sums);

// y[i] = round((sums[i] + term) * by)
using ScaleSumsKernel = void (*)(const int32_t* sums, int32_t term, int64_t count,
                                 const Multiplier& by, int16_t* y);

// ---- recurrent layers ---------------------------------------------------------------------------

// Functions of gates, whose arguments have scale 8/127: tables, or where they are null polynomials.
struct GateFunctions {
  const uint8_t* sigmoid = nullptr;
  const uint8_t* tanh = nullptr;
  Multiplier polynomial{};  // takes an argument to 20 fraction bits
};

struct CellConstants {
  Multiplier update;    // of f c and of i g, with one shift
  Multiplier argument;  // of c as the argument of a gate
};

// gates [batch, 4 * hidden] in the order i, f, g, o; c [batch, hidden] is updated, h written.
using IntegerLstmKernel = void (*)(const int16_t* gates, int64_t batch, int64_t hidden,
                                   const GateFunctions&, const CellConstants&, int16_t* c,
                                   int16_t* h);

// Products of the input and of h [batch, 3 * hidden] in the order r, z, n; h [batch, hidden] is
// updated.
using IntegerGruKernel = void (*)(const int16_t* given, const int16_t* recurrent, int64_t batch,
                                  int64_t hidden, const GateFunctions&, int16_t* h);

enum class Unary { requantize, table, sigmoid, tanh, silu, gelu };
enum class Binary { add, multiply, divide, glu, glu_polynomial };
enum class Rows { softmax, softmax_polynomial, layer_norm, scale_and_shift };

struct IntegerKernels {
  QuantizeKernel quantize;
  DequantizeKernel dequantize;
  UnaryKernel unary[6];
  BinaryKernel binary[5];
  RowsKernel rows[4];
  ConvertKernel from_integers;
  ReduceKernel reduce;
  NarrowKernel narrow;
  SumKernel sum;
  FinishKernel finish;
  MultiplyAddKernel multiply_add;
  ScaleSumsKernel scale_sums;
  IntegerLstmKernel lstm;
  IntegerGruKernel gru;
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
