// Declares the memory that tensors are made in.
#pragma once

#include <cstdint>

namespace qdsl {

// Memory for a weight: in huge pages where it is large, since reading it once from memory is half as
// fast again as from pages of 4 KiB. Freed by std::free. std::bad_alloc where there is none.
void* weight_memory(int64_t bytes);

// Memory for a result, which is kept when it is given back: a fresh page costs more than what is
// computed into it. `capacity` is what was taken, at least the bytes that were asked for.
struct Block {
  void* memory;
  int64_t capacity;
};

Block take_block(int64_t bytes);  // std::bad_alloc
void give_back(Block block);

}  // namespace qdsl
