// Declares the memory that tensors are made in.
#pragma once

#include <cstdint>

namespace qdsl {

// `capacity` is what was taken, at least the bytes that were asked for. All throw std::bad_alloc where
// there is no memory.
struct Block {
  void* memory;
  int64_t capacity;
};

// For a weight: in huge pages where it is large, since reading it once from memory is half as fast
// again as from pages of 4 KiB.
Block take_weight(int64_t bytes);
void free_weight(Block block);

// For a result, whose memory is kept when it is given back: a fresh page costs more than what is
// computed into it.
Block take_result(int64_t bytes);
void give_back_result(Block block);

}  // namespace qdsl
