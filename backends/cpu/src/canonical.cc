// Checks what an artifact says of a weight, and reads its sparse rows.
#include "canonical.h"

#include <algorithm>
#include <bit>
#include <stdexcept>
#include <string>

namespace qdsl {
namespace {

[[noreturn]] void refuse(const std::string& what) { throw std::invalid_argument(what); }

void check(const Canonical& c) {
  if (c.bits < 1 || c.bits > 8) refuse("a code has 1 to 8 bits");
  if (c.kind == Kind::binary && c.bits != 1) refuse("a binary code has 1 bit");
  if (c.kind == Kind::ternary && (c.bits != 2 || !c.is_signed)) refuse("a ternary code has 2 bits");
  if (c.kind == Kind::integer && c.bits == 1) refuse("an integer code has at least 2 bits");
  if (c.base3 && c.kind != Kind::ternary) refuse("digits of base 3 are ternary");
  if (c.kind == Kind::codebook && c.bits > 4) refuse("a codebook has up to 4 bits");
  if (c.kind == Kind::codebook && c.period) refuse("a codebook with sparsity");
  if (c.kind != Kind::integer && c.zero != Zero::none) refuse("only integers have zero points");
  if (c.period < 0 || c.period > kMaxInFeatures || c.kept < 0 || c.kept > c.period)
    refuse("a sparsity pattern keeps at most what it has");
  if (c.half && (c.kind != Kind::integer || !c.is_signed || c.zero != Zero::none || c.period))
    refuse("levels between the integers are for dense symmetric signed integers");
  if (c.half && c.bits == 8) refuse("levels between the integers have at most 7 bits");
  if (c.period && c.zero == Zero::floating) refuse("a float zero point with sparsity");
}

void check_size(const char* what, int64_t size, int64_t wanted, int64_t or_wanted = -1) {
  if (size != wanted && size != or_wanted)
    refuse(std::string(what) + " has " + std::to_string(size) + " elements instead of " +
           std::to_string(wanted));
}

void check_rows(const char* what, int64_t size, int64_t row, int64_t outputs) {
  check_size(what, size, outputs * row, row);
}

// The code that reads as the number 0, or half a step from it.
int32_t centre_of(const Canonical& c) {
  switch (c.kind) {
    case Kind::binary: return c.period ? 2 : 1;
    case Kind::codebook: return 0;
    default: return c.half ? 1 << c.bits : c.is_signed ? 1 << (c.bits - 1) : 0;
  }
}

}  // namespace

int index_bits(const Canonical& c) { return std::bit_width(static_cast<uint64_t>(c.period - 1)); }

int64_t kept_per_row(const Canonical& c) {
  if (!c.period) return c.in_features;
  return c.in_features / c.period * c.kept + std::min(c.kept, c.in_features % c.period);
}

Layout packed_layout(const Canonical& c) {
  check(c);
  const int bits = with_nothing(c) ? 2 : c.bits;
  Layout to{.outputs = c.outputs, .in_features = c.in_features, .group = c.group, .bits = bits,
            .centre = centre_of(c), .kept = 0, .period = 0, .zero = c.zero, .scale = c.scale,
            .shift = c.shift, .half = c.half, .codebook = c.kind == Kind::codebook,
            .base3 = c.base3};
  if (!compressed(to, c.kept, c.period)) return to;
  to.kept = static_cast<int32_t>(c.kept);
  to.period = static_cast<int32_t>(c.period);
  to.base3 = 0;
  return to;
}

void check_tables(const Canonical& c, const Shape& s) {
  const int64_t kept = kept_per_row(c);
  check_size("codes", c.codes.size, c.outputs * row_bytes(kept * c.bits));
  check_size("index", c.index.size, c.period ? c.outputs * row_bytes(kept * index_bits(c)) : 0);
  const bool integer = c.zero == Zero::integer, floating = c.zero == Zero::floating;
  check_rows("scales", c.scales.size / bytes_of(c.scale), s.groups, c.outputs);
  check_rows("zeros", c.zeros.size, integer ? row_bytes(s.groups * c.bits) : 0, c.outputs);
  check_rows("float zeros", c.shifts.size / bytes_of(c.shift), floating ? s.groups : 0, c.outputs);
  check_size("values", c.values.size, c.kind == Kind::codebook ? int64_t{1} << c.bits : 0);
}

void read_centres(const Canonical& c, int64_t output, int64_t groups, uint8_t* centres) {
  const int64_t row = row_bytes(groups * c.bits);
  const int64_t first = c.zeros.size == row ? 0 : output * row * 8;
  bool bad = false;
  for (int64_t g = 0; g < groups; ++g) {
    const auto field = static_cast<uint32_t>(bits_at(c.zeros, first + g * c.bits, c.bits));
    centres[g] = static_cast<uint8_t>(packed_codes(c, field, bad));
  }
}

void read_sparse(const Canonical& c, int64_t output, uint8_t* codes, uint8_t* kept) {
  const int64_t all = kept_per_row(c);
  const int bits = index_bits(c);
  int64_t code = output * row_bytes(all * c.bits) * 8, at = output * row_bytes(all * bits) * 8;
  bool bad = false;
  for (int64_t start = 0; start < c.in_features; start += c.period) {
    const int64_t size = std::min(c.period, c.in_features - start);
    int64_t previous = -1;
    for (int64_t j = 0; j < std::min(c.kept, size); ++j, code += c.bits, at += bits) {
      const auto place = static_cast<int64_t>(bits_at(c.index, at, bits));
      if (place <= previous || place >= size) refuse("an index of kept codes does not ascend");
      const auto field = static_cast<uint32_t>(bits_at(c.codes, code, c.bits));
      codes[start + place] = static_cast<uint8_t>(packed_codes(c, field, bad));
      kept[start + place] = 1;
      previous = place;
    }
  }
  if (bad) refuse("a ternary code is neither -1, 0 nor 1");
}

}  // namespace qdsl
