// Repacks canonical codes, scales and zero points into blocks.
#include "repack.h"

#include <omp.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>
#include <vector>

namespace qdsl {
namespace {

// Four bytes of codes in fields, and which fields: those of 8, 4, 2 or 1 bits that make up a code.
struct Field {
  int low, bits;
};

// Calls visit(field, first vector of the field).
template <class Visit>
void for_fields(int bits, Visit visit) {
  int vector = 0, low = 0;
  for (const int width : {8, 4, 2, 1}) {
    if (!(bits & width)) continue;
    visit(Field{low, width}, vector);
    low += width;
    vector += width;
  }
}

// Four fields of `bits` bits, moved a byte apart.
uint32_t spread(uint32_t fields, int bits) {
  const uint32_t pair = (1u << 2 * bits) - 1, ones = 0x00010001u * ((1u << bits) - 1);
  fields = (fields & pair) | (fields >> 2 * bits & pair) << 16;
  return (fields & ones) | (fields >> bits & ones) << 8;
}

// Writes the blocks of one weight, one at a time.
class Packer {
 public:
  Packer(const Canonical& from, const Shape& shape, uint8_t* to)
      : c_(from), s_(shape), to_(to), centres_(kBlock * s_.groups),
        codes_(from.period ? kBlock * from.in_features : 0), kept_(codes_.size()) {}

  void write(int64_t block) {
    read(block);
    for (int64_t g = 0; g < s_.groups; ++g) {
      uint8_t* segment = to_ + s_.segment_at(block, g);
      std::memset(segment, 0, s_.code_bytes(block, g));
      apart_ = s_.panels_of(block) * kVector;
      for (int64_t step = 0; step < s_.steps_of(g); ++step, segment += s_.vectors * apart_) {
        for (int panel = 0; panel < s_.panels_of(block); ++panel) {
          uint8_t* to = segment + panel * kVector;
          if (s_.period) write_masked(block, g, step, panel, to);
          else write_dense(block, g, step, panel, to);
        }
      }
      write_entries(block, g, segment);
    }
    if (bad_) throw std::invalid_argument("a ternary code is neither -1, 0 nor 1");
  }

 private:
  int64_t outputs_of(int64_t block) const {
    return std::min(kBlock, s_.outputs - block * kBlock);
  }

  void read(int64_t block) {
    std::fill(centres_.begin(), centres_.end(), static_cast<uint8_t>(s_.centre));
    for (int64_t lane = 0; lane < outputs_of(block); ++lane) {
      uint8_t* centres = centres_.data() + lane * s_.groups;
      if (s_.zero == Zero::integer) read_centres(c_, block * kBlock + lane, s_.groups, centres);
      if (!c_.period) continue;
      uint8_t* codes = codes_.data() + lane * c_.in_features;
      uint8_t* kept = kept_.data() + lane * c_.in_features;
      for (int64_t k = 0; k < c_.in_features; ++k) codes[k] = centres[k / s_.full_group];
      std::fill_n(kept, c_.in_features, 0);
      read_sparse(c_, block * kBlock + lane, codes, kept);
    }
  }

  // Packed codes of a quad of an output, `lane` of its block, a byte each; 0 beyond the group.
  uint32_t quad(int64_t block, int64_t lane, int64_t g, int64_t k) {
    const int64_t left = s_.group_size(g) - k;
    if (left <= 0 || lane >= outputs_of(block)) return 0;
    const uint32_t valid = left >= 4 ? ~0u : (1u << 8 * left) - 1;
    const int64_t position = g * s_.full_group + k;
    uint32_t bytes = 0;
    if (c_.period) {
      std::memcpy(&bytes, codes_.data() + lane * c_.in_features + position,
                  std::min<int64_t>(4, left));
      return bytes & valid;
    }
    const int64_t row = (block * kBlock + lane) * row_bytes(c_.in_features * c_.bits) * 8;
    const auto fields = bits_at(c_.codes, row + position * c_.bits, 4 * c_.bits);
    bool bad = false;
    bytes = packed_codes(c_, spread(static_cast<uint32_t>(fields), c_.bits), bad);
    bad_ |= bad && left >= 4;
    if (bad && left < 4) check_tail(bytes, left);
    return bytes & valid;
  }

  void check_tail(uint32_t bytes, int64_t left) {
    for (int64_t i = 0; i < left; ++i) bad_ |= (bytes >> 8 * i & 0xff) == 0;
  }

