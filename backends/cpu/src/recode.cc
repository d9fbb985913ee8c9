// Turns codes and indices that are stored in fewer bits into plain fields of bits.
#include "recode.h"

#include <omp.h>

#include <algorithm>
#include <array>
#include <bit>
#include <stdexcept>
#include <vector>

#include "base3.h"

namespace qdsl {
namespace {

// Appends fields of bits to a row of bytes, lowest bit first.
class Row {
 public:
  explicit Row(uint8_t* to) : to_(to) {}

  void append(uint64_t field, int bits) {
    word_ |= field << filled_;
    for (filled_ += bits; filled_ >= 8; filled_ -= 8, word_ >>= 8)
      *to_++ = static_cast<uint8_t>(word_);
  }
  void finish() {
    if (filled_) *to_ = static_cast<uint8_t>(word_);
  }

 private:
  uint8_t* to_;
  uint64_t word_ = 0;
  int filled_ = 0;
};

// Two bits each of a byte's five digits less one.
constexpr std::array<uint16_t, 256> kBase3 = [] {
  std::array<uint16_t, 256> fields{};
  for (int byte = 0; byte < 256; ++byte)
    for (int i = 0, left = byte; i < kDigits; ++i, left /= 3) {
      const int digit = i + 1 < kDigits ? left % 3 : left;
      fields[byte] |= static_cast<uint16_t>(((digit - 1) & 3) << 2 * i);
    }
  return fields;
}();

using Ranks = std::vector<uint64_t>;

constexpr uint64_t kMost = uint64_t{1} << 63;

uint64_t sum(uint64_t a, uint64_t b) { return a > kMost - b ? kMost : a + b; }

// C(period - 1 - p, kept - i) at [i, p], at most 2^63: sets that follow one whose place i is p.
Ranks sets_after(int64_t kept, int64_t period) {
  // the triangle of Pascal, one row after the other
  Ranks choose(kept + 1, 0), after(kept * period);
  choose[0] = 1;
  for (int64_t n = 0; n < period; ++n) {
    for (int64_t i = 0; i < kept; ++i) after[i * period + period - 1 - n] = choose[kept - i];
    for (int64_t k = kept; k > 0; --k) choose[k] = sum(choose[k], choose[k - 1]);
  }
  return after;
}

struct Sets {
  int64_t kept, period;
  Ranks after;
  uint64_t count;
  int rank_bits, place_bits;

  Sets(int64_t n, int64_t m) : kept(n), period(m), after(sets_after(n, m)) {
    // of all sets those that begin with 0, and those after them
    count = sum(after[0], n > 1 ? after[period] : 1);
    rank_bits = std::bit_width(count - 1);
    place_bits = std::bit_width(static_cast<uint64_t>(m - 1));
  }

  void append(uint64_t rank, Row& row) const {
    uint64_t left = count - 1 - rank;
    int64_t place = 0;
    for (int64_t i = 0; i < kept; ++i, ++place) {
      while (after[i * period + place] > left) ++place;
      left -= after[i * period + place];
      row.append(static_cast<uint64_t>(place), place_bits);
    }
  }
};

// A rank of up to 63 bits; `bits_at` reads 57.
uint64_t rank_at(const Span<uint8_t>& from, int64_t at, int bits) {
  if (bits <= 32) return bits_at(from, at, bits);
  return bits_at(from, at, 32) | bits_at(from, at + 32, bits - 32) << 32;
}

void expect_size(const Span<uint8_t>& from, int64_t wanted) {
  if (from.size != wanted) throw std::invalid_argument("codes or index of another size than due");
}

}  // namespace

void fields_of_base3(const Span<uint8_t>& from, int64_t rows, int64_t count, uint8_t* to,
                     int threads) {
  const int64_t width = (count + kDigits - 1) / kDigits, out = row_bytes(2 * count);
  expect_size(from, rows * width);
#pragma omp parallel for num_threads(threads > 0 ? threads : omp_get_max_threads())
  for (int64_t r = 0; r < rows; ++r) {
    const uint8_t* bytes = from.data + r * width;
    int64_t i = 0;
    for (; i + 4 < width; i += 4) {  // four bytes of digits are five of fields
      const uint64_t word = kBase3[bytes[i]] | uint64_t{kBase3[bytes[i + 1]]} << 10 |
                            uint64_t{kBase3[bytes[i + 2]]} << 20 |
                            uint64_t{kBase3[bytes[i + 3]]} << 30;
      std::memcpy(to + r * out + i / 4 * 5, &word, 5);
    }
    Row row(to + r * out + i / 4 * 5);
    for (; i + 1 < width; ++i) row.append(kBase3[bytes[i]], 2 * kDigits);
    if (const int last = static_cast<int>(count - (width - 1) * kDigits); width > 0)
      row.append(kBase3[bytes[width - 1]] & ((1u << 2 * last) - 1), 2 * last);
    row.finish();
  }
}

void positions_of_ranks(const Span<uint8_t>& from, int64_t rows, int64_t sets, int64_t kept,
                        int64_t period, uint8_t* to, int threads) {
  if (kept < 1 || kept > period || period > 256) throw std::invalid_argument("a pattern N:M");
  const Sets all(kept, period);
  if (all.count == kMost) throw std::invalid_argument("ranks beyond 63 bits");
  const int64_t width = row_bytes(sets * all.rank_bits);
  const int64_t out = row_bytes(sets * kept * all.place_bits);
  expect_size(from, rows * width);
  bool bad = false;
#pragma omp parallel for num_threads(threads > 0 ? threads : omp_get_max_threads()) \
    reduction(|| : bad)
  for (int64_t r = 0; r < rows; ++r) {
    Row row(to + r * out);
    for (int64_t s = 0; s < sets; ++s) {
      const uint64_t rank = rank_at(from, r * width * 8 + s * all.rank_bits, all.rank_bits);
      bad = bad || rank >= all.count;
      all.append(std::min(rank, all.count - 1), row);
    }
    row.finish();
  }
  if (bad) throw std::invalid_argument("a rank that no set of kept codes has");
}

}  // namespace qdsl
