// Multiplies two rounded tensors: batches and blocks of rows are shared out among threads.
#include "values/product.h"

#include <omp.h>

#include <algorithm>

#include "values/operand.h"

namespace qdsl {
namespace {

constexpr int64_t kBytesAtOnce = 1 << 16;  // of rows' codes, so that they stay in a core's cache
constexpr int64_t kMostRows = 96;          // at once, a multiple of kTileRows
constexpr double kWorkPerThread = 1 << 20;  // multiplications that outweigh a fork

int64_t divided_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Codes of all columns of one batch.
struct Panels {
  std::vector<uint8_t> panels;
  std::vector<float> scales;
  std::vector<int64_t> sums;
  std::vector<int32_t> terms;
};

// Codes of some rows.
struct Rows {
  std::vector<uint8_t> codes;
  std::vector<float> scales;
  std::vector<int64_t> sums;
};

Panels& own_columns() {
  thread_local Panels columns;
  return columns;
}

Rows& own_rows() {
  thread_local Rows rows;
  return rows;
}

// One product, with what is the same for all of its parts.
struct Job {
  const ValueKernels& k;
  Operand left, right;
  Contraction axes;
  int64_t rows, columns, summed;
  int64_t steps, panels;
  float* out;

  int64_t panel_bytes() const { return steps * kPanelStep; }
  bool wide() const { return summed > kMostExact; }

  int64_t rows_at_once() const {
    const int64_t bytes = std::max<int64_t>(1, steps * kPositions);
    return std::clamp(kBytesAtOnce / bytes / kTileRows * kTileRows, kTileRows, kMostRows);
  }

  void make_room(Panels& to) const {
    grown(to.panels, panels * panel_bytes());
    grown(to.scales, panels * kColumns);
    grown(to.sums, panels * kColumns);
    grown(to.terms, panels * kColumns);
  }

  // (q - zero) of both operands, multiplied out: what only the column decides.
  int64_t column_term(int64_t sum) const {
    return left.zero() * (summed * right.zero() - sum);
  }

  void encode_columns(int64_t batch, int64_t panel, Panels& to) const {
    const int64_t at = panel * kColumns;
    const LineSums found{to.scales.data() + at, to.sums.data() + at};
    encode_panel(right, k, batch, panel, to.panels.data() + panel * panel_bytes(), found);
    for (int64_t j = at; j < at + kColumns; ++j)
      to.terms[j] = static_cast<int32_t>(column_term(to.sums[j]));
  }

