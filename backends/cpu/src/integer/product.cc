// Multiplies rows of int8 codes with packed weights by the kernels of int8 activations, and makes
// int16 codes of their exact sums.
#include "integer/product.h"

#include <omp.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "base3.h"

namespace qdsl {
namespace {

constexpr int64_t kBytesAtOnce = 1 << 18;  // of codes, and of sums, so that they stay in a cache
constexpr int64_t kFewestRows = 24;        // at once; both are multiples of what kernels take
constexpr int64_t kMostRows = 240;
constexpr double kWorkPerThread = 1 << 20;  // multiplications that outweigh a fork

// Blocks first..last - 1 as a weight of their own.
Weight slice(const Weight& w, int64_t first, int64_t last) {
  Weight part = w;
  part.data += first * w.block_bytes;
  part.outputs = std::min(last * kBlock, w.outputs) - first * kBlock;
  part.panels = std::min(last * kPanels, w.panels) - first * kPanels;
  part.blocks = last - first;
  return part;
}

template <class T>
T* moved(T* pointer, int64_t by) {
  return pointer ? pointer + by : nullptr;
}

}  // namespace

// What one thread keeps from call to call.
struct IntegerProduct::Scratch {
  TokenMemory tokens;
  Buffer<int8_t> row;
  Buffer<uint8_t> codes, block;
  Buffer<float> totals;
  Buffer<int32_t> sums;
  Buffer<int64_t> terms;

