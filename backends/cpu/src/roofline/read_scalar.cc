// Reads memory with what every processor of the architecture has.
#include "roofline/probe.h"

namespace qdsl::roofline {
namespace {

typedef uint64_t Lanes __attribute__((vector_size(16), aligned(16)));

uint64_t read(const char* data, int64_t bytes) {
  Lanes sums[4] = {};
  for (int64_t i = 0; i < bytes; i += 64)
    for (int j = 0; j < 4; ++j) sums[j] ^= *reinterpret_cast<const Lanes*>(data + i + 16 * j);
  const Lanes all = sums[0] ^ sums[1] ^ sums[2] ^ sums[3];
  return all[0] ^ all[1];
}

const Register kRegister("scalar", read);

}  // namespace
}  // namespace qdsl::roofline
