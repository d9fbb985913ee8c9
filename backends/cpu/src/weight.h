// Declares the packed weight: one buffer, a header and a stream of segments, that every kernel
// reads from front to back.
//
// A weight [outputs, in_features] is stored as unsigned codes of `bits` bits. A code v reads as
// u = v, of 1 bit as u = 2v, of levels between the integers as u = 2v + 1, and stands for
//     zero = none      s * (u - centre)
//     zero = integer   s * (u - centre[output, group])
//     zero = floating  s * (u - centre) - shift[output, group]
// where the s of levels between the integers is half the scale; in a codebook for s * values[v].
//
// A panel is 16 outputs, a block 4 panels (the last block has those that are left), a step 32
// positions of the inputs, a quad 4. Segments follow each other, for each block each group:
//     codes    [steps, vectors, panels, 64 bytes]
//     scales   [64] of the stored type
//     zeros    [64] of bytes (integer) or of the stored type (floating)
// Each group begins on a step of its own. What pads a group meets activations of 0, what pads a
// block is not stored.
//
// The codes of a step and a panel, dense: as many vectors as a code has bits, of whose 64 bytes byte
// 4 * output + j belongs to position j of quads. A field of 8, 4, 2 or 1 bits of vector i is that of quad i * (8 / field) + f,
// f being its place in the byte, low bits first: the operand order of a four-way byte dot product.
// Codes of 3 bits are a field of 2, then one of 1; of 5, 6 and 7 bits one of 4, then 2, then 1.
//
// Sparse, kept:4 with 1 or 2 kept: the codes that are kept, as if a row had no others, so that a step
// of codes comes from 2 or 4 steps of positions; and two more vectors with fields of 2 bits in the
// order of codes of 2 bits: where in its four a code was. Each stands before the half of the codes
// that it places, see `sparse_vector`. A pruned position reads as the
// centre. In the four that a row ends in, codes that are missing are 0 at position 3. Only what gets
// smaller by it is stored so, see `compressed`; other patterns are stored dense.
//
// Ternary codes may be held five in a byte, as base3.h says; kernels get their blocks unfolded.
#pragma once

#include <cstddef>
#include <cstdint>

// What kernels call from here is always inlined: a copy compiled for one instruction set must not
// become the one that all share.
#define QDSL_INLINE [[gnu::always_inline]] inline

namespace qdsl {

inline constexpr int64_t kLanes = 16;   // outputs of a panel
inline constexpr int64_t kPanels = 4;   // of a block
inline constexpr int64_t kBlock = kLanes * kPanels;
inline constexpr int64_t kQuads = 8;    // of a step
inline constexpr int64_t kStep = 4 * kQuads;
inline constexpr int64_t kVector = 64;  // bytes
inline constexpr int64_t kMaxInFeatures = int64_t{1} << 24;  // a sum of int8 codes fits 32 bits
inline constexpr int64_t kMaxOutputs = int64_t{1} << 31;

enum class Zero : uint8_t { none, integer, floating };
enum class Float : uint8_t { f32, f16, bf16 };

inline constexpr int64_t bytes_of(Float type) { return type == Float::f32 ? 4 : 2; }

// Which vector of a sparse step holds the i-th of codes, or of indices after those.
QDSL_INLINE constexpr int64_t sparse_vector(int64_t bits, int64_t i) {
  return i < bits ? i + (i < bits / 2 ? 1 : 2) : (i - bits) * (1 + bits / 2);
}

// What a packed weight is, apart from its numbers; also the first bytes of its buffer.
struct Layout {
  int64_t outputs, in_features;
  int64_t group;          // positions that share a scale; 0: the whole row
  int32_t bits;           // of a code
  int32_t centre;         // of all codes as they read, unless zeros are integers
  int32_t kept, period;   // of a sparsity that is stored so; 0: dense
  Zero zero;
  Float scale, shift;     // types of the scales and of floating zeros
  uint8_t half;           // 1: levels between the integers
  uint8_t codebook;       // 1: codes are places in one
  uint8_t base3;          // 1: codes are held in digits of base 3
};

struct Header {
  char magic[4];
  uint16_t version;
  uint16_t reserved;
  int64_t bytes;  // of the whole buffer
  Layout layout;
  uint8_t padding[128 - 16 - sizeof(Layout)];
  float codebook[16];
  uint8_t more[64];
};
static_assert(sizeof(Header) == 256 && offsetof(Header, codebook) == 128);

// Whether codes that are kept:period get smaller by indices, whole steps of a group included.
bool compressed(const Layout& layout, int64_t kept, int64_t period);

// What follows from a layout.
struct Shape : Layout {
  int64_t panels, blocks;
  int64_t groups;                   // per output
  int64_t full_group;               // positions in a full one
  int64_t group_steps, last_steps;  // steps of a full group, of the last one
  int64_t steps;                    // of a whole row
  int64_t spread;                   // steps of positions that a step of codes comes from
  int64_t vectors;                  // of a step of codes and a panel
  int64_t entry_bytes;              // scales and zeros of a segment
  int64_t block_bytes;              // of a full block
  int64_t bytes;                    // of the buffer

  int64_t padded() const { return steps * kStep; }
  int64_t group_size(int64_t g) const {
    return g + 1 < groups ? full_group : in_features - g * full_group;
  }
  QDSL_INLINE int64_t steps_of(int64_t g) const {
    return g + 1 < groups ? group_steps : last_steps;
  }
  QDSL_INLINE int panels_of(int64_t block) const {
    return static_cast<int>(block + 1 < blocks ? kPanels : panels - block * kPanels);
  }
  // Where the segment of a group begins in the buffer.
  QDSL_INLINE int64_t segment_at(int64_t block, int64_t g) const {
    const int64_t group_bytes = held(group_steps / spread * panels_of(block)) + entry_bytes;
    return int64_t{sizeof(Header)} + block * block_bytes + g * group_bytes;
  }
  QDSL_INLINE int64_t code_bytes(int64_t block, int64_t g) const {
    return held(steps_of(g) / spread * panels_of(block));
  }
  // Bytes of so many steps of codes of a panel that are next to each other.
  QDSL_INLINE int64_t held(int64_t steps_and_panels) const {
    const int64_t count = steps_and_panels * vectors;
    return (base3 ? count - count / 5 : count) * kVector;
  }
  // The same weight with codes that are not folded.
  Shape plain() const;
};

// std::invalid_argument where a number is out of range.
Shape shape_of(const Layout& layout);

struct Weight : Shape {
  int64_t largest;  // |u - centre|
  const uint8_t* data;
  const float* values;  // of a codebook, or null

  QDSL_INLINE const uint8_t* codes(int64_t block, int64_t g) const {
    return data + segment_at(block, g);
  }
  // Whether the sum of a group may leave 32 bits, with activations up to `magnitude`.
  bool wide(int64_t magnitude) const {
    return full_group * magnitude * largest >= int64_t{1} << 31;
  }
  // Those of 64 outputs, after the codes of the segment.
  QDSL_INLINE const uint8_t* scales(int64_t block, int64_t g) const {
    return codes(block, g) + code_bytes(block, g);
  }
  QDSL_INLINE const uint8_t* zeros(int64_t block, int64_t g) const {
    return scales(block, g) + kBlock * bytes_of(scale);
  }
};

// The weight in `size` bytes at `data`; std::invalid_argument unless it is a whole one.
Weight view(const void* data, int64_t size);

// Writes the header of `shape` to the start of `data`; `codebook`: its values, or null.
void write_header(const Shape& shape, const float* codebook, void* data);

}  // namespace qdsl
