// Declares what a kernel is given and how it makes itself known.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "isa.h"
#include "weight.h"

namespace qdsl {

// Rows of activations in the layout of one weight: every group padded with zeros to whole steps.
// An integer activation is code + offset; the offset is 0 but for static ranges of 9 bits' width.
struct Tokens {
  int64_t rows;
  int64_t stride;        // between rows, at least Shape::padded()
  const int8_t* codes;   // [rows, stride], integer activations only
  const float* scales;   // [rows], integer activations only; NaN makes its row NaN
  const int32_t* sums;   // [rows, groups] of integer activations
  int32_t offset;
  const int8_t* ones;    // [padded], 1 where a position is, 0 in padding; null without an offset
  const float* values;   // [rows, stride], float activations only
  // Of linear_bf16 only: [rows, stride] of bf16, quads in the order 0 2 1 3.
  const uint16_t* halves = nullptr;
  const float* value_sums = nullptr;  // [rows, groups] of floats, with floating zeros only
};

// What a kernel may write to, of its own thread.
struct Workspace {
  uint8_t* codes;  // decoded_bytes(weight)
  float* totals;   // [rows, 64]; of float activations twice that
  // each null where the kernel needs none
  int32_t* code_sums = nullptr;  // [groups, 64]
  uint8_t* tables = nullptr;     // of one row of 1-bit codes: 256 bytes a step
  float* floats = nullptr;       // of float activations: kExpanded, aligned
};
inline constexpr int64_t kDecodedBytes = 1 << 17;  // at once, or one group where that is more
inline constexpr int64_t kExpanded = 1 << 16;      // floats

// Where results go: y = t * scale of the row, + bias, at least 0 where `relu`, + residual.
struct Output {
  float* values;                        // [rows, outputs]
  const float* bias = nullptr;
  int64_t bias_stride = 0;              // between rows of it; 0: one for all
  bool relu = false;
  const float* residual = nullptr;      // [rows, outputs]
  int32_t* sums = nullptr;              // [rows, groups, outputs]: of integers, instead of all else
};

// Writes the outputs of blocks first..last - 1 for every row.
using LinearKernel = void (*)(const Weight&, const Tokens&, int64_t first, int64_t last,
                              const Output&, const Workspace&);

// Codes of a group of a block as they read, in the layout of 8 bits: [steps, 8, panels, 64].
using DecodeKernel = void (*)(const Weight&, int64_t block, int64_t group, uint8_t* to);

// Vectors of codes from what base3.h holds them in; `count` of those that are written.
using UnfoldKernel = void (*)(const uint8_t* from, int64_t count, uint8_t* to);

// Bits of the largest |x|: those of a NaN or an infinity are at least 0x7f800000.
using LargestKernel = uint32_t (*)(const float* x, int64_t count);

// codes = round(x * multiplier), ties to even; returns their sum.
using RoundKernel = int32_t (*)(const float* x, int64_t count, float multiplier, int8_t* codes);

// A static range: q = clamp(round(x / scale + zero), lowest, highest), stored as q - origin.
struct Fixed {
  float scale;
  int32_t zero, lowest, highest, origin;
};

// Returns the sum of q - zero; sets `bad` where an x is NaN.
using FixKernel = int32_t (*)(const float* x, int64_t count, const Fixed&, int8_t* codes,
                              bool& bad);

// x as bf16, quads in the order 0 2 1 3, and zeros to whole steps behind.
using HalveKernel = void (*)(const float* x, int64_t count, uint16_t* to);

// One step of LSTM cells: gates [4 * hidden] in the order i, f, g, o; c is updated, h written.
using CellKernel = void (*)(const float* gates, int64_t hidden, float* c, float* h);

// One step of GRU cells: shares of the input and of h [3 * hidden] in the order r, z, n; h is
// updated.
using GruCellKernel = void (*)(const float* given, const float* recurrent, int64_t hidden,
                               float* h);

struct ConvolutionKernels;  // of convolution/kernel.h

struct Kernels {
  LinearKernel linear_int8 = nullptr;  // integer activations
  LinearKernel linear_f32 = nullptr;   // float activations
  LinearKernel linear_bf16 = nullptr;  // those of `halve`; without it, rounded floats
  DecodeKernel decode = nullptr;
  UnfoldKernel unfold = nullptr;
  LargestKernel largest = nullptr;
  RoundKernel round = nullptr;
  FixKernel fix = nullptr;
  HalveKernel halve = nullptr;
  CellKernel cell = nullptr;
  GruCellKernel gru_cell = nullptr;
  const ConvolutionKernels* convolution = nullptr;
};

// A kernel file holds one of these, given the functions that it defines and null for the others.
// The constructor is not inline: what runs at start-up must not be compiled for `isa`.
struct Register {
  Register(Isa isa, const Kernels& defined);
};

// What `isa` runs, with what it lacks taken from the instruction sets below it.
const Kernels& kernels(Isa isa);

// Names of what is registered for `isa` itself, such as linear_int8_avx2.
std::vector<std::string> registered(Isa isa);

}  // namespace qdsl
