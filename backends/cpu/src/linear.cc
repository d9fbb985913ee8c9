// Shares the product of activations with a packed weight among threads.
#include "linear.h"

#include <omp.h>

#include <algorithm>

#include "base3.h"
#include "tokens.h"

namespace qdsl {
namespace {

constexpr int64_t kBytesAtOnce = 1 << 19;  // of prepared rows, so that they stay in a core's cache
constexpr int64_t kMostBytes = 1 << 22;    // where weights are expanded or decoded for all of them
constexpr int64_t kFewestRows = 24;        // at once
constexpr int64_t kMostRows = 264;
constexpr double kWorkPerThread = 1 << 20;  // multiplications that outweigh a fork

// What one thread keeps from call to call.
struct Scratch {
  TokenMemory tokens;
  Buffer<uint8_t> codes, tables, block;
  Buffer<float> totals, floats;
  Buffer<int32_t> code_sums;
};

Scratch& own_scratch() {
  thread_local Scratch scratch;
  return scratch;
}

Workspace workspace(const Weight& w, const Tokens& tokens, Scratch& scratch) {
  const bool tables = tokens.codes && tokens.rows == 1 && w.bits == 1 && !tokens.offset;
  const int64_t group_bytes = w.group_steps * kPanels * kQuads * kVector;
  return {scratch.codes.room(std::max(kDecodedBytes, group_bytes)),
          scratch.totals.room(tokens.rows * kBlock * (tokens.codes ? 1 : 2)),
          tokens.offset ? scratch.code_sums.room(w.groups * kBlock) : nullptr,
          tables ? scratch.tables.room(256 * w.steps) : nullptr,
          tokens.codes ? nullptr : scratch.floats.room(kExpanded)};
}

// One product, with what is the same for all of its parts.
struct Job {
  const Weight& w;
  const Preparation& preparation;
  const Kernels& kernels;
  LinearKernel kernel;
  const Output& out;

  void run(const Tokens& tokens, int64_t first, int64_t last, const Output& to) const;

  // Of `rows`, in parts as equal as they can be.
  int64_t rows_at_once(int64_t rows) const {
    const bool in_place = preparation.integer() && !w.period && !w.half && !w.base3;
    const int64_t fit = (in_place ? kBytesAtOnce : kMostBytes) / preparation.row_bytes() / 24 * 24;
    const int64_t most = std::clamp(fit, kFewestRows, kMostRows);
    const int64_t parts = std::max<int64_t>(1, (rows + most - 1) / most);
    return (rows + 4 * parts - 1) / (4 * parts) * 4;
  }

  Output from_row(int64_t row) const {
    Output part = out;
    part.values += row * w.outputs;
    if (part.bias) part.bias += row * part.bias_stride;
    if (part.residual) part.residual += row * w.outputs;
    if (part.sums) part.sums += row * w.groups * w.outputs;
    return part;
  }
};

// Blocks first..last - 1 on this thread.
void Job::run(const Tokens& tokens, int64_t first, int64_t last, const Output& to) const {
  Scratch& own = own_scratch();
  const Workspace work = workspace(w, tokens, own);
  if (!w.base3) return kernel(w, tokens, first, last, to, work);
  for (int64_t block = first; block < last; ++block)
    kernel(unfolded(w, block, kernels, own.block), tokens, block, block + 1, to, work);
}

// Rows first..last - 1, all outputs, on this thread.
void run_rows(const Job& job, int64_t first, int64_t last) {
  Scratch& scratch = own_scratch();
  const int64_t at_once = job.rows_at_once(last - first);
  for (int64_t row = first; row < last; row += at_once) {
    const int64_t rows = std::min(at_once, last - row);
    const Tokens tokens = job.preparation.room(rows, scratch.tokens);
    job.preparation.fill(tokens, row, 0, rows);
    job.run(tokens, 0, job.w.blocks, job.from_row(row));
  }
}

// Few rows: each thread prepares some of them, then takes a run of blocks for all.
void share_outputs(const Job& job, int64_t rows, int threads) {
  const Tokens tokens = job.preparation.room(rows, own_scratch().tokens);
#pragma omp parallel num_threads(threads)
  {
    const int64_t i = omp_get_thread_num(), n = omp_get_num_threads();
    job.preparation.fill(tokens, 0, rows * i / n, rows * (i + 1) / n);
#pragma omp barrier
    const int64_t first = job.w.blocks * i / n, last = job.w.blocks * (i + 1) / n;
    job.run(tokens, first, last, job.out);
  }
}

void share_rows(const Job& job, int64_t rows, int threads) {
#pragma omp parallel num_threads(threads)
  {
    const int64_t i = omp_get_thread_num(), n = omp_get_num_threads();
    run_rows(job, rows * i / n, rows * (i + 1) / n);
  }
}

int worthwhile_threads(const Weight& w, int64_t rows) {
  const double work = static_cast<double>(rows) * (w.panels * kLanes) * w.padded();
  if (work < 2 * kWorkPerThread) return 1;
  return static_cast<int>(std::min<double>(omp_get_max_threads(), work / kWorkPerThread));
}

}  // namespace

void linear(const Weight& w, const Input& x, const Activations& activations, const Output& out,
            Isa isa, int threads) {
  if (x.rows == 0 || w.outputs == 0) return;
  const Preparation preparation(w, kernels(isa), activations, x);
  // Only the scalar kernel counts in 64 bits, which groups of tens of thousands of positions need.
  const bool wide = preparation.integer() && w.wide(preparation.largest_code());
  const Kernels& k = kernels(wide ? Isa::scalar : isa);
  const Job job{w, preparation, k, preparation.kernel(k), out};
  if (threads <= 0) threads = worthwhile_threads(w, x.rows);
  if (threads == 1) return run_rows(job, 0, x.rows);
  if (x.rows < std::min<int64_t>(kMostRows, 24 * threads)) share_outputs(job, x.rows, threads);
  else share_rows(job, x.rows, threads);
}

}  // namespace qdsl
