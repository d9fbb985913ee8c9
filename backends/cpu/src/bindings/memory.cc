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

void* allocate(int64_t bytes) {
  const bool large = bytes >= kHugePage;
  const int64_t alignment = large ? kHugePage : kLine;
  void* memory = std::aligned_alloc(alignment, (bytes + alignment) / alignment * alignment);
  if (!memory) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
  // what is left stays in small pages; it is advice, which may fail
  if (large) madvise(memory, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
#endif
  return memory;
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
      block = {allocate(bytes), bytes};
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
    std::free(kept_.front().block.memory);
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

void* weight_memory(int64_t bytes) { return allocate(bytes); }

Block take_block(int64_t bytes) {
  if (bytes >= kSmallest) return pool().take(bytes);
  return {allocate(bytes), bytes};
}

void give_back(Block block) {
  if (block.capacity >= kSmallest) pool().give_back(block);
  else std::free(block.memory);
}

}  // namespace qdsl
