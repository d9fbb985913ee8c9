// Runs chains of dependent instructions side by side, as many as hide their latency.
#pragma once

#include <cstdint>

#include "weight.h"

#if defined(__x86_64__)
#define QDSL_IN_REGISTER "+v"
#elif defined(__aarch64__)
#define QDSL_IN_REGISTER "+w"
#else
#define QDSL_IN_REGISTER "+m"
#endif

namespace qdsl::roofline {

// The compiler must take `value` for changed: it neither drops nor merges what makes it.
template <class V>
QDSL_INLINE void keep(V& value) {
  asm volatile("" : QDSL_IN_REGISTER(value));
}

// In each iteration each of kChains accumulators, all in registers, takes one step.
template <int kChains, class V, class Step>
QDSL_INLINE void run_chains(int64_t iterations, V start, const Step& step) {
  V sums[kChains];
#pragma GCC unroll 16
  for (int i = 0; i < kChains; ++i) keep(sums[i] = start);
  for (int64_t n = 0; n < iterations; ++n) {
#pragma GCC unroll 16
    for (int i = 0; i < kChains; ++i) {
      sums[i] = step(sums[i]);
      keep(sums[i]);
    }
  }
}

}  // namespace qdsl::roofline
