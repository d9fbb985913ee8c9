// Convolves in groups: a block of 64 outputs is decoded, then meets what each position reads. No
// patches are built where an output reads one channel.
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "convolution/convolution.h"
#include "convolution/kernel.h"
#include "kernels/scalar_codes.h"
#include "tokens.h"
#include "values/kernel.h"

namespace qdsl {
namespace {

constexpr double kWorkPerThread = 1 << 18;  // multiplications that outweigh a fork

// Inputs as they are multiplied: floats, or integers where one scale is for many.
struct Inputs {
  const float* values;
  const int16_t* codes = nullptr;
  const DynamicScale* scales = nullptr;  // [positions]; of floats none
  const uint8_t* bad = nullptr;          // [positions], of a static range: whether one reads NaN
};

struct Memory {
  Buffer<uint8_t> decoded;
  Buffer<int16_t> codes, lanes;
  Buffer<float> scales, shifts, weights, bias, float_lanes, zeros;
  Buffer<int64_t> ends, places;
  Buffer<const void*> rows;
  Buffer<uint32_t> largest, magnitudes;
  Buffer<DynamicScale> steps;
  Buffer<int16_t> inputs;
  Buffer<uint8_t> bad;
};

Memory& own_memory() {
  thread_local Memory memory;
  return memory;
}

struct Job {
  const Convolution& c;
  const Weight& w;
  const ConvolutionKernels& k;
  const Kernels& kernels;
  Inputs inputs;
  const float* zeros;  // what taps in padding read, of either type
  const float* bias;
  float* y;

  int64_t positions() const { return c.positions(); }
  int64_t per_group() const { return c.channels / c.groups; }
  // The first channel that an output reads.
  int64_t channel(int64_t output) const { return output / (w.outputs / c.groups) * per_group(); }
  // Outputs of a block read channels that lie as they do.
  bool direct(int64_t block) const {
    return per_group() == 1 && w.outputs == c.channels && (block + 1) * kBlock <= w.outputs;
  }

