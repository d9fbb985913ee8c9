// Binds the measurements of what the machine can do at most.
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <omp.h>

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

#include "bindings/bindings.h"
#include "roofline/limits.h"

namespace qdsl {
namespace {

using Kind = std::pair<std::string, std::string>;  // operands, instruction set

constexpr int kMostThreads = 4096;  // as many as any machine has
constexpr int64_t kMostBytes = int64_t{1} << 40;

std::mutex measuring;  // measurements share one working set, and would slow each other down

void expect_threads(int threads) {
  expect(threads >= 1 && threads <= std::min(kMostThreads, omp_get_thread_limit()),
         "threads are at least 1 and at most 4096 or OMP_THREAD_LIMIT");
}

std::vector<Kind> bound_peaks() {
  std::vector<Kind> found;
  for (const roofline::Peak& peak : roofline::peaks())
    found.emplace_back(peak.operands, peak.instructions);
  return found;
}

double bound_rate(const Kind& kind, int threads) {
  expect_threads(threads);
  for (const roofline::Peak& peak : roofline::peaks()) {
    if (kind.first != peak.operands || kind.second != peak.instructions) continue;
    nb::gil_scoped_release release;
    const std::lock_guard lock(measuring);
    return roofline::rate(peak, threads);
  }
  throw std::invalid_argument("this processor has no such peak");
}

double bound_bandwidth(int64_t bytes, int threads) {
  expect_threads(threads);
  expect(bytes >= 1 && bytes <= kMostBytes, "a working set has 1 byte to 1 TiB");
  nb::gil_scoped_release release;
  const std::lock_guard lock(measuring);
  return roofline::bandwidth(bytes, threads);
}

double bound_fork_join(int threads) {
  expect_threads(threads);
  nb::gil_scoped_release release;
  const std::lock_guard lock(measuring);
  return roofline::fork_join(threads);
}

}  // namespace

void bind_limits(nb::module_& m) {
  using namespace nb::literals;
  m.def("limits_bandwidth", bound_bandwidth, "bytes"_a, "threads"_a);
  m.def("limits_peaks", bound_peaks);
  m.def("limits_rate", bound_rate, "kind"_a, "threads"_a);
  m.def("limits_fork_join", bound_fork_join, "threads"_a);
}

}  // namespace qdsl
