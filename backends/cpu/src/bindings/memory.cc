// Keeps the memory of large results for the next ones. With what is in use it is at most twice what
// once was in use at a time, and what no result has needed for long is freed.
#include "bindings/memory.h"

#include <algorithm>
#include <cstdlib>
#include <list>
#include <mutex>
#include <new>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace qdsl {
namespace {

constexpr int64_t kHugePage = 1 << 21, kLine = 64;
constexpr int64_t kSmallest = 1 << 16;  // below it malloc has memory at hand
constexpr int64_t kOldest = 4096;       // blocks that are taken until one is freed that is not

// At least one of them.
int64_t rounded_up(int64_t bytes, int64_t to) { return std::max(bytes + to - 1, to) / to * to; }

bool is_large(int64_t bytes) { return bytes >= kHugePage; }

#ifdef __linux__

// In huge pages as far as whole ones go; that is advice, which may fail. Not by malloc, which may keep
// it when it is freed.
void* map(int64_t bytes) {
  const int64_t length = rounded_up(bytes, kHugePage);
  void* found = mmap(nullptr, length + kHugePage, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (found == MAP_FAILED) throw std::bad_alloc();
  auto* const begin = static_cast<char*>(found);
  const auto before = -reinterpret_cast<uintptr_t>(begin) % kHugePage;
  if (before) munmap(begin, before);
  munmap(begin + before + length, kHugePage - before);
#ifdef MADV_HUGEPAGE
  madvise(begin + before, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
#endif
  return begin + before;
}

void unmap(Block block) { munmap(block.memory, rounded_up(block.capacity, kHugePage)); }

#else

void* map(int64_t bytes) { return std::aligned_alloc(kLine, rounded_up(bytes, kLine)); }
void unmap(Block block) { std::free(block.memory); }

#endif

Block allocate(int64_t bytes) {
  void* memory = is_large(bytes) ? map(bytes) : std::aligned_alloc(kLine, rounded_up(bytes, kLine));
  if (!memory) throw std::bad_alloc();
  return {memory, bytes};
}

void free(Block block) {
  if (is_large(block.capacity)) unmap(block);
  else std::free(block.memory);
}

struct Kept {
  Block block;
  int64_t since;  // blocks that had been taken
};

class Pool {
 public:
  Block take(int64_t bytes) {
    const std::lock_guard lock(mutex_);
    ++taken_;
    drop_old();
    const auto best = smallest_for(bytes);
    Block block;
    if (best != kept_.end()) {
      block = best->block;
      idle_ -= block.capacity;
      kept_.erase(best);
    } else {
      block = allocate(bytes);
    }
    used_ += block.capacity;
    most_used_ = std::max(most_used_, used_);
    return block;
  }

  void give_back(Block block) {
    const std::lock_guard lock(mutex_);
    used_ -= block.capacity;
    idle_ += block.capacity;
    kept_.push_back({block, taken_});
    while (used_ + idle_ > 2 * most_used_) drop_first();
  }

 private:
  using Place = std::list<Kept>::iterator;

  // One that is no more than twice as large, or a small result would keep a large one from its own.
  Place smallest_for(int64_t bytes) {
    auto best = kept_.end();
    for (auto kept = kept_.begin(); kept != kept_.end(); ++kept) {
      const int64_t capacity = kept->block.capacity;
      if (capacity < bytes || capacity > 2 * bytes) continue;
      if (best == kept_.end() || capacity <= best->block.capacity) best = kept;
    }
    return best;
  }

  void drop_old() {
    while (!kept_.empty() && taken_ - kept_.front().since > kOldest) drop_first();
  }

  void drop_first() {
    idle_ -= kept_.front().block.capacity;
    free(kept_.front().block);
    kept_.pop_front();
  }

  std::mutex mutex_;
  std::list<Kept> kept_;  // in the order of giving back
  int64_t used_ = 0, idle_ = 0, most_used_ = 0, taken_ = 0;
};

// Never destroyed: tensors may outlive the module.
Pool& pool() {
  static Pool& pool = *new Pool;
  return pool;
}

}  // namespace

Block take_weight(int64_t bytes) {
  const Block block = allocate(bytes);
#ifdef MADV_POPULATE_WRITE
  // Pages are made before threads write to them: where several ask for them at once, each waits.
  if (is_large(bytes)) madvise(block.memory, bytes / kHugePage * kHugePage, MADV_POPULATE_WRITE);
#endif
  return block;
}

void free_weight(Block block) { free(block); }

Block take_result(int64_t bytes) {
  return bytes >= kSmallest ? pool().take(bytes) : allocate(bytes);
}

void give_back_result(Block block) {
  if (block.capacity >= kSmallest) pool().give_back(block);
  else free(block);
}

}  // namespace qdsl
