// Declares probes: short loops that do one thing as fast as an instruction set can, by which the
// limits of a machine are measured. A file read_isa.cc or peak_isa.cc holds those of `isa`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace qdsl::roofline {

// Reads `bytes` bytes, a multiple of kReadBytes, in ascending order; what they combine to.
using Read = uint64_t (*)(const char* data, int64_t bytes);
inline constexpr int64_t kReadBytes = 256;

// Runs that many iterations of independent chains of products that are added up in registers.
using Products = void (*)(int64_t iterations);

struct Peak {
  const char* operands;      // what is multiplied: int8, bf16 or f32
  const char* instructions;  // the instruction set that multiplies
  int64_t operations;        // multiplications and additions in one iteration
  Products run;
};

// A probe file holds one of these. The constructor is not inline: what runs at start-up must not be
// compiled for the instruction set.
struct Register {
  Register(const char* instructions, Read read);
  explicit Register(const Peak& peak);
};

// Of what this processor runs: the widest loop that reads, and every peak.
Read reader();
std::vector<Peak> peaks();

// Whether this processor runs what a probe of `instructions` is compiled to.
bool runs(const std::string& instructions);

}  // namespace qdsl::roofline