  void write_dense(int64_t block, int64_t g, int64_t step, int panel, uint8_t* to) {
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      std::array<uint32_t, 8> words{};
      for (int64_t q = 0; q < kQuads; ++q) {
        const uint32_t codes = quad(block, panel * kLanes + lane, g, step * kStep + 4 * q);
        for_fields(s_.bits, [&](Field field, int vector) {
          const uint32_t ones = 0x01010101u * ((1u << field.bits) - 1);
          const int per_byte = 8 / field.bits;
          const int shift = static_cast<int>(q) % per_byte * field.bits;
          words[vector + q / per_byte] |= (codes >> field.low & ones) << shift;
        });
      }
      for (int vector = 0; vector < s_.bits; ++vector)
        std::memcpy(to + vector * apart_ + 4 * lane, &words[vector], 4);
    }
  }

  // Whether a position counts as kept: beyond the group so many do that each period has its share.
  uint32_t mask(int64_t block, int64_t lane, int64_t g, int64_t k) const {
    uint32_t bits = 0;
    for (int64_t j = 0; j < 4; ++j) bits |= static_cast<uint32_t>(keeps(block, lane, g, k + j)) << j;
    return bits;
  }

  bool keeps(int64_t block, int64_t lane, int64_t g, int64_t k) const {
    const int64_t size = lane < outputs_of(block) ? s_.group_size(g) : 0;
    const int64_t first = g * s_.full_group;
    const uint8_t* kept = kept_.data() + lane * c_.in_features + first;
    if (k < size) return kept[k];
    const int64_t start = k / s_.period * s_.period;
    int64_t before = 0;
    for (int64_t i = start; i < k; ++i) before += i < size ? kept[i] : 1;
    return before < s_.kept;
  }

  void write_masked(int64_t block, int64_t g, int64_t step, int panel, uint8_t* to) {
    uint8_t* kept = to + apart_;
    const int field = s_.bits <= 4 ? 4 : 8;
    int64_t count = 0;
    for (int64_t q = 0; q < kQuads; ++q) {
      uint64_t masks = 0;
      for (int64_t lane = 0; lane < kLanes; ++lane) {
        const int64_t k = step * kStep + 4 * q;
        const uint64_t bits = mask(block, panel * kLanes + lane, g, k);
        const uint32_t codes = quad(block, panel * kLanes + lane, g, k);
        masks |= bits << 4 * lane;
        for (int j = 0; j < 4; ++j) {
          if (!(bits >> j & 1)) continue;
          const int64_t vector = count * field / (8 * kVector);
          kept[vector * apart_ + count % kVector] |= (codes >> 8 * j & 0xff) << (field == 8 ? 0 : count % 128 / 64 * 4);
          ++count;
        }
      }
      std::memcpy(to + 8 * q, &masks, 8);
    }
  }

  void write_entries(int64_t block, int64_t g, uint8_t* to) {
    write_table(c_.scales, bytes_of(c_.scale), block, g, to);
    to += kBlock * bytes_of(c_.scale);
    if (s_.zero == Zero::floating) write_table(c_.shifts, bytes_of(c_.shift), block, g, to);
    if (s_.zero == Zero::integer)
      for (int64_t lane = 0; lane < kBlock; ++lane) to[lane] = centres_[lane * s_.groups + g];
  }

  void write_table(const Span<uint8_t>& table, int64_t size, int64_t block, int64_t g,
                   uint8_t* to) {
    std::memset(to, 0, kBlock * size);
    const bool one_row = table.size == s_.groups * size;
    for (int64_t lane = 0; lane < outputs_of(block); ++lane) {
      const int64_t row = one_row ? 0 : block * kBlock + lane;
      std::memcpy(to + lane * size, table.data + (row * s_.groups + g) * size, size);
    }
  }

  const Canonical& c_;
  const Shape& s_;
  uint8_t* const to_;
  std::vector<uint8_t> centres_;       // [64, groups]
  std::vector<uint8_t> codes_, kept_;  // of a sparse block, [64, in_features]
  int64_t apart_ = 0;  // bytes between vectors of a panel
  bool bad_ = false;
};

}  // namespace

void repack(const Canonical& from, uint8_t* to, int threads) {
  const Shape shape = shape_of(packed_layout(from));
  check_tables(from, shape);
  write_header(shape, from.kind == Kind::codebook ? from.values.data : nullptr, to);
  if (threads <= 0) threads = omp_get_max_threads();
  std::string failure;
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int64_t block = 0; block < shape.blocks; ++block) {
    try {
      Packer(from, shape, to).write(block);
    } catch (const std::exception& error) {  // none may leave a parallel region
#pragma omp critical
      failure = error.what();
    }
  }
  if (!failure.empty()) throw std::invalid_argument(failure);
}

}  // namespace qdsl
