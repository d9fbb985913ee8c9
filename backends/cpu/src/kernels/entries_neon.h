// What surrounds the products of four outputs in NEON: scales, zeros.
#pragma once

#include <arm_neon.h>

#include <cstdint>
#include <cstring>

#include "kernel.h"

namespace qdsl {
namespace {  // one copy per translation unit: the linker must not share it among instruction sets

// Entries lane .. lane + 3 of a table, as floats.
QDSL_INLINE float32x4_t entries_of(const uint8_t* table, int64_t lane, Float type) {
  if (type == Float::f32) return vreinterpretq_f32_u8(vld1q_u8(table + 4 * lane));
  const uint16x4_t half = vreinterpret_u16_u8(vld1_u8(table + 2 * lane));
  if (type == Float::f16) return vcvt_f32_f16(vreinterpret_f16_u16(half));
  return vreinterpretq_f32_u32(vshll_n_u16(half, 16));
}

QDSL_INLINE float32x4_t scales_of(const Weight& w, const uint8_t* table, int64_t lane) {
  const float32x4_t scales = entries_of(table, lane, w.scale);
  return w.half ? vmulq_n_f32(scales, 0.5f) : scales;
}

QDSL_INLINE int32x4_t centres_of(const Weight& w, const uint8_t* zeros, int64_t lane) {
  if (w.zero != Zero::integer) return vdupq_n_s32(w.centre);
  uint32_t four;
  std::memcpy(&four, zeros + lane, sizeof(four));
  const uint16x8_t wide = vmovl_u8(vcreate_u8(four));
  return vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(wide)));
}

// A term less the share of floating zeros.
QDSL_INLINE float32x4_t shifted(const Weight& w, float32x4_t term, const uint8_t* zeros,
                                int64_t lane, float activations) {
  return vsubq_f32(term, vmulq_n_f32(entries_of(zeros, lane, w.shift), activations));
}

}  // namespace
}  // namespace qdsl
