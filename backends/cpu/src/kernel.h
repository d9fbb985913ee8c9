// Declares what a kernel is given and how it makes itself known.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "isa.h"
#include "weight.h"

namespace qdsl {

inline constexpr int64_t kWorkspacePanels = 2;

// Rows of activations in the layout of one weight: every group padded with zeros to whole steps.
struct Tokens {
  int64_t rows;
  int64_t stride;         // between rows, Shape::padded()
  const int8_t* codes;    // [rows, stride], integer activations only
  const float* scales;    // [rows], integer activations only; NaN makes its row NaN
  const int32_t* sums;    // [rows, groups] of codes, integer activations only
  const float* values;    // [rows, stride], float activations only
  float* workspace;       // of a kernel, kWorkspacePanels * kLanes * stride floats, or null
};

struct Output {
  float* values;       // [rows, outputs]
  const float* bias;   // what is added last, or null
  int64_t bias_stride;  // between rows of it; 0: one for all
};

// Writes the outputs of panels first..last - 1 for every row.
using LinearKernel = void (*)(const Weight&, const Tokens&, int64_t first, int64_t last,
                              const Output&);

// Bits of the largest |x|: those of a NaN or an infinity are at least 0x7f800000.
using LargestKernel = uint32_t (*)(const float* x, int64_t count);

// codes = round(x * multiplier), ties to even; returns their sum.
using RoundKernel = int32_t (*)(const float* x, int64_t count, float multiplier, int8_t* codes);

// One step of LSTM cells: gates [4 * hidden] in the order i, f, g, o; c is updated, h written.
using CellKernel = void (*)(const float* gates, int64_t hidden, float* c, float* h);

// One function per operation; where codes are read, one per width of 1, 2, 4 and 8 bits.
struct Kernels {
  LinearKernel linear_int8[4] = {};  // dynamic int8 activations
  LinearKernel linear_f32[4] = {};   // float activations
  LargestKernel largest = nullptr;
  RoundKernel round = nullptr;
  CellKernel cell = nullptr;
};

inline int width_index(int bits) { return bits == 1 ? 0 : bits == 2 ? 1 : bits == 4 ? 2 : 3; }

// A kernel file holds one of these, given the functions that it defines and null for the others.
// The constructor is not inline: what runs at start-up must not be compiled for `isa`.
struct Register {
  Register(Isa isa, const Kernels& defined);
};

// What `isa` runs, with what it lacks taken from the instruction sets below it.
const Kernels& kernels(Isa isa);

// Names of what is registered for `isa` itself, such as linear_int8_4bit_avx2.
std::vector<std::string> registered(Isa isa);

}  // namespace qdsl