  void multiply(int64_t batch, int64_t first, int64_t last, const Panels& columns) const;
  void store(const float* values, int64_t count, float* row, int64_t column) const;
  void narrow_tile(const TileOperands& of, const Rows& of_rows, int64_t row, int64_t count,
                   int64_t panel, const Panels& from, float* const* to) const;
  void wide_tile(const TileOperands& of, const Rows& of_rows, int64_t row, int64_t count,
                 int64_t panel, const Panels& from, float* const* to) const;
};

void Job::store(const float* values, int64_t count, float* row, int64_t column) const {
  if (axes.columns.contiguous(&Axis::out)) {
    std::copy_n(values, count, row + column);
    return;
  }
  for (int64_t j = 0; j < count; ++j)
    row[axes.columns.offset(column + j, &Axis::out)] = values[j];
}

void Job::narrow_tile(const TileOperands& of, const Rows& of_rows, int64_t row, int64_t count,
                      int64_t panel, const Panels& from, float* const* to) const {
  alignas(64) int32_t sums[kTileRows * kTileColumns];
  const int64_t column = panel * kColumns, taken = std::min(kTilePanels, panels - panel);
  const int64_t valid = std::min(taken * kColumns, columns - column);
  const bool whole = axes.columns.contiguous(&Axis::out) && valid == taken * kColumns;
  k.tile(of, count, taken, sums);
  for (int64_t r = 0; r < count; ++r) {
    alignas(64) float values[kTileColumns];
    const auto term = static_cast<int32_t>(-right.zero() * of_rows.sums[row + r]);
    float* y = whole ? to[r] + column : values;
    k.scale(sums + r * kTileColumns, term, from.terms.data() + column, of_rows.scales[row + r],
            from.scales.data() + column, taken, y);
    if (!whole) store(values, valid, to[r], column);
  }
}

// Sums beyond 32 bits: in parts that fit, added in 64.
void Job::wide_tile(const TileOperands& of, const Rows& of_rows, int64_t row, int64_t count,
                    int64_t panel, const Panels& from, float* const* to) const {
  constexpr int64_t kSteps = kMostExact / kPositions;
  alignas(64) int32_t sums[kTileRows * kTileColumns];
  int64_t totals[kTileRows * kTileColumns] = {};
  const int64_t column = panel * kColumns, taken = std::min(kTilePanels, panels - panel);
  const int64_t valid = std::min(taken * kColumns, columns - column);
  for (int64_t s = 0; s < steps; s += kSteps) {
    TileOperands part = of;
    part.rows += s * kPositions;
    part.panels += s * kPanelStep;
    part.steps = std::min(kSteps, steps - s);
    k.tile(part, count, taken, sums);
    for (int64_t r = 0; r < count; ++r)
      for (int64_t j = 0; j < valid; ++j)
        totals[r * kTileColumns + j] += sums[r * kTileColumns + j];
  }
  for (int64_t r = 0; r < count; ++r) {
    float values[kTileColumns];
    const int64_t term = -right.zero() * of_rows.sums[row + r];
    for (int64_t j = 0; j < valid; ++j) {
      const int64_t sum = totals[r * kTileColumns + j] + term + column_term(from.sums[column + j]);
      values[j] = static_cast<float>(sum) * (of_rows.scales[row + r] * from.scales[column + j]);
    }
    store(values, valid, to[r], column);
  }
}

// Rows first..last - 1 of a batch with all of its columns, on this thread.
void Job::multiply(int64_t batch, int64_t first, int64_t last, const Panels& from) const {
  Rows& own = own_rows();
  const int64_t at_once = rows_at_once(), stride = steps * kPositions;
  uint8_t* codes = grown(own.codes, at_once * stride);
  const LineSums found{grown(own.scales, at_once), grown(own.sums, at_once)};
  float* to = out + axes.batch.offset(batch, &Axis::out);
  for (int64_t block = first; block < last; block += at_once) {
    const int64_t count = std::min(at_once, last - block);
    encode_lines(left, k, batch, block, count, stride, codes, found);
    float* targets[kMostRows];
    for (int64_t r = 0; r < count; ++r)
      targets[r] = to + axes.rows.offset(block + r, &Axis::out);
    for (int64_t panel = 0; panel < panels; panel += kTilePanels) {
      for (int64_t row = 0; row < count; row += kTileRows) {
        const TileOperands of{reinterpret_cast<int8_t*>(codes) + row * stride, stride,
                              from.panels.data() + panel * panel_bytes(), panel_bytes(), steps};
        const int64_t taken = std::min(kTileRows, count - row);
        if (wide())
          wide_tile(of, own, row, taken, panel, from, targets + row);
        else
          narrow_tile(of, own, row, taken, panel, from, targets + row);
      }
    }
  }
}

// Every thread takes whole batches.
void share_batches(const Job& job, int64_t batches, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int64_t batch = 0; batch < batches; ++batch) {
    Panels& columns = own_columns();
    job.make_room(columns);
    for (int64_t panel = 0; panel < job.panels; ++panel) job.encode_columns(batch, panel, columns);
    job.multiply(batch, 0, job.rows, columns);
  }
}

// All threads take parts of one batch after the other.
void share_rows(const Job& job, int64_t batches, int threads) {
  Panels& columns = own_columns();
  job.make_room(columns);
  for (int64_t batch = 0; batch < batches; ++batch) {
#pragma omp parallel num_threads(threads)
    {
#pragma omp for schedule(static)
      for (int64_t panel = 0; panel < job.panels; ++panel)
        job.encode_columns(batch, panel, columns);
#pragma omp for schedule(static)
      for (int thread = 0; thread < threads; ++thread)
        job.multiply(batch, job.rows * thread / threads, job.rows * (thread + 1) / threads,
                     columns);
    }
  }
}

int worthwhile_threads(double work) {
  if (work < 2 * kWorkPerThread) return 1;
  return static_cast<int>(std::min<double>(omp_get_max_threads(), work / kWorkPerThread));
}

// Magnitudes of the entries of one operand where they share scales, else null.
const uint32_t* entry_magnitudes(const Strided& operand, std::string_view letters,
                                 std::string_view result, const Rounding& rounding,
                                 const ValueKernels& k, std::vector<uint32_t>& to) {
  if (rounding.fixed || !rounding.shared) return nullptr;
  const int64_t count = entries(operand, letters, result);
  uint32_t* largest = grown(to, count);
  largest_of_entries(operand, count, k, largest);
  return largest;
}

}  // namespace

void product(std::string_view equation, const Strided& x, const Strided& y, const Rounding& left,
             const Rounding& right, float* out, Isa isa, int threads) {
  thread_local std::vector<uint32_t> magnitudes[2];
  const ValueKernels& k = value_kernels(isa);
  const Equation e = parse(equation);
  Job job{.k = k, .left = {}, .right = {}, .axes = contraction(equation, x, y, left.shared),
          .rows = 0, .columns = 0, .summed = 0, .steps = 0, .panels = 0, .out = out};
  const Contraction& axes = job.axes;
  const int64_t batches = axes.batch.size();
  job.rows = axes.rows.size();
  job.columns = axes.columns.size();
  job.summed = axes.summed.size();
  if (batches * job.rows * job.columns == 0) return;
  job.steps = divided_up(job.summed, kPositions);
  job.panels = divided_up(job.columns, kColumns);
  job.left = {x.values, &axes.batch, &axes.rows, &axes.summed, &Axis::x, &Axis::x_scales, left,
              entry_magnitudes(x, e.x, e.result, left, k, magnitudes[0]),
              left.highest() > 127 ? 128 : 0};
  job.right = {y.values, &axes.batch, &axes.columns, &axes.summed, &Axis::y, &Axis::y_scales, right,
               entry_magnitudes(y, e.y, e.result, right, k, magnitudes[1]),
               static_cast<int32_t>(right.lowest())};
  const double work = static_cast<double>(batches) * job.rows * job.columns * job.summed;
  if (threads <= 0) threads = worthwhile_threads(work);
  if (threads == 1 || batches >= threads)
    share_batches(job, batches, threads);
  else
    share_rows(job, batches, threads);
}

}  // namespace qdsl
