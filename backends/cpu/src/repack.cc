// Repacks canonical codes, scales and zero points into panels.
#include "repack.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

namespace qdsl {
namespace {

[[noreturn]] void refuse(const std::string& what) { throw std::invalid_argument(what); }

int64_t bytes_for(int64_t bits) { return (bits + 7) / 8; }

// Field `i` of `bits` bits, at most 8 unless they are an index.
uint32_t field(const uint8_t* row, int64_t i, int bits) {
  uint32_t value = 0;
  for (int b = 0; b < bits; ++b) {
    const int64_t at = i * bits + b;
    value |= uint32_t{row[at / 8]} >> (at % 8) % 8 & 1u ? 1u << b : 0u;
  }
  return value;
}

bool expanded_binary(const Canonical& c) { return c.kind == Kind::binary && c.period; }

int stored_bits(const Canonical& c) {
  if (expanded_binary(c)) return 2;
  const int bits = c.bits + c.half;
  return bits <= 2 ? bits : bits <= 4 ? 4 : 8;
}

// What is added to a code to make it unsigned, and so the stored code of the number 0.
int offset_of(const Canonical& c) {
  if (c.kind == Kind::binary) return c.period ? 2 : 1;
  if (c.half) return 1 << c.bits;
  return c.is_signed ? 1 << (c.bits - 1) : 0;
}

int index_bits(const Canonical& c) { return std::bit_width(static_cast<uint64_t>(c.period - 1)); }

int64_t kept_per_row(const Canonical& c) {
  if (!c.period) return c.in_features;
  const int64_t rest = c.in_features % c.period;
  return c.in_features / c.period * c.kept + std::min(c.kept, rest);
}

// A canonical field as it is stored: q + offset, for a 1-bit code the bit itself.
uint8_t stored_code(const Canonical& c, uint32_t bits) {
  if (c.kind == Kind::binary) return c.period ? (bits ? 3 : 1) : bits;
  if (!c.is_signed) return bits;
  const uint32_t half = 1u << (c.bits - 1);
  if (c.kind == Kind::ternary && bits == half) refuse("a ternary code is neither -1, 0 nor 1");
  const uint32_t code = bits ^ half;  // the two's complement field plus half, modulo 2^bits
  return c.half ? 2 * code + 1 : code;
}

void check(const Canonical& c) {
  if (c.bits < 1 || c.bits > 8) refuse("a code has 1 to 8 bits");
  if (c.kind == Kind::binary && c.bits != 1) refuse("a binary code has 1 bit");
  if (c.kind == Kind::ternary && (c.bits != 2 || !c.is_signed)) refuse("a ternary code has 2 bits");
  if (c.kind == Kind::integer && c.bits == 1) refuse("an integer code has at least 2 bits");
  if (c.kind != Kind::integer && c.zero != Zero::none) refuse("only integers have zero points");
  if (c.period < 0 || c.period > kMaxInFeatures || c.kept < 0 || c.kept > c.period)
    refuse("a sparsity pattern keeps at most what it has");
  if (c.half && (c.kind != Kind::integer || !c.is_signed || c.zero != Zero::none || c.period))
    refuse("levels between the integers are for dense symmetric signed integers");
  if (c.half && c.bits == 8) refuse("levels between the integers have at most 7 bits");
  if (c.period && c.zero == Zero::floating) refuse("a float zero point with sparsity");
}

void check_size(const char* what, int64_t size, int64_t wanted) {
  if (size != wanted)
    refuse(std::string(what) + " has " + std::to_string(size) + " elements instead of " +
           std::to_string(wanted));
}

void check_tables(const Canonical& c, const Shape& s) {
  const int64_t kept = kept_per_row(c);
  check_size("codes", c.codes.size, c.outputs * bytes_for(kept * c.bits));
  check_size("index", c.index.size, c.period ? c.outputs * bytes_for(kept * index_bits(c)) : 0);
  check_size("scales", c.scales.size, c.outputs * s.groups);
  const bool integer = c.zero == Zero::integer, floating = c.zero == Zero::floating;
  check_size("zeros", c.zeros.size, integer ? c.outputs * bytes_for(s.groups * c.bits) : 0);
  check_size("float zeros", c.shifts.size, floating ? c.outputs * s.groups : 0);
}

class Packer {
 public:
  Packer(const Canonical& from, uint8_t* to)
      : c_(from), s_(packed_shape(from)), to_(to), row_(from.in_features), centres_(s_.groups) {}

