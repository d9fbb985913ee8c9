// Shares a range among threads of OpenMP.
#pragma once

#include <omp.h>

#include <algorithm>
#include <cstdint>

namespace qdsl {

inline constexpr int64_t kCodesPerThread = 1 << 14;  // whose work outweighs a fork

// body(first, last) on parts of 0 ... count - 1, each of which is `each` codes of work.
template <class Body>
void share(int64_t count, int64_t each, int threads, Body body) {
  if (count <= 0) return;
  if (threads <= 0) {
    const int64_t worth = count * std::max<int64_t>(each, 1) / kCodesPerThread;
    threads = static_cast<int>(std::clamp<int64_t>(worth, 1, omp_get_max_threads()));
  }
  threads = static_cast<int>(std::min<int64_t>(threads, count));
  if (threads == 1) return body(int64_t{0}, count);
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int thread = 0; thread < threads; ++thread)
    body(count * thread / threads, count * (thread + 1) / threads);
}

}  // namespace qdsl
