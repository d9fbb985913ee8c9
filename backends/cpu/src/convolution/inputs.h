// Declares the inputs of convolutions in groups, as they are multiplied.
#pragma once

#include <cstdint>

#include "convolution/convolution.h"
#include "convolution/kernel.h"
#include "tokens.h"

namespace qdsl {

// Inputs as they are multiplied: floats, or integers where one scale is for many.
struct Inputs {
  const float* values;
  const int32_t* codes = nullptr;
  const DynamicScale* scales = nullptr;  // [positions]; of floats none
  const uint8_t* bad = nullptr;          // [positions], of a static range: whether one reads NaN
};

struct InputMemory {
  Buffer<float> values;
  Buffer<int32_t> codes;
  Buffer<uint32_t> largest, magnitudes;
  Buffer<DynamicScale> steps;
  Buffer<uint8_t> bad;
};

// The integers of every pixel where one scale is for many, else of every position its scale.
Inputs prepare(const Convolution& c, const float* x, const Activations& a,
               const ConvolutionKernels& k, Isa isa, InputMemory& memory);

}  // namespace qdsl
