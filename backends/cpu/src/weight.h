// Declares the packed weight: one buffer, a header and three tables, that every kernel reads.
//
// A weight [outputs, in_features] is stored as unsigned codes u of 1, 2, 4 or 8 bits, where
//     zero = none      w = s * (u - centre)
//     zero = integer   w = s * (u - centre[output, group])
//     zero = floating  w = s * (u - centre) - shift[output, group]
// and a 1-bit code reads as 0 or 2, so that binary is s * (u - 1).
//
// The bytes after the header, in this order:
//     codes    [panels, steps, 64]       a panel is 16 outputs, a step 64 bytes
//     scales   [panels, groups, 16]      float
//     centres  [panels, groups, 16]      uint8, zero = integer only
//     shifts   [panels, groups, 16]      float, zero = floating only
// Byte 4 * output + j of a step holds the codes of positions 4 * i + j, i < 8 / bits, at bit
// i * bits: the operand order of a four-way byte dot product, for every width. Each group begins
// on a step of its own; what pads a group meets activations of 0, what pads a panel is not stored.
#pragma once

#include <cstddef>
#include <cstdint>

// What kernels call from here is always inlined: a copy compiled for one instruction set must not
// become the one that all share.
#define QDSL_INLINE [[gnu::always_inline]] inline

namespace qdsl {

inline constexpr int64_t kLanes = 16;
inline constexpr int64_t kStepBytes = 64;
inline constexpr int64_t kMaxInFeatures = int64_t{1} << 24;  // a sum of int8 codes fits 32 bits
inline constexpr int64_t kMaxOutputs = int64_t{1} << 31;

enum class Zero : uint8_t { none, integer, floating };

struct Header {
  char magic[4];
  uint16_t version;
  uint8_t bits;
  Zero zero;
  int64_t outputs;
  int64_t in_features;
  int64_t group;  // positions that share a scale; 0: the whole row
  int64_t bytes;  // of the whole buffer
  int32_t centre;
  uint8_t reserved[20];
};
static_assert(sizeof(Header) == 64 && offsetof(Header, centre) == 40);

// What follows from the numbers in a header.
struct Shape {
  int64_t outputs, in_features;
  int bits;
  Zero zero;
  int64_t panels;
  int64_t group;                   // positions in a full group
  int64_t groups;                  // per output
  int64_t step;                    // positions in a step
  int64_t group_steps, last_steps;  // steps of a full group, of the last one
  int64_t steps;                   // of a whole row
  int64_t scales_at, zeros_at, bytes;  // offsets into the buffer, its size

  int64_t padded() const { return steps * step; }
  int64_t group_size(int64_t g) const {
    return g + 1 < groups ? group : in_features - g * group;
  }
  QDSL_INLINE int64_t steps_of(int64_t g) const {
    return g + 1 < groups ? group_steps : last_steps;
  }
};

// std::invalid_argument where a number is out of range.
Shape shape_of(int64_t outputs, int64_t in_features, int64_t group, int bits, Zero zero);

struct Weight : Shape {
  int32_t centre;
  bool wide;  // a group's centred sum may leave 32 bits
  const uint8_t* codes;
  const float* scales;
  const uint8_t* centres;
  const float* shifts;

  QDSL_INLINE const uint8_t* panel_codes(int64_t panel) const {
    return codes + panel * steps * kStepBytes;
  }
  // Index of lane 0 in scales, centres and shifts.
  QDSL_INLINE int64_t entry(int64_t panel, int64_t g) const {
    return (panel * groups + g) * kLanes;
  }
};

// The weight in `size` bytes at `data`; std::invalid_argument unless it is a whole one.
Weight view(const void* data, int64_t size);

// Writes the header of `shape` to the start of `data`.
void write_header(const Shape& shape, int32_t centre, int64_t group, void* data);

}  // namespace qdsl
