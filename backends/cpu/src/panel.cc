// Spreads the fields of 16 rows over the vectors of a step. The loops over rows are the inner ones,
// so that compilers make vectors of them.
#include "panel.h"

#include <array>
#include <cstring>
#include <utility>

#include "weight.h"

namespace qdsl {
namespace {

constexpr uint32_t kOnes = 0x01010101;

using Words = std::array<uint32_t, kLanes>;

// Four fields, moved a byte apart.
template <int Bits>
void spread(Words& words) {
  constexpr uint32_t kPair = (1u << 2 * Bits) - 1, kFields = 0x00010001 * ((1u << Bits) - 1);
  for (uint32_t& word : words) {
    word = (word & kPair) | (word >> 2 * Bits & kPair) << 16;
    word = (word & kFields) | (word >> Bits & kFields) << 8;
  }
}

// The fields of quad Quad: bits of each row from Quad * 4 * Bits on.
template <int Bits, int Quad>
void load(const uint8_t* const* rows, Words& words) {
  constexpr int kFirst = Quad * 4 * Bits, kShift = kFirst % 8;
  constexpr int kBytes = (kShift + 4 * Bits + 7) / 8;
  for (int64_t lane = 0; lane < kLanes; ++lane) {
    words[lane] = 0;
    std::memcpy(&words[lane], rows[lane] + kFirst / 8, kBytes);
  }
  for (uint32_t& word : words) word >>= kShift;
  spread<Bits>(words);
}

// Fields of a code of 4, 2 and 1 bits, and so many vectors, before which others came.
template <int Bits, int Quad, int Field, int Vector, int Low>
void place(const Words& codes, std::array<Words, Bits>& vectors) {
  if constexpr (Field > 0) {
    constexpr bool kHas = (Bits & Field) != 0;
    if constexpr (kHas) {
      constexpr int kPerByte = 8 / Field, kShift = Quad % kPerByte * Field;
      constexpr uint32_t kMask = kOnes * ((1u << Field) - 1);
      Words& vector = vectors[Vector + Quad / kPerByte];
      for (int64_t lane = 0; lane < kLanes; ++lane)
        vector[lane] |= (codes[lane] >> Low & kMask) << kShift;
    }
    place<Bits, Quad, Field / 2, Vector + (kHas ? Field : 0), Low + (kHas ? Field : 0)>(codes,
                                                                                       vectors);
  }
}

// Exchanges the bits whose numbers have bit High and not bit Low with those that have it otherwise.
template <int High, int Low>
uint32_t exchange(uint32_t word) {
  constexpr int kApart = (1 << High) - (1 << Low);
  constexpr uint32_t kMask = [] {
    uint32_t mask = 0;
    for (int i = 0; i < 32; ++i)
      if (!(i >> High & 1) && (i >> Low & 1)) mask |= 1u << i;
    return mask;
  }();
  const uint32_t moved = (word ^ word >> kApart) & kMask;
  return word ^ moved ^ moved << kApart;
}

// Of a word of fields, number 4 * f + j, byte j with field f at its bit f * Bits: the two lowest
// bits of their numbers become the highest.
template <int Bits>
uint32_t quads_to_bytes(uint32_t word) {
  if constexpr (Bits == 4) return exchange<4, 3>(exchange<4, 2>(word));
  if constexpr (Bits == 2) return exchange<4, 2>(exchange<3, 1>(word));
  if constexpr (Bits == 1)
    return exchange<4, 3>(exchange<4, 2>(exchange<3, 1>(exchange<2, 0>(word))));
  return word;
}

// Codes of one field: a vector is a word of each row.
template <int Bits>
bool write_even(const uint8_t* const* rows, uint8_t flip, uint8_t* to, int64_t apart) {
  constexpr uint32_t kFields = ~0u / ((1u << Bits) - 1);
  uint32_t seen = ~0u;
  for (int i = 0; i < Bits; ++i) {
    Words words;
    for (int64_t lane = 0; lane < kLanes; ++lane)
      std::memcpy(&words[lane], rows[lane] + 4 * i, sizeof(uint32_t));
    for (uint32_t& word : words) {
      word = quads_to_bytes<Bits>(word) ^ kFields * flip;
      seen &= word | word >> 1;
    }
    std::memcpy(to + i * apart, words.data(), kVector);
  }
  return Bits != 2 || (seen & kFields) == kFields;
}

// Codes of several fields.
template <int Bits>
void write_odd(const uint8_t* const* rows, uint8_t flip, uint8_t* to, int64_t apart) {
  std::array<Words, Bits> vectors{};
  const auto quad = [&]<int Quad>(std::integral_constant<int, Quad>) {
    Words codes;
    load<Bits, Quad>(rows, codes);
    for (uint32_t& word : codes) word ^= kOnes * flip;
    place<Bits, Quad, 4, 0, 0>(codes, vectors);
  };
  [&]<int... Quads>(std::integer_sequence<int, Quads...>) {
    (quad(std::integral_constant<int, Quads>{}), ...);
  }(std::make_integer_sequence<int, kQuads>{});
  for (int i = 0; i < Bits; ++i) std::memcpy(to + i * apart, vectors[i].data(), kVector);
}

}  // namespace

bool write_panel(int bits, const uint8_t* const* rows, uint8_t flip, uint8_t* to, int64_t apart) {
  switch (bits) {
    case 1: return write_even<1>(rows, flip, to, apart);
    case 2: return write_even<2>(rows, flip, to, apart);
    case 4: return write_even<4>(rows, flip, to, apart);
    case 8: return write_even<8>(rows, flip, to, apart);
    case 3: write_odd<3>(rows, flip, to, apart); return true;
    case 5: write_odd<5>(rows, flip, to, apart); return true;
    case 6: write_odd<6>(rows, flip, to, apart); return true;
    default: write_odd<7>(rows, flip, to, apart); return true;
  }
}

}  // namespace qdsl
