// Convolves in groups: the codes of a weight are decoded to integers, 64 outputs next to each other,
// then meet what each position reads. No patches are built where an output reads one channel.
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <stdexcept>

#include "base3.h"
#include "convolution/convolution.h"
#include "convolution/inputs.h"
#include "convolution/kernel.h"
#include "convolution/slab.h"
#include "kernels/scalar_codes.h"
#include "tokens.h"

namespace qdsl {
namespace {

constexpr double kWorkPerThread = 1 << 18;  // multiplications that outweigh a fork
constexpr int64_t kPositionsAtOnce = 16;    // what they read of a block stays in a core's cache

// Of one call.
struct Memory {
  InputMemory inputs;
  Buffer<int32_t> codes;
  Buffer<float> scales, shifts, weights, bias, zeros;
  Buffer<int64_t> ends, channels;
};

// Of one thread.
struct Scratch {
  Buffer<uint8_t> decoded, block;
  Buffer<int32_t> codes;
  Buffer<float> values;
  Buffer<float> slab;
  Buffer<const void*> windows, rows, slab_rows;
};

Memory& own_memory() {
  thread_local Memory memory;
  return memory;
}

Scratch& own_scratch() {
  thread_local Scratch scratch;
  return scratch;
}

// The weight as kernels read it: [blocks] of everything that BlockCodes has.
struct Decoded {
  int32_t* codes;     // [blocks, positions, 64]
  float* weights;     // the same as floats, of float activations
  float *scales, *shifts, *bias;
  int64_t* ends;
  int64_t* channels;  // [outputs], the first that each reads
};

struct Job {
  const Convolution& c;
  const Weight& w;
  const ConvolutionKernels& k;
  const Kernels& kernels;
  Inputs inputs;
  Decoded decoded;
  const float* zeros;  // what taps in padding read, of either type
  const float* bias;
  float* y;

  bool is_float() const { return !inputs.scales; }
  int64_t per_group() const { return c.channels / c.groups; }
  int64_t outputs_of(int64_t block) const { return std::min(kBlock, w.outputs - block * kBlock); }
  // Outputs of a block read channels that lie as they do.
  bool direct(int64_t block) const {
    return per_group() == 1 && w.outputs == c.channels && outputs_of(block) == kBlock;
  }
  BlockCodes codes_of(int64_t block) const {
    const int64_t at = block * w.groups * kBlock;
    return {w.panels_of(block) * kLanes, w.groups, decoded.ends,
            decoded.codes + block * w.in_features * kBlock, decoded.scales + at,
            w.zero == Zero::floating ? decoded.shifts + at : nullptr,
            bias ? decoded.bias + block * kBlock : nullptr};
  }

  FloatRows floats_of(int64_t block, const float* const* rows, int64_t at) const {
    return {w.in_features, decoded.weights + block * w.in_features * kBlock,
            bias ? decoded.bias + block * kBlock : nullptr, rows, at, w.outputs};
  }

