// Multiplies two tensors of int16 codes as batches of products of matrices of int8 codes.
#include "integer/einsum.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "integer/share.h"
#include "values/contraction.h"
#include "values/kernel.h"

namespace qdsl {
namespace {

constexpr int64_t kMostTerms = 1 << 16;
constexpr int32_t kOffset = 128;  // of the right operand's codes, which are bytes without a sign

// Lines of one operand: rows of the left one, columns of the right one.
struct Side {
  const int16_t* codes;
  const Axes* batch;
  const Axes* lines;
  const Axes* summed;
  int64_t Axis::* stride;
};

struct Product {
  const IntegerKernels& integers;
  const ValueKernels& values;
  Contraction axes;
  Side left, right;
  Multiplier by;
  int64_t rows, columns, summed, steps, panels;
  int16_t* out;

  int64_t row_bytes() const { return steps * kPositions; }
  int64_t panel_bytes() const { return steps * kPanelStep; }
};

// int8 codes of a line, padded with zeros to whole steps; `wide` holds the line.
void read_line(const Product& p, const Side& from, int64_t batch, int64_t line, int16_t* wide,
               int8_t* codes) {
  const int16_t* x = from.codes + from.batch->offset(batch, from.stride) +
                     from.lines->offset(line, from.stride);
  if (!from.summed->contiguous(from.stride)) {
    for (int64_t k = 0; k < p.summed; ++k) wide[k] = x[from.summed->offset(k, from.stride)];
    x = wide;
  }
  p.integers.narrow(x, p.summed, codes);
  std::memset(codes + p.summed, 0, p.row_bytes() - p.summed);
}

// What one thread keeps from call to call.
struct Scratch {
  std::vector<int16_t> wide, results;
  std::vector<int8_t> line, rows;
  std::vector<uint8_t> panels;
  std::vector<int32_t> terms;
};

// Panels of a batch's columns, offset so that they have no sign.
void read_columns(const Product& p, int64_t batch, Scratch& own) {
  own.panels.assign(p.panels * p.panel_bytes(), 0);
  for (int64_t column = 0; column < p.columns; ++column) {
    read_line(p, p.right, batch, column, own.wide.data(), own.line.data());
    uint8_t* to = own.panels.data() + column / kColumns * p.panel_bytes() +
                  column % kColumns * kPositions;
    for (int64_t s = 0; s < p.steps; ++s)
      for (int64_t j = 0; j < kPositions; ++j)
        to[s * kPanelStep + j] = static_cast<uint8_t>(own.line[s * kPositions + j] + kOffset);
  }
}

void store(const Product& p, const int16_t* results, int64_t row, int64_t column, int64_t count,
           int16_t* out) {
  int16_t* to = out + p.axes.rows.offset(row, &Axis::out);
  for (int64_t j = 0; j < count; ++j)
    to[p.axes.columns.offset(column + j, &Axis::out)] = results[j];
}

// Up to kTileRows rows, from `row`, with all columns.
void multiply(const Product& p, int64_t batch, int64_t row, int64_t count, Scratch& own) {
  alignas(64) int32_t sums[kTileRows * kTileColumns];
  int32_t terms[kTileRows];
  int16_t results[kTileColumns];
  const bool contiguous = p.axes.columns.contiguous(&Axis::out);
  int16_t* out = p.out + p.axes.batch.offset(batch, &Axis::out);
  for (int64_t r = 0; r < count; ++r) {
    int8_t* codes = own.rows.data() + r * p.row_bytes();
    read_line(p, p.left, batch, row + r, own.wide.data(), codes);
    terms[r] = -kOffset * p.integers.sum(codes, p.summed);
  }
  for (int64_t panel = 0; panel < p.panels; panel += kTilePanels) {
    const int64_t taken = std::min(kTilePanels, p.panels - panel), column = panel * kColumns;
    const int64_t valid = std::min(taken * kColumns, p.columns - column);
    p.values.tile({own.rows.data(), p.row_bytes(), own.panels.data() + panel * p.panel_bytes(),
                   p.panel_bytes(), p.steps},
                  count, taken, sums);
    for (int64_t r = 0; r < count; ++r) {
      int16_t* y = results;
      if (contiguous) y = out + p.axes.rows.offset(row + r, &Axis::out) + column;
      p.integers.scale_sums(sums + r * kTileColumns, terms[r], valid, p.by, y);
      if (!contiguous) store(p, results, row + r, column, valid, out);
    }
  }
}

// Rows first..last - 1 of all batches, counted through.
void multiply_rows(const Product& p, int64_t first, int64_t last) {
  thread_local Scratch own;
  own.wide.resize(p.summed);
  own.line.resize(p.row_bytes());
  own.rows.resize(kTileRows * p.row_bytes());
  int64_t read = -1;
  while (first < last) {
    const int64_t batch = first / p.rows, row = first % p.rows;
    if (batch != read) read_columns(p, read = batch, own);
    const int64_t count = std::min({kTileRows, p.rows - row, last - first});
    multiply(p, batch, row, count, own);
    first += count;
  }
}

}  // namespace

void integer_einsum(std::string_view equation, const Codes& a, const Codes& b,
                    const Multiplier& by, int16_t* out, Running running) {
  const Strided left{nullptr, a.sizes, a.strides}, right{nullptr, b.sizes, b.strides};
  Product p{.integers = integer_kernels(running.isa), .values = value_kernels(running.isa),
            .axes = contraction(equation, left, right, false), .left = {}, .right = {}, .by = by,
            .rows = 0, .columns = 0, .summed = 0, .steps = 0, .panels = 0, .out = out};
  p.left = {a.codes, &p.axes.batch, &p.axes.rows, &p.axes.summed, &Axis::x};
  p.right = {b.codes, &p.axes.batch, &p.axes.columns, &p.axes.summed, &Axis::y};
  p.rows = p.axes.rows.size();
  p.columns = p.axes.columns.size();
  p.summed = p.axes.summed.size();
  if (p.summed > kMostTerms) throw std::invalid_argument("a product sums more than 2^16 terms");
  p.steps = (p.summed + kPositions - 1) / kPositions;
  p.panels = (p.columns + kColumns - 1) / kColumns;
  share(p.axes.batch.size() * p.rows, p.columns * p.summed / 16, running.threads,
        [&](int64_t first, int64_t last) { multiply_rows(p, first, last); });
}

}  // namespace qdsl