  void run() {
    check_tables(c_, s_);
    std::memset(to_, 0, s_.bytes);
    write_header(s_, offset_of(c_), c_.group, to_);
    for (int64_t n = 0; n < s_.outputs; ++n) {
      read_centres(n);
      if (c_.period) read_sparse(n);
      else read_dense(n);
      write_codes(n);
      write_entries(n);
    }
  }

 private:
  void read_centres(int64_t n) {
    std::fill(centres_.begin(), centres_.end(), offset_of(c_));
    if (c_.zero != Zero::integer) return;
    const uint8_t* zeros = c_.zeros.data + n * bytes_for(s_.groups * c_.bits);
    for (int64_t g = 0; g < s_.groups; ++g)
      centres_[g] = stored_code(c_, field(zeros, g, c_.bits));
  }

  void read_dense(int64_t n) {
    const uint8_t* codes = c_.codes.data + n * bytes_for(s_.in_features * c_.bits);
    for (int64_t k = 0; k < s_.in_features; ++k)
      row_[k] = stored_code(c_, field(codes, k, c_.bits));
  }

  void read_sparse(int64_t n) {
    const int64_t kept = kept_per_row(c_);
    const uint8_t* codes = c_.codes.data + n * bytes_for(kept * c_.bits);
    const uint8_t* index = c_.index.data + n * bytes_for(kept * index_bits(c_));
    for (int64_t k = 0; k < s_.in_features; ++k) row_[k] = centres_[k / s_.group];
    int64_t i = 0;
    for (int64_t start = 0; start < s_.in_features; start += c_.period) {
      const int64_t size = std::min(c_.period, s_.in_features - start);
      int64_t previous = -1;
      for (int64_t j = 0; j < std::min(c_.kept, size); ++j, ++i) {
        const int64_t at = field(index, i, index_bits(c_));
        if (at <= previous || at >= size) refuse("an index of kept codes does not ascend");
        row_[start + at] = stored_code(c_, field(codes, i, c_.bits));
        previous = at;
      }
    }
  }

  void write_codes(int64_t n) {
    uint8_t* panel = to_ + sizeof(Header) + n / kLanes * s_.steps * kStepBytes;
    for (int64_t k = 0; k < s_.in_features; ++k) {
      const int64_t at = k / s_.group * s_.group_steps * s_.step + k % s_.group;
      const int64_t within = at % s_.step;
      uint8_t& byte = panel[at / s_.step * kStepBytes + n % kLanes * 4 + within % 4];
      byte |= row_[k] << (within / 4 * s_.bits);
    }
  }

  void write_entries(int64_t n) {
    auto* scales = reinterpret_cast<float*>(to_ + s_.scales_at);
    auto* shifts = reinterpret_cast<float*>(to_ + s_.zeros_at);
    for (int64_t g = 0; g < s_.groups; ++g) {
      const int64_t entry = (n / kLanes * s_.groups + g) * kLanes + n % kLanes;
      scales[entry] = c_.scales.data[n * s_.groups + g] * (c_.half ? 0.5f : 1.0f);
      if (s_.zero == Zero::integer) to_[s_.zeros_at + entry] = static_cast<uint8_t>(centres_[g]);
      if (s_.zero == Zero::floating) shifts[entry] = c_.shifts.data[n * s_.groups + g];
    }
  }

  const Canonical& c_;
  const Shape s_;
  uint8_t* const to_;
  std::vector<uint8_t> row_;   // stored codes of one output
  std::vector<int> centres_;   // of its groups
};

}  // namespace

Shape packed_shape(const Canonical& from) {
  check(from);
  return shape_of(from.outputs, from.in_features, from.group, stored_bits(from), from.zero);
}

void repack(const Canonical& from, uint8_t* to) { Packer(from, to).run(); }

}  // namespace qdsl