  void make_room(Memory& memory);
  void decode(int64_t block) const;
  void decode_group(const Weight& w, int64_t block, int64_t g, int64_t k, const uint8_t* bytes) const;
  template <class Element>
  const Element** windows(int64_t first, int64_t last, const Element* x) const;
  template <class Element>
  const Element* const* assembled(const Element* const* rows, int64_t block,
                                  Buffer<Element>& lanes) const;
  void spoil(int64_t block, int64_t position, float* out) const;
  template <class Element>
  void multiply(const Element* const* own, int64_t at, int64_t position, int64_t block,
                float* out) const;
  template <class Element>
  void run_block(const Element* const* rows, int64_t at, int64_t first, int64_t last,
                 int64_t block) const;
  template <class Element>
  void run_apart(const Element* const* rows, int64_t first, int64_t last, int64_t block,
                 Buffer<Element>& lanes) const;
  template <class Element>
  void run(const Element* x, int64_t first, int64_t last, Buffer<Element>& lanes) const;
};

void Job::make_room(Memory& memory) {
  const int64_t entries = w.blocks * w.groups * kBlock;
  decoded.codes = memory.codes.room(w.blocks * w.in_features * kBlock);
  decoded.weights = is_float() ? memory.weights.room(w.blocks * w.in_features * kBlock) : nullptr;
  decoded.scales = memory.scales.room(entries);
  decoded.shifts = memory.shifts.room(entries);
  decoded.ends = memory.ends.room(w.groups);
  for (int64_t g = 0, k = 0; g < w.groups; ++g) decoded.ends[g] = k += w.group_size(g);
  decoded.channels = memory.channels.room(w.outputs);
  for (int64_t n = 0; n < w.outputs; ++n)
    decoded.channels[n] = n / (w.outputs / c.groups) * per_group();
  decoded.bias = memory.bias.room(w.blocks * kBlock);
  if (bias) std::fill(std::copy_n(bias, w.outputs, decoded.bias),
                      decoded.bias + w.blocks * kBlock, 0.0f);
  float* none = memory.zeros.room(c.channels);
  std::fill_n(none, c.channels, 0.0f);
  zeros = none;
}

// Positions from k on, from bytes [quads, panels, 64].
void Job::decode_group(const Weight& w, int64_t block, int64_t g, int64_t k, const uint8_t* bytes) const {
  const int64_t panels = w.panels_of(block), lanes = panels * kLanes;
  int32_t* codes = decoded.codes + (block * w.in_features + k) * kBlock;
  float* scales = decoded.scales + (block * w.groups + g) * kBlock;
  float* shifts = decoded.shifts + (block * w.groups + g) * kBlock;
  int32_t centres[kBlock];
  for (int64_t n = 0; n < lanes; ++n) {
    const Entry e = entry(w, block, g, n);
    scales[n] = e.scale;
    shifts[n] = e.shift;
    centres[n] = w.values ? 0 : e.centre;
  }
  for (int64_t i = 0; i < w.group_size(g); ++i, codes += kBlock) {
    const uint8_t* quad = bytes + i / 4 * panels * kVector + i % 4;
    for (int64_t n = 0; n < lanes; ++n) codes[n] = quad[4 * n] - centres[n];
    if (!is_float()) continue;
    float* weights = decoded.weights + (codes - decoded.codes);
    for (int64_t n = 0; n < lanes; ++n) {
      const float value = w.values ? w.values[codes[n]] : static_cast<float>(codes[n]);
      weights[n] = w.zero == Zero::floating ? scales[n] * value - shifts[n] : scales[n] * value;
    }
  }
}

void Job::decode(int64_t block) const {
  const Weight w = unfolded(this->w, block, kernels, own_scratch().block);
  uint8_t* bytes =
      own_scratch().decoded.room(w.group_steps * kQuads * w.panels_of(block) * kVector);
  for (int64_t g = 0, k = 0; g < w.groups; k += w.group_size(g++)) {
    kernels.decode(w, block, g, bytes);
    decode_group(w, block, g, k, bytes);
  }
}

// Where each tap of some positions finds its pixel, [positions, taps].
template <class Element>
const Element** Job::windows(int64_t first, int64_t last, const Element* x) const {
  auto** rows = reinterpret_cast<const Element**>(
      own_scratch().windows.room((last - first) * c.taps()));
  const Element** to = rows;
  for (int64_t position = first; position < last; ++position) {
    const int64_t example = position / c.positions();
    const Element* from = x + example * c.pixels() * c.channels;
    c.for_taps(position - example * c.positions(), [&](int64_t, int64_t pixel) {
      *to++ = pixel < 0 ? reinterpret_cast<const Element*>(zeros) : from + pixel * c.channels;
    });
  }
  return rows;
}

// The values of every lane of a block copied next to each other.
template <class Element>
const Element* const* Job::assembled(const Element* const* rows, int64_t block,
                                     Buffer<Element>& lanes) const {
  Element* copy = lanes.room(w.in_features * kBlock);
  auto** result = reinterpret_cast<const Element**>(own_scratch().rows.room(w.in_features));
  const int64_t* channels = decoded.channels + block * kBlock;
  for (int64_t k = 0; k < w.in_features; ++k, copy += kBlock) {
    const Element* row = rows[k / per_group()] + k % per_group();
    for (int64_t n = 0; n < outputs_of(block); ++n) copy[n] = row[channels[n]];
    for (int64_t n = outputs_of(block); n < kBlock; ++n) copy[n] = 0;
    result[k] = copy;
  }
  return result;
}

// Outputs that read NaN are NaN.
void Job::spoil(int64_t block, int64_t position, float* out) const {
  const float* const* rows = windows(position, position + 1, inputs.values);
  for (int64_t n = 0; n < outputs_of(block); ++n) {
    const int64_t channel = decoded.channels[block * kBlock + n];
    for (int64_t k = 0; k < w.in_features; ++k) {
      const float x = rows[k / per_group()][channel + k % per_group()];
      if (std::isnan(x)) out[n] = x;
    }
  }
}

// One position; `own`: where its taps find the lanes.
template <class Element>
void Job::multiply(const Element* const* own, int64_t at, int64_t position, int64_t block,
                   float* out) const {
  const BlockCodes b = codes_of(block);
  if constexpr (std::is_same_v<Element, int32_t>) {
    k.codes(b, own, at, inputs.scales[position].step, out);
  } else if (is_float()) {
    k.floats(floats_of(block, own, at), b.lanes, 1, out);
  } else {
    const DynamicScale& scale = inputs.scales[position];
    k.token(b, own, at, scale.multiplier, scale.step, out);
  }
}

// Positions first..last - 1 of a whole block; `at`: the first of its lanes in what rows point to.
template <class Element>
void Job::run_block(const Element* const* rows, int64_t at, int64_t first, int64_t last,
                    int64_t block) const {
  float* to = y + first * w.outputs + block * kBlock;
  if constexpr (std::is_same_v<Element, float>)
    if (is_float()) return k.floats(floats_of(block, rows, at), kBlock, last - first, to);
  for (int64_t position = first; position < last; ++position, rows += c.taps(), to += w.outputs)
    multiply(rows, at, position, block, to);
}

// The same of lanes that read channels anywhere, each position by a copy.
template <class Element>
void Job::run_apart(const Element* const* rows, int64_t first, int64_t last, int64_t block,
                    Buffer<Element>& lanes) const {
  for (int64_t position = first; position < last; ++position, rows += c.taps()) {
    alignas(64) float out[kBlock];
    multiply(assembled(rows, block, lanes), 0, position, block, out);
    std::copy_n(out, outputs_of(block), y + position * w.outputs + block * kBlock);
  }
}

// Positions first..last - 1.
template <class Element>
void Job::run(const Element* x, int64_t first, int64_t last, Buffer<Element>& lanes) const {
  const Slab<Element> slab(c, own_scratch().slab, own_scratch().slab_rows);
  for (int64_t from = first, end; from < last; from = end) {
    end = std::min(slab.worth() ? slab.end(from) : from + kPositionsAtOnce, last);
    const bool copied = slab.worth() && direct(w.blocks - 1);
    const Element* const* rows = copied ? nullptr : windows(from, end, x);
    for (int64_t block = 0; block < w.blocks; ++block) {
      if (!direct(block)) run_apart(rows, from, end, block, lanes);
      else if (slab.worth()) run_block(slab.fill(x, from, end, block), 0, from, end, block);
      else run_block(rows, block * kBlock, from, end, block);
    }
  }
  for (int64_t position = first; inputs.bad && position < last; ++position)
    for (int64_t block = 0; inputs.bad[position] && block < w.blocks; ++block)
      spoil(block, position, y + position * w.outputs + block * kBlock);
}

}  // namespace

void grouped_convolution(const Convolution& c, const Weight& w, const float* x,
                         const Activations& a, const float* bias, float* y, Isa isa,
                         int threads) {
  const int64_t tokens = c.batch * c.positions();
  if (!tokens || !w.outputs) return;
  if (w.wide(255)) throw std::invalid_argument("a group of a grouped convolution is too long");
  const Kernels& kernels = qdsl::kernels(isa);
  const ConvolutionKernels& k = *kernels.convolution;
  Memory& memory = own_memory();
  Job job{c, w, k, kernels, prepare(c, x, a, k, isa, memory.inputs), {}, nullptr, bias, y};
  job.make_room(memory);
  const double work = static_cast<double>(tokens) * w.outputs * w.in_features;
  if (threads <= 0)
    threads = static_cast<int>(std::clamp<double>(work / kWorkPerThread, 1, omp_get_max_threads()));
#pragma omp parallel num_threads(threads)
  {
#pragma omp for schedule(static)
    for (int64_t block = 0; block < w.blocks; ++block) job.decode(block);
#pragma omp for schedule(static)
    for (int i = 0; i < threads; ++i) {
      const int64_t first = tokens * i / threads, last = tokens * (i + 1) / threads;
      Scratch& scratch = own_scratch();
      if (job.inputs.codes) job.run(job.inputs.codes, first, last, scratch.codes);
      else job.run(job.inputs.values, first, last, scratch.values);
    }
  }
}

}  // namespace qdsl
