// Holds 32-bit sums of products of one panel's codes with rows of activations, by what ARM has:
// plain NEON, dot products (sdot) or products of matrices (usmmla). Where codes of 8 bits are
// multiplied as signed bytes they are 128, the origin, less than they are.
#pragma once

#include <arm_neon.h>

#include <cstdint>
#include <utility>

#include "isa.h"
#include "kernels/neon_fields.h"
#include "weight.h"

namespace qdsl {
namespace {  // one copy per translation unit: the linker must not share it among instruction sets

// 32 activations of some rows.
template <int Rows>
struct Step {
  int8x16_t half[Rows][2];

  QDSL_INLINE Step(const int8_t* x, int64_t stride) {
    for (int r = 0; r < Rows; ++r)
      for (int h = 0; h < 2; ++h) half[r][h] = vld1q_s8(x + r * stride + 16 * h);
  }

  // Activations of quad i, four times.
  template <int I>
  QDSL_INLINE int8x16_t quad(int r) const {
    return vreinterpretq_s8_s32(vdupq_laneq_s32(vreinterpretq_s32_s8(half[r][I / 4]), I % 4));
  }
};

// Calls visit with the integral constants 0 .. kQuads - 1: lanes are named at compile time.
template <class Visit, int... I>
QDSL_INLINE void for_quads(Visit visit, std::integer_sequence<int, I...>) {
  (visit(std::integral_constant<int, I>()), ...);
}

template <class Visit>
QDSL_INLINE void for_quads(Visit visit) {
  for_quads(visit, std::make_integer_sequence<int, int{kQuads}>());
}

QDSL_INLINE int8x16_t as_signed(uint8x16_t codes, int origin) {
  return vreinterpretq_s8_u8(origin ? veorq_u8(codes, vdupq_n_u8(0x80)) : codes);
}

// Products of 16 bits are added in 16 bits as long as they fit, then to sums of 32 bits.
struct Widening {
  static constexpr Isa kIsa = Isa::neon;

  template <int Bits>
  static constexpr int kOrigin = Bits == 8 ? 128 : 0;

  template <int Bits>
  static constexpr int kLargest = Bits == 8 ? 128 : Bits == 1 ? 2 : (1 << Bits) - 1;

  template <int Rows>
  struct Sums {
    int32x4_t pairs[Rows][kVectors][2];  // of positions, for two outputs each

    QDSL_INLINE Sums() {
      for (auto& row : pairs)
        for (auto& vector : row) vector[0] = vector[1] = vdupq_n_s32(0);
    }

    template <int Bits>
    QDSL_INLINE void add(int v, const Codes& codes, const Step<Rows>& x) {
      constexpr int kFit = 32767 / (kLargest<Bits> * 128);  // an activation may be -128
      constexpr int kChain = kFit >= 8 ? 8 : kFit >= 4 ? 4 : kFit >= 2 ? 2 : 1;
      static_assert(kFit >= 1);
      int8x16_t w[kQuads];
      for (int i = 0; i < kQuads; ++i) w[i] = as_signed(codes[i], kOrigin<Bits>);
#pragma GCC unroll 4
      for (int r = 0; r < Rows; ++r) {
        int16x8_t low, high;
        for_quads([&](auto i) {
          const int8x16_t a = x.template quad<i>(r);
          low = i % kChain ? vmlal_s8(low, vget_low_s8(w[i]), vget_low_s8(a))
                           : vmull_s8(vget_low_s8(w[i]), vget_low_s8(a));
          high = i % kChain ? vmlal_high_s8(high, w[i], a) : vmull_high_s8(w[i], a);
          if (i % kChain != kChain - 1) return;
          pairs[r][v][0] = vpadalq_s16(pairs[r][v][0], low);
          pairs[r][v][1] = vpadalq_s16(pairs[r][v][1], high);
        });
      }
    }

    QDSL_INLINE int32x4_t of(int r, int v) const {
      return vpaddq_s32(pairs[r][v][0], pairs[r][v][1]);
    }
  };
};

#if defined(__ARM_FEATURE_DOTPROD)
// Four-way dot products of signed bytes.
struct Dot {
  static constexpr Isa kIsa = Isa::neondot;