  BlockCodes decode(int64_t block, Memory& to) const;
  const float* expand(const BlockCodes& codes, Memory& to) const;
  template <class Element>
  const Element* const* window(int64_t position, const Element* x, Memory& to) const;
  template <class Element>
  const Element* const* assembled(const Element* const* rows, int64_t block, Buffer<Element>& lanes,
                                  Memory& to) const;
  void spoil(int64_t block, int64_t position, Memory& memory, float* out) const;
  void run(int64_t block, int64_t first, int64_t last) const;
};

// Codes less centres, scales, shifts and bias of a block; lanes without an output are 0.
BlockCodes Job::decode(int64_t block, Memory& to) const {
  const int64_t panels = w.panels_of(block), lanes = panels * kLanes;
  uint8_t* bytes = to.decoded.room(w.group_steps * kQuads * panels * kVector);
  int16_t* codes = to.codes.room(w.in_features * kBlock);
  float* scales = to.scales.room(w.groups * kBlock);
  float* shifts = to.shifts.room(w.groups * kBlock);
  int64_t* ends = to.ends.room(w.groups);
  int64_t k = 0;
  for (int64_t g = 0; g < w.groups; ++g) {
    kernels.decode(w, block, g, bytes);
    int32_t centres[kBlock];
    for (int64_t n = 0; n < lanes; ++n) {
      const Entry e = entry(w, block, g, n);
      scales[g * kBlock + n] = e.scale;
      shifts[g * kBlock + n] = e.shift;
      centres[n] = w.values ? 0 : e.centre;
    }
    for (int64_t i = 0; i < w.group_size(g); ++i, ++k) {
      const uint8_t* quad = bytes + i / 4 * panels * kVector + i % 4;
      for (int64_t n = 0; n < lanes; ++n)
        codes[k * kBlock + n] = static_cast<int16_t>(quad[4 * n] - centres[n]);
    }
    ends[g] = k;
  }
  const float* own = nullptr;
  if (bias) {
    float* copy = to.bias.room(kBlock);
    const int64_t valid = std::min(kBlock, w.outputs - block * kBlock);
    std::fill(std::copy_n(bias + block * kBlock, valid, copy), copy + kBlock, 0.0f);
    own = copy;
  }
  return {lanes, w.groups, ends, codes, scales, w.zero == Zero::floating ? shifts : nullptr, own};
}

// The weights of a block as floats.
const float* Job::expand(const BlockCodes& b, Memory& to) const {
  float* weights = to.weights.room(w.in_features * kBlock);
  for (int64_t g = 0, k = 0; g < w.groups; ++g) {
    for (; k < b.ends[g]; ++k) {
      for (int64_t n = 0; n < b.lanes; ++n) {
        const int16_t code = b.codes[k * kBlock + n];
        const float value = w.values ? w.values[code] : static_cast<float>(code);
        const float scaled = b.scales[g * kBlock + n] * value;
        weights[k * kBlock + n] = b.shifts ? scaled - b.shifts[g * kBlock + n] : scaled;
      }
    }
  }
  return weights;
}

// Where each tap of a position finds its pixel.
template <class Element>
const Element* const* Job::window(int64_t position, const Element* x, Memory& to) const {
  const int64_t taps = c.taps(), example = position / positions();
  auto** rows = reinterpret_cast<const Element**>(to.rows.room(taps + w.in_features));
  const Element* from = x + example * c.pixels() * c.channels;
  c.for_taps(position - example * positions(), [&](int64_t tap, int64_t pixel) {
    rows[tap] = pixel < 0 ? reinterpret_cast<const Element*>(zeros) : from + pixel * c.channels;
  });
  return rows;
}

// The values of every lane of a block copied next to each other.
template <class Element>
const Element* const* Job::assembled(const Element* const* rows, int64_t block,
                                     Buffer<Element>& lanes, Memory& to) const {
  Element* copy = lanes.room(w.in_features * kBlock);
  auto** result = const_cast<const Element**>(rows) + c.taps();
  const int64_t* places = to.places.room(kBlock);
  const int64_t valid = std::min(kBlock, w.outputs - block * kBlock);
  for (int64_t k = 0; k < w.in_features; ++k, copy += kBlock) {
    const Element* row = rows[k / per_group()] + k % per_group();
    for (int64_t n = 0; n < valid; ++n) copy[n] = row[places[n]];
    for (int64_t n = valid; n < kBlock; ++n) copy[n] = 0;
    result[k] = copy;
  }
  return result;
}

// Outputs that read NaN are NaN.
void Job::spoil(int64_t block, int64_t position, Memory& memory, float* out) const {
  const float* const* rows = window(position, inputs.values, memory);
  const int64_t* places = memory.places.room(kBlock);
  const int64_t valid = std::min(kBlock, w.outputs - block * kBlock);
  for (int64_t n = 0; n < valid; ++n) {
    for (int64_t k = 0; k < w.in_features; ++k) {
      const float x = rows[k / per_group()][places[n] + k % per_group()];
      if (std::isnan(x)) out[n] = x;
    }
  }
}

// Positions first..last - 1 of a block.
void Job::run(int64_t block, int64_t first, int64_t last) const {
  Memory& memory = own_memory();
  const BlockCodes b = decode(block, memory);
  const bool is_float = !inputs.scales, is_direct = direct(block);
  const float* weights = is_float ? expand(b, memory) : nullptr;
  const int64_t valid = std::min(kBlock, w.outputs - block * kBlock);
  const int64_t at = is_direct ? block * kBlock : 0;
  int64_t* places = memory.places.room(kBlock);
  for (int64_t n = 0; n < valid; ++n) places[n] = channel(block * kBlock + n);
  for (int64_t position = first; position < last; ++position) {
    alignas(64) float lanes[kBlock];
    float* to = y + position * w.outputs + block * kBlock;
    float* out = valid == kBlock ? to : lanes;
    if (inputs.codes) {
      const int16_t* const* rows = window(position, inputs.codes, memory);
      if (!is_direct) rows = assembled(rows, block, memory.lanes, memory);
      k.codes(b, rows, at, inputs.scales[position].step, out);
      if (inputs.bad && inputs.bad[position]) spoil(block, position, memory, out);
    } else {
      const float* const* rows = window(position, inputs.values, memory);
      if (!is_direct) rows = assembled(rows, block, memory.float_lanes, memory);
      if (is_float) k.floats(b.lanes, w.in_features, weights, b.bias, rows, at, out);
      else k.token(b, rows, at, inputs.scales[position].multiplier, inputs.scales[position].step, out);
    }
    if (out == lanes) std::copy_n(lanes, valid, to);
  }
}

// Bits of the largest magnitude that each position reads.
void largest_read(const Convolution& c, const float* x, const ValueKernels& k, Memory& memory,
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
                    const ConvolutionKernels& k, Memory& memory) {
  const int64_t pixels = c.batch * c.pixels(), positions = c.positions();
  int16_t* codes = memory.inputs.room(pixels * c.channels);
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
                       Memory& memory, const uint32_t* largest, DynamicScale* steps) {
  const int64_t positions = c.positions(), values = c.pixels() * c.channels;
  int16_t* codes = memory.inputs.room(c.batch * values);
  for (int64_t b = 0; b < c.batch; ++b) {
    const uint32_t* own = largest + b * positions;
    const DynamicScale scale = dynamic_scale(*std::max_element(own, own + positions));
    std::fill_n(steps + b * positions, positions, scale);
    // what no position reads may be larger than the scale holds: its code is never used
    k.encode(x + b * values, values, scale.multiplier, codes + b * values);
  }
  return {x, codes, steps};
}

Inputs prepare(const Convolution& c, const float* x, const Activations& a,
               const ConvolutionKernels& k, Isa isa, Memory& memory) {
  if (a.kind == ActivationKind::f32) return {x};
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

}  // namespace

void grouped_convolution(const Convolution& c, const Weight& w, const float* x,
                         const Activations& a, const float* bias, float* y, Isa isa,
                         int threads) {
  const int64_t tokens = c.batch * c.positions();
  if (!tokens || !w.outputs) return;
  if (w.wide(255)) throw std::invalid_argument("a group of a grouped convolution is too long");
  const Kernels& kernels = qdsl::kernels(isa);
  Memory& memory = own_memory();
  float* zeros = memory.zeros.room(c.channels);
  std::fill_n(zeros, c.channels, 0.0f);
  const ConvolutionKernels& k = *kernels.convolution;
  const Job job{c, w, k, kernels, prepare(c, x, a, k, isa, memory), zeros, bias, y};
  const double work = static_cast<double>(tokens) * w.outputs * w.in_features;
  if (threads <= 0)
    threads = static_cast<int>(std::clamp<double>(work / kWorkPerThread, 1, omp_get_max_threads()));
  const int64_t parts = std::min<int64_t>(tokens, (threads + w.blocks - 1) / w.blocks);
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int64_t i = 0; i < w.blocks * parts; ++i)
    job.run(i / parts, tokens * (i % parts) / parts, tokens * (i % parts + 1) / parts);
}

}  // namespace qdsl
