// Declares what is measured of a machine: at most so much can be read, multiplied, forked. A
// measurement takes some milliseconds, so that it can be repeated between others; how much work it
// does is fixed, for a busy machine would deceive a guess.
#pragma once

#include <cstdint>

#include "roofline/probe.h"

namespace qdsl::roofline {

// Bytes a second that `threads` threads read together, each its own part of a working set of
// `bytes` bytes on huge pages, over and over. The time is that of the slowest thread.
double bandwidth(int64_t bytes, int threads);

// Operations a second of `threads` threads together: the median of some tries of a fraction of a
// millisecond, as what is compared with it is a median: whoever else takes a core slows both. (A Zen 4 starts one fused
// multiply-add of 512 bits a cycle or two of 256, so that its peaks of f32 are one and the same.)
double rate(const Peak& peak, int threads);

// Seconds that `threads` threads take to begin and end an empty parallel region.
double fork_join(int threads);

}  // namespace qdsl::roofline
