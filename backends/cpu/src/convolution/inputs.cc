// Rounds the inputs of convolutions in groups: a position is a token.
#include "convolution/inputs.h"

#include <algorithm>

#include "values/kernel.h"

namespace qdsl {
namespace {

// Bits of the largest magnitude that each position reads.
void largest_read(const Convolution& c, const float* x, const ValueKernels& k, InputMemory& memory,
                  uint32_t* largest) {
  const int64_t pixels = c.batch * c.pixels(), positions = c.positions();
  uint32_t* of_pixels = memory.largest.room(pixels);
  for (int64_t i = 0; i < pixels; ++i) of_pixels[i] = k.largest(x + i * c.channels, c.channels);
  for (int64_t i = 0; i < c.batch * positions; ++i) {
    const uint32_t* of_example = of_pixels + i / positions * c.pixels();
    largest[i] = 0;
    c.for_taps(i % positions, [&](int64_t, int64_t pixel) {
      if (pixel >= 0) largest[i] = std::max(largest[i], of_example[pixel]);
    });
  }
}

// Integers of every pixel in a static range.
Inputs encode_fixed(const Convolution& c, const float* x, const FixedRange& range,
                    const ConvolutionKernels& k, InputMemory& memory) {
  const int64_t pixels = c.batch * c.pixels(), positions = c.positions();
  int32_t* codes = memory.codes.room(pixels * c.channels);
  uint32_t* of_pixels = memory.largest.room(pixels);
  for (int64_t i = 0; i < pixels; ++i)
    of_pixels[i] = k.encode_fixed(x + i * c.channels, c.channels, range, codes + i * c.channels);
  DynamicScale* steps = memory.steps.room(c.batch * positions);
  uint8_t* bad = memory.bad.room(c.batch * positions);
  for (int64_t i = 0; i < c.batch * positions; ++i) {
    const uint32_t* of_example = of_pixels + i / positions * c.pixels();
    steps[i] = {range.scale, 1};
    bad[i] = 0;
    c.for_taps(i % positions, [&](int64_t, int64_t pixel) {
      bad[i] |= pixel >= 0 && of_example[pixel];
    });
  }
  return {x, codes, steps, bad};
}

// Integers of every pixel by the scale of its example.
Inputs encode_examples(const Convolution& c, const float* x, const ConvolutionKernels& k,
                       InputMemory& memory, const uint32_t* largest, DynamicScale* steps) {
  const int64_t positions = c.positions(), values = c.pixels() * c.channels;
  int32_t* codes = memory.codes.room(c.batch * values);
  for (int64_t b = 0; b < c.batch; ++b) {
    const uint32_t* own = largest + b * positions;
    const DynamicScale scale = dynamic_scale(*std::max_element(own, own + positions));
    std::fill_n(steps + b * positions, positions, scale);
    // what no position reads may be larger than the scale holds: its code is never used
    k.encode(x + b * values, values, scale.multiplier, codes + b * values);
  }
  return {x, codes, steps};
}

}  // namespace

Inputs prepare(const Convolution& c, const float* x, const Activations& a,
               const ConvolutionKernels& k, Isa isa, InputMemory& memory) {
  if (a.kind == ActivationKind::f32) return {x};
  if (a.kind == ActivationKind::bf16) {
    const int64_t count = c.batch * c.pixels() * c.channels;
    float* values = memory.values.room(count);
    std::transform(x, x + count, values, to_bf16);
    return {values};
  }
  if (a.kind == ActivationKind::fixed) {
    const FixedRange range{a.scale, static_cast<float>(a.zero), static_cast<float>(a.lowest),
                           static_cast<float>(a.highest)};
    return encode_fixed(c, x, range, k, memory);
  }
  const int64_t tokens = c.batch * c.positions();
  DynamicScale* steps = memory.steps.room(tokens);
  uint32_t* largest = memory.magnitudes.room(tokens);
  largest_read(c, x, value_kernels(isa), memory, largest);
  if (a.kind == ActivationKind::int8_tensor)
    return encode_examples(c, x, k, memory, largest, steps);
  for (int64_t i = 0; i < tokens; ++i) steps[i] = dynamic_scale(largest[i]);
  return {x, nullptr, steps};
}

}  // namespace qdsl
