// Measures the limits of a machine with the probes that it runs.
#include "roofline/limits.h"

#include <omp.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "roofline/pages.h"

namespace qdsl::roofline {
namespace {

constexpr int64_t kReadVolume = int64_t{512} << 20;  // bytes of a thread
constexpr int64_t kIterations = int64_t{1} << 20;  // of all tries together
constexpr int kTries = 9;
constexpr int kForks = 300;

double now() {
  const auto time = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(time).count();
}

// Seconds of work(thread, repetitions), from when all threads are ready to when the last one is
// done; each has before done it once, which fills caches and wakes the processor.
template <class Work>
double together(int threads, int64_t repetitions, const Work& work) {
  double begin = 0, end = 0;
#pragma omp parallel num_threads(threads)
  {
    const int thread = omp_get_thread_num();
    work(thread, 1);
#pragma omp barrier
#pragma omp master
    begin = now();
    work(thread, repetitions);
#pragma omp barrier
#pragma omp master
    end = now();
  }
  return end - begin;
}

}  // namespace

double bandwidth(int64_t bytes, int threads) {
  const int64_t part = std::max<int64_t>(bytes / threads / kReadBytes, 1) * kReadBytes;
  const char* data = pages(part * threads);
  const Read read = reader();
  const int64_t repetitions = std::max<int64_t>(kReadVolume / part, 1);
  const double seconds = together(threads, repetitions, [&](int thread, int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      uint64_t value = read(data + part * thread, part);
      asm volatile("" : "+r"(value) : : "memory");
    }
  });
  return static_cast<double>(part * threads * repetitions) / seconds;
}

double rate(const Peak& peak, int threads) {
  constexpr int64_t kParts = 16, kPart = kIterations / kTries / kParts;
  const auto work = [&](int, int64_t count) { peak.run(count * kPart); };
  std::array<double, kTries> seconds;
  for (double& each : seconds) each = together(threads, kParts, work);
  const auto middle = seconds.begin() + kTries / 2;
  std::nth_element(seconds.begin(), middle, seconds.end());
  return static_cast<double>(peak.operations * kParts * kPart * threads) / *middle;
}

double fork_join(int threads) {
  double begin = 0;
  for (int i = -kForks / 3; i < kForks; ++i) {
    if (i == 0) begin = now();  // the threads are awake
#pragma omp parallel num_threads(threads)
    asm volatile("" ::: "memory");
  }
  return (now() - begin) / kForks;
}

}  // namespace qdsl::roofline
