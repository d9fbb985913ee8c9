// Declares the working set of measurements.
#pragma once

#include <cstdint>

namespace qdsl::roofline {

// At least `bytes` bytes that were written, on huge pages where the system has them. They stay for
// further measurements until more are asked for. std::bad_alloc where there is no memory. Calls
// must not overlap.
const char* pages(int64_t bytes);

}  // namespace qdsl::roofline
