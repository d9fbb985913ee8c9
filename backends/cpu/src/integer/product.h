// Declares products of int8 codes with packed weights, exact up to one rounding.
#pragma once

#include <cstdint>
#include <vector>

#include "integer/kernels.h"
#include "integer/run.h"
#include "kernel.h"
#include "tokens.h"
#include "weight.h"

namespace qdsl {

// Where rows of int8 codes [in_features] come from; called by several threads at once.
class Reader {
 public:
  virtual void read(int64_t row, int8_t* codes) const = 0;

 protected:
  ~Reader() = default;
};

// Rows [rows, size] of int16 codes.
class WideRows final : public Reader {
 public:
  WideRows(const int16_t* x, int64_t size, Isa isa)
      : x_(x), size_(size), narrow_(integer_kernels(isa).narrow) {}
  void read(int64_t row, int8_t* codes) const override { narrow_(x_ + row * size_, size_, codes); }

 private:
  const int16_t* x_;
  int64_t size_;
  NarrowKernel narrow_;
};

// Numbers of the groups of each output: mantissa [outputs, `row`], of which the weight's groups are
// the first, shift [outputs].
struct GroupMultiplier {
  const int32_t* mantissa;
  const int32_t* shift;
  int64_t row;
};

// bias [outputs] times the largest mantissa of its row, which is what `terms` add it as.
std::vector<int64_t> bias_terms(const int32_t* bias, const GroupMultiplier& by, int64_t outputs);

// What is made of the sums of a row and an output times their mantissas: `offset` [outputs] and
// `added` [rows, outputs] are added, either may be null; y [rows, outputs] is that over 2^shift,
// rounded, or `totals` [rows, outputs] is it as it is.
struct Terms {
  const int64_t* offset = nullptr;
  const int64_t* added = nullptr;
  int16_t* y = nullptr;
  int64_t* totals = nullptr;
};

class IntegerProduct {
 public:
  // std::invalid_argument for a weight whose sums leave 32 bits.
  IntegerProduct(const Weight& w, const GroupMultiplier& by, Running running);

  void run(const Reader& x, int64_t rows, const Terms& to) const;

 private:
  struct Scratch;

  void fill(const Reader& x, const Tokens& tokens, int64_t from, int64_t first, int64_t last) const;
  void multiply(const Tokens& tokens, int64_t row, int64_t first, int64_t last,
                const Terms& to) const;
  Tokens room(int64_t rows) const;
  void rows_alone(const Reader& x, int64_t first, int64_t last, const Terms& to) const;

  Weight w_;
  Kernels kernels_;
  IntegerKernels integers_;
  std::vector<int32_t> mantissa_;  // [groups, outputs]
  const int32_t* shift_;
  int threads_;
};

// y [rows, outputs] of x [rows, in_features]; bias [outputs].
void integer_linear(const Weight& w, const int16_t* x, int64_t rows, const int32_t* bias,
                    const GroupMultiplier& by, int16_t* y, Running running);

}  // namespace qdsl