  template <int Bits>
  static constexpr int kOrigin = Bits == 8 ? 128 : 0;

  template <int Rows>
  struct Sums {
    int32x4_t sums[Rows][kVectors];

    QDSL_INLINE Sums() {
      for (auto& row : sums)
        for (auto& vector : row) vector = vdupq_n_s32(0);
    }

    template <int Bits>
    QDSL_INLINE void add(int v, const Codes& codes, const Step<Rows>& x) {
      for_quads([&](auto i) {
        const int8x16_t w = as_signed(codes[i], kOrigin<Bits>);
#pragma GCC unroll 4
        for (int r = 0; r < Rows; ++r)
          sums[r][v] = vdotq_laneq_s32(sums[r][v], w, x.half[r][i / 4], i % 4);
      });
    }

    QDSL_INLINE int32x4_t of(int r, int v) const { return sums[r][v]; }
  };
};
#endif

#if defined(__ARM_FEATURE_MATMUL_INT8)
// Codes stay unsigned. Two outputs x two rows x eight positions at a time; a single row by four-way
// dot products.
struct Matrix {
  static constexpr Isa kIsa = Isa::neoni8mm;

  template <int Bits>
  static constexpr int kOrigin = 0;

  template <int Rows>
  struct Sums {
    static_assert(Rows % 2 == 0);
    int32x4_t squares[Rows / 2][kVectors][2];  // [two outputs][two rows] each

    QDSL_INLINE Sums() {
      for (auto& rows : squares)
        for (auto& vector : rows) vector[0] = vector[1] = vdupq_n_s32(0);
    }

    template <int Bits>
    QDSL_INLINE void add(int v, const Codes& codes, const Step<Rows>& x) {
#pragma GCC unroll 8
      for (int i = 0; i < kQuads; i += 2) {
        const uint32x4_t a = vreinterpretq_u32_u8(codes[i]);
        const uint32x4_t b = vreinterpretq_u32_u8(codes[i + 1]);
        const uint8x16_t low = vreinterpretq_u8_u32(vzip1q_u32(a, b));
        const uint8x16_t high = vreinterpretq_u8_u32(vzip2q_u32(a, b));
#pragma GCC unroll 2
        for (int p = 0; p < Rows / 2; ++p) {
          const int8x16_t rows = eight(x, p, i / 2);
          squares[p][v][0] = vusmmlaq_s32(squares[p][v][0], low, rows);
          squares[p][v][1] = vusmmlaq_s32(squares[p][v][1], high, rows);
        }
      }
    }

    QDSL_INLINE int32x4_t of(int r, int v) const {
      const auto& of_rows = squares[r / 2][v];
      return r % 2 ? vuzp2q_s32(of_rows[0], of_rows[1]) : vuzp1q_s32(of_rows[0], of_rows[1]);
    }

   private:
    // Positions 8 * e .. of rows 2 * p and 2 * p + 1.
    QDSL_INLINE static int8x16_t eight(const Step<Rows>& x, int p, int e) {
      const int64x2_t a = vreinterpretq_s64_s8(x.half[2 * p][e / 2]);
      const int64x2_t b = vreinterpretq_s64_s8(x.half[2 * p + 1][e / 2]);
      return vreinterpretq_s8_s64(e % 2 ? vtrn2q_s64(a, b) : vtrn1q_s64(a, b));
    }
  };
};

template <>
struct Matrix::Sums<1> {
  int32x4_t sums[kVectors];

  QDSL_INLINE Sums() {
    for (auto& vector : sums) vector = vdupq_n_s32(0);
  }

  template <int Bits>
  QDSL_INLINE void add(int v, const Codes& codes, const Step<1>& x) {
    for_quads([&](auto i) {
      sums[v] = vusdotq_laneq_s32(sums[v], codes[i], x.half[0][i / 4], i % 4);
    });
  }

  QDSL_INLINE int32x4_t of(int, int v) const { return sums[v]; }
};
#endif

}  // namespace
}  // namespace qdsl