  static Scratch& own() {
    thread_local Scratch scratch;
    return scratch;
  }
};

std::vector<int64_t> bias_terms(const int32_t* bias, const GroupMultiplier& by, int64_t outputs) {
  std::vector<int64_t> terms(outputs);
  for (int64_t n = 0; n < outputs; ++n) {
    const int32_t* row = by.mantissa + n * by.row;
    terms[n] = int64_t{bias[n]} * (by.row ? *std::max_element(row, row + by.row) : 0);
  }
  return terms;
}

IntegerProduct::IntegerProduct(const Weight& w, const GroupMultiplier& by, Running running)
    : w_(w), kernels_(kernels(running.isa)), integers_(integer_kernels(running.isa)),
      mantissa_(w.groups * w.outputs), shift_(by.shift), threads_(running.threads) {
  if (w.wide(127)) throw std::invalid_argument("a weight has longer rows than 32 bits can sum");
  if (by.row < w.groups) throw std::invalid_argument("a weight has more groups than multipliers");
  for (int64_t n = 0; n < w.outputs; ++n)
    for (int64_t g = 0; g < w.groups; ++g)
      mantissa_[g * w.outputs + n] = by.mantissa[n * by.row + g];
}

Tokens IntegerProduct::room(int64_t rows) const {
  TokenMemory& memory = Scratch::own().tokens;
  const int64_t stride = w_.padded() + kVector;  // see Preparation::stride
  return {.rows = rows, .stride = stride, .codes = memory.codes.room(rows * stride),
          .scales = nullptr, .sums = memory.sums.room(rows * w_.groups), .offset = 0,
          .ones = nullptr, .values = nullptr};
}

void IntegerProduct::fill(const Reader& x, const Tokens& tokens, int64_t from, int64_t first,
                          int64_t last) const {
  int8_t* whole = Scratch::own().row.room(w_.in_features);
  for (int64_t row = first; row < last; ++row) {
    auto* codes = const_cast<int8_t*>(tokens.codes) + row * tokens.stride;
    auto* sums = const_cast<int32_t*>(tokens.sums) + row * w_.groups;
    const int8_t* at = w_.groups == 1 ? codes : whole;
    x.read(from + row, const_cast<int8_t*>(at));
    for (int64_t g = 0; g < w_.groups; ++g) {
      const int64_t size = w_.group_size(g), padded = w_.steps_of(g) * kStep;
      if (at != codes) std::memcpy(codes, at, size);
      std::memset(codes + size, 0, padded - size);
      sums[g] = integers_.sum(codes, size);
      at += size;
      codes += padded;
    }
  }
}

// Blocks first..last - 1 of rows that begin with `row`.
void IntegerProduct::multiply(const Tokens& tokens, int64_t row, int64_t first, int64_t last,
                              const Terms& to) const {
  Scratch& own = Scratch::own();
  const int64_t block_sums = std::max<int64_t>(1, tokens.rows * w_.groups * kBlock);
  const int64_t blocks = w_.base3 ? 1 : std::max<int64_t>(1, kBytesAtOnce / 4 / block_sums);
  const int64_t group_bytes = w_.group_steps * kPanels * kQuads * kVector;
  const Workspace work{own.codes.room(std::max(kDecodedBytes, group_bytes)),
                       own.totals.room(tokens.rows * kBlock)};
  for (int64_t block = first; block < last; block += blocks) {
    const Weight whole = unfolded(w_, block, kernels_, own.block);
    const Weight part = slice(whole, block, std::min(block + blocks, last));
    const int64_t row_sums = w_.groups * part.outputs;
    Output out{.values = nullptr};
    out.sums = own.sums.room(tokens.rows * row_sums);
    kernels_.linear_int8(part, tokens, 0, part.blocks, out, work);
    const int64_t n = block * kBlock, at = row * w_.outputs + n;
    integers_.finish({.sums = out.sums, .rows = tokens.rows, .groups = w_.groups,
                      .count = part.outputs, .stride = w_.outputs, .mantissa = mantissa_.data() + n,
                      .shift = shift_ + n, .offset = moved(to.offset, n),
                      .added = moved(to.added, at), .totals = moved(to.totals, at),
                      .y = moved(to.y, at)},
                     own.terms.room(part.outputs));
  }
}

void IntegerProduct::rows_alone(const Reader& x, int64_t first, int64_t last,
                                const Terms& to) const {
  const int64_t fit = kBytesAtOnce / (w_.padded() + kVector) / kFewestRows * kFewestRows;
  const int64_t at_once = std::clamp(fit, kFewestRows, kMostRows);
  for (int64_t row = first; row < last; row += at_once) {
    const Tokens tokens = room(std::min(at_once, last - row));
    fill(x, tokens, row, 0, tokens.rows);
    multiply(tokens, row, 0, w_.blocks, to);
  }
}

void IntegerProduct::run(const Reader& x, int64_t rows, const Terms& to) const {
  if (rows == 0 || w_.outputs == 0) return;
  const double work = static_cast<double>(rows) * (w_.panels * kLanes) * w_.padded();
  int threads = threads_;
  if (threads <= 0) {
    const double worth = std::max(1.0, work / kWorkPerThread);
    threads = static_cast<int>(std::min<double>(omp_get_max_threads(), worth));
  }
  if (threads == 1) return rows_alone(x, 0, rows, to);
  const bool shared = rows < std::min<int64_t>(kMostRows, kFewestRows * threads);
  const Tokens tokens = room(shared ? rows : 0);
  if (shared) fill(x, tokens, 0, 0, rows);
#pragma omp parallel num_threads(threads)
  {
    const int64_t i = omp_get_thread_num(), n = omp_get_num_threads();
    if (shared)
      multiply(tokens, 0, w_.blocks * i / n, w_.blocks * (i + 1) / n, to);
    else
      rows_alone(x, rows * i / n, rows * (i + 1) / n, to);
  }
}

void integer_linear(const Weight& w, const int16_t* x, int64_t rows, const int32_t* bias,
                    const GroupMultiplier& by, int16_t* y, Running running) {
  const IntegerProduct product(w, by, running);
  const std::vector<int64_t> offset = bias_terms(bias, by, w.outputs);
  product.run(WideRows(x, w.in_features, running.isa), rows, {.offset = offset.data(), .y = y});
}

}  // namespace qdsl
