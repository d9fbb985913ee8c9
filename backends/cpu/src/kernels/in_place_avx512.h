// Multiplies the codes of one group with one row of integer activations by AVX-512 VNNI without
// unpacking them, a way as codes_avx512.h says.
#pragma once

#include "kernels/codes_avx512.h"

namespace qdsl {
namespace {  // one copy per translation unit: the linker must not share it among instruction sets

// One row, whose unpacking nothing hides: fields of a byte are multiplied where they are, each of
// some places with sums of its own; one row's sums also wait less for each other that way. The high
// places go first, then their sums are shifted down to those of the low ones: sums, not codes. Groups
// up to kLongest do not leave 32 bits.
template <int Bits, int Places = Bits == 1 ? 4 : 2>
struct InPlace {
  static constexpr bool kCentred = false;
  static constexpr int64_t kLongest = 1 << 17;
  static constexpr int kPerByte = 8 / Bits;
  static constexpr int kParts = kPerByte > Places ? kPerByte / Places : 1;
  static constexpr int kDown = Bits * Places;  // from one part of the places to the next
  static constexpr int kLift = (kParts - 1) * kDown;
  static constexpr int kOwn = Bits == 1 ? 1 : 0;  // the place whose sums are not shifted
  static constexpr int64_t kAtOnce = 8;           // steps that stay in the first cache

  template <int Panels>
  using Sums = __m512i[Places][Panels];

  template <int Rows, int Panels>
  QDSL_INLINE static void accumulate(const uint8_t* codes, const int8_t* x, int64_t, int64_t steps,
                                     Ahead&, __m512i (&sums)[Rows][Panels]) {
    static_assert(Rows == 1);
    Sums<Panels> places;
    each<Places, Panels>([&](int f, int p) QDSL_LAMBDA {
      places[f][p] = f == kOwn ? sums[0][p] : _mm512_setzero_si512();
    });
    if constexpr (kParts == 1) {
      multiply<0, Panels>(codes, x, steps, places);
    } else {
      for (;;) {
        const int64_t some = steps < kAtOnce ? steps : kAtOnce;
        all_parts<kParts - 1, Panels>(codes, x, some, places);
        if ((steps -= some) == 0) break;
        codes += some * Panels * Bits * kVector;
        x += some * kStep;
        each<Places, Panels>([&](int f, int p) QDSL_LAMBDA {
          places[f][p] = _mm512_slli_epi32(places[f][p], kLift);
        });
      }
    }
    each<Panels>([&](int p) QDSL_LAMBDA {
      each<Places>([&](int f) QDSL_LAMBDA {
        const int shift = Bits == 8 ? 0 : (f - kOwn) * Bits;
        const __m512i sum = shift < 0 ? _mm512_slli_epi32(places[f][p], -shift)
                                      : _mm512_srai_epi32(places[f][p], shift);
        sums[0][p] = f ? _mm512_add_epi32(sums[0][p], sum) : sum;
      });
    });
  }

  template <int Part, int Panels>
  QDSL_INLINE static void all_parts(const uint8_t* codes, const int8_t* x, int64_t steps,
                                    Sums<Panels>& places) {
    multiply<Part * Places, Panels>(codes, x, steps, places);
    if constexpr (Part > 0) {
      each<Places, Panels>([&](int f, int p) QDSL_LAMBDA {
        places[f][p] = _mm512_srai_epi32(places[f][p], kDown);
      });
      all_parts<Part - 1, Panels>(codes, x, steps, places);
    }
  }

  // Products of the fields from place First on.
  template <int First, int Panels>
  QDSL_INLINE static void multiply(const uint8_t* codes, const int8_t* x, int64_t steps,
                                   Sums<Panels>& places) {
    __m512i masks[Places];
    each<Places>([&](int f) QDSL_LAMBDA {
      const int ones = ((1 << Bits) - 1) << (Bits < 8 ? (First + f) * Bits : 0);
      masks[f] = _mm512_set1_epi8(static_cast<char>(ones));
      keep(masks[f]);
    });
    for (int64_t step = 0; step < steps; ++step) {
#pragma GCC unroll 8
      for (int v = 0; v < Bits; ++v) {
        __m512i vectors[Panels];
        each<Panels>([&](int p) QDSL_LAMBDA {
          vectors[p] = vector_at(codes, v, Panels, p);
          keep(vectors[p]);
        });
        each<(kPerByte < Places ? kPerByte : Places)>([&](int f) QDSL_LAMBDA {
          const int q = v * kPerByte + First + f, place = q % Places;
          const __m512i four = four_activations(x + 4 * q);
          each<Panels>([&](int p) QDSL_LAMBDA {
            const __m512i u = Bits < 8 ? _mm512_and_si512(vectors[p], masks[place]) : vectors[p];
            places[place][p] = _mm512_dpbusd_epi32(places[place][p], u, four);
          });
        });
      }
      each<Places, Panels>([&](int f, int p) QDSL_LAMBDA { keep(places[f][p]); });
      codes += Panels * Bits * kVector;
      x += kStep;
    }
  }
};

}  // namespace
}  // namespace qdsl
