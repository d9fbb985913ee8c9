// Holds the working set of measurements: one mapping, aligned to and advised as huge pages.
#include "roofline/pages.h"

#include <sys/mman.h>

#include <cstring>
#include <new>

namespace qdsl::roofline {
namespace {

constexpr int64_t kHuge = int64_t{2} << 20;

struct Mapping {
  char* begin = nullptr;  // on a huge page
  int64_t bytes = 0;
  void* mapped = nullptr;
  int64_t mapped_bytes = 0;

  void grow(int64_t wanted) {
    if (mapped) munmap(mapped, mapped_bytes);
    *this = {};
    const int64_t size = wanted + kHuge;
    void* found =
        mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (found == MAP_FAILED) throw std::bad_alloc();
    const auto address = (reinterpret_cast<uintptr_t>(found) + kHuge - 1) & ~(kHuge - 1);
    *this = {reinterpret_cast<char*>(address), wanted, found, size};
#if defined(MADV_HUGEPAGE)
    madvise(begin, bytes, MADV_HUGEPAGE);  // advice: refusal is no failure
#endif
    // pages that were never written are all one page of zeros
    std::memset(begin, 1, bytes);
  }
};

}  // namespace

const char* pages(int64_t bytes) {
  static Mapping mapping;
  if (bytes > mapping.bytes) mapping.grow(bytes);
  return mapping.begin;
}

}  // namespace qdsl::roofline
