// Repacks canonical codes, scales and zero points into blocks.
#include "repack.h"

#include <omp.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "base3.h"
#include "panel.h"

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
    flip_ = c_.is_signed && c_.kind != Kind::binary ? 1 << (c_.bits - 1) : 0;
    for (int64_t g = 0; g < s_.groups; ++g) {
      uint8_t* segment = to_ + s_.segment_at(block, g);
      std::memset(segment, 0, s_.code_bytes(block, g));
      apart_ = s_.panels_of(block) * kVector;
      for (int64_t step = 0; step < s_.steps_of(g) / s_.spread; ++step) {
        for (int panel = 0; panel < s_.panels_of(block); ++panel)
          write_panel(block, panel, g, step, segment + panel * kVector);
        segment += s_.vectors * apart_;
      }
      write_entries(block, g, segment);
    }
    if (bad_) throw std::invalid_argument("a ternary code is neither -1, 0 nor 1");
  }

 private:
  int64_t outputs_of(int64_t block) const {
    return std::min(kBlock, s_.outputs - block * kBlock);
  }

  // Whether rows of the table hold the codes of a step as they are, from a byte on.
  bool whole(int64_t block, int panel, int64_t g, int64_t step) const {
    const bool rows = (panel + 1) * kLanes <= outputs_of(block);
    const bool same = s_.period == c_.period && s_.bits == c_.bits;
    const int64_t first = g * s_.full_group, positions = (step + 1) * kStep * s_.spread;
    return rows && same && positions <= s_.group_size(g) && first % (8 * s_.spread) == 0;
  }

  bool whole(int64_t block) const {
    bool all = true;
    for (int64_t g = 0; g < s_.groups; ++g)
      all = all && s_.steps_of(g) * kStep == s_.group_size(g) &&
            whole(block, s_.panels_of(block) - 1, g, s_.steps_of(g) / s_.spread - 1);
    return all;
  }

  // Fields `first`.. of 16 rows that have so many fields each.
  std::array<const uint8_t*, kLanes> rows_at(const Span<uint8_t>& table, int bits, int64_t output,
                                             int64_t fields, int64_t first) const {
    std::array<const uint8_t*, kLanes> rows;
    for (int64_t lane = 0; lane < kLanes; ++lane)
      rows[lane] = table.data + (output + lane) * row_bytes(fields * bits) + first * bits / 8;
    return rows;
  }

  void write_panel(int64_t block, int panel, int64_t g, int64_t step, uint8_t* to) {
    if (!whole(block, panel, g, step)) {
      for (int lane = 0; lane < kLanes; ++lane)
        write_step(block, panel * kLanes + lane, g, step, to + 4 * lane);
      return;
    }
    const int64_t output = block * kBlock + panel * kLanes, fields = kept_per_row(c_);
    const int64_t first = g * s_.full_group / s_.spread + step * kStep;
    const auto codes = rows_at(c_.codes, c_.bits, output, fields, first);
    if (c_.period) {
      uint8_t vectors[10 * kVector];
      const auto places = rows_at(c_.index, 2, output, fields, first);
      qdsl::write_panel(c_.bits, codes.data(), flip_, vectors, kVector);
      qdsl::write_panel(2, places.data(), 0, vectors + c_.bits * kVector, kVector);
      for (int64_t i = 0; i < s_.vectors; ++i)
        std::memcpy(to + vector_at(i), vectors + i * kVector, kVector);
      return;
    }
    const bool sound = qdsl::write_panel(c_.bits, codes.data(), flip_, to, apart_);
    bad_ |= c_.kind == Kind::ternary && !sound;
  }

  // Bytes before the i-th vector of a panel's step.
  int64_t vector_at(int64_t i) const {
    return (s_.period ? sparse_vector(s_.bits, i) : i) * apart_;
  }

  // Of an index of positions in fours, one or two of each.
  void check_index(int64_t output) const {
    if (s_.kept == 1) return;
    const int64_t width = row_bytes(2 * kept_per_row(c_)), groups = kept_per_row(c_) / 2;
    const uint8_t* row = c_.index.data + output * width;
    bool ascends = true;
    for (int64_t i = 0; i < width; ++i) {
      const int low = row[i] & 15, high = 2 * i + 1 < groups ? row[i] >> 4 : 4;
      ascends = ascends && (low & 3) < low >> 2 && (high & 3) < high >> 2;
    }
    if (!ascends) throw std::invalid_argument("an index of kept codes does not ascend");
  }

  void read(int64_t block) {
    const bool as_it_is = whole(block);
    std::fill(centres_.begin(), centres_.end(), static_cast<uint8_t>(s_.centre));
    for (int64_t lane = 0; lane < outputs_of(block); ++lane) {
      uint8_t* centres = centres_.data() + lane * s_.groups;
      if (s_.zero == Zero::integer) read_centres(c_, block * kBlock + lane, s_.groups, centres);
      if (!c_.period) continue;
      if (as_it_is) {
        check_index(block * kBlock + lane);
        continue;
      }
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

  // Kept codes 4 * q to 4 * q + 3 of a group, a byte each, and where they were in their fours.
  std::pair<uint32_t, uint32_t> kept_quad(int64_t block, int64_t lane, int64_t g, int64_t q) const {
    uint32_t codes = 0, places = 0;
    for (int i = 0; i < 4; ++i) {
      const int64_t four = (4 * q + i) / s_.kept * 4;
      const int64_t nth = (4 * q + i) % s_.kept;
      const int64_t place = place_of(block, lane, g, four, nth);
      places |= static_cast<uint32_t>(place) << 8 * i;
      const int64_t k = g * s_.full_group + four + place;
      if (lane < outputs_of(block) && four + place < s_.group_size(g))
        codes |= uint32_t{codes_[lane * c_.in_features + k]} << 8 * i;
    }
    return {codes, places};
  }

  // Where the nth kept code of a four is; 3 if there is none, which padding is then.
  int64_t place_of(int64_t block, int64_t lane, int64_t g, int64_t four, int64_t nth) const {
    if (lane >= outputs_of(block)) return 3;
    const uint8_t* kept = kept_.data() + lane * c_.in_features + g * s_.full_group;
    for (int64_t place = 0; place < 4 && four + place < s_.group_size(g); ++place)
      if (kept[four + place] && nth-- == 0) return place;
    return 3;
  }

  // Codes of one output in a step, at its place in the vectors of a panel.
  void write_step(int64_t block, int64_t lane, int64_t g, int64_t step, uint8_t* to) {
    std::array<uint32_t, 10> words{};
    for (int q = 0; q < kQuads; ++q) {
      uint32_t codes = 0;
      if (s_.period) {
        const auto [kept, places] = kept_quad(block, lane, g, step * kQuads + q);
        codes = kept;
        words[s_.bits + q / 4] |= places << q % 4 * 2;
      } else {
        codes = quad(block, lane, g, step * kStep + 4 * q);
      }
      for_fields(s_.bits, [&](Field field, int vector) {
        const uint32_t ones = 0x01010101u * ((1u << field.bits) - 1);
        const int per_byte = 8 / field.bits;
        words[vector + q / per_byte] |= (codes >> field.low & ones) << q % per_byte * field.bits;
      });
    }
    for (int vector = 0; vector < s_.vectors; ++vector)
      std::memcpy(to + vector_at(vector), &words[vector], 4);
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
  uint8_t flip_ = 0;  // what makes a field a code
  bool bad_ = false;
};

// A block by way of one as kernels read it.
void write_folded(const Canonical& from, const Shape& shape, const Shape& plain, int64_t block,
                  uint8_t* to) {
  thread_local Buffer<uint8_t> memory;
  uint8_t* const base = memory.room(plain.block_bytes) - plain.segment_at(block, 0);
  Packer(from, plain, base).write(block);
  for (int64_t g = 0; g < shape.groups; ++g) {
    const uint8_t* segment = base + plain.segment_at(block, g);
    const int64_t bytes = plain.code_bytes(block, g);
    uint8_t* folded = to + shape.segment_at(block, g);
    fold(segment, bytes / kVector, folded);
    std::memcpy(folded + shape.code_bytes(block, g), segment + bytes, shape.entry_bytes);
  }
}

}  // namespace

void repack(const Canonical& from, uint8_t* to, int threads) {
  const Shape shape = shape_of(packed_layout(from)), plain = shape.plain();
  check_tables(from, shape);
  write_header(shape, from.kind == Kind::codebook ? from.values.data : nullptr, to);
  if (threads <= 0) threads = omp_get_max_threads();
  std::string failure;
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int64_t block = 0; block < shape.blocks; ++block) {
    try {
      if (shape.base3) write_folded(from, shape, plain, block, to);
      else Packer(from, shape, to).write(block);
    } catch (const std::exception& error) {  // none may leave a parallel region
#pragma omp critical
      failure = error.what();
    }
  }
  if (!failure.empty()) throw std::invalid_argument(failure);
}

}  // namespace qdsl
