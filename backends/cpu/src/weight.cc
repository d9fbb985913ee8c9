// Checks packed weights and says where their parts are.
#include "weight.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace qdsl {
namespace {

constexpr char kMagic[4] = {'q', 'd', 's', 'l'};
constexpr uint16_t kVersion = 2;

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

[[noreturn]] void refuse(const char* what) { throw std::invalid_argument(what); }

// Vectors of 64 codes for positions of one group, padded to whole steps of codes.
int64_t group_vectors(int64_t positions, int bits, int64_t spread) {
  const int64_t step = kStep * spread;
  return (positions + step - 1) / step * (spread == 1 ? bits : bits + 2);
}

// Largest |u - centre| that a group can hold.
int64_t largest_magnitude(const Layout& l) {
  const int64_t top = l.bits == 1 ? 2 : l.half ? (2 << l.bits) - 1 : (1 << l.bits) - 1;
  if (l.zero == Zero::integer) return top;
  return std::max<int64_t>(l.centre, top - l.centre);
}

int64_t bytes_of_block(const Shape& s, int64_t panels) {
  if (!s.groups) return 0;
  const int64_t full = s.held(s.group_steps / s.spread * panels);
  const int64_t last = s.held(s.last_steps / s.spread * panels);
  return (s.groups - 1) * full + last + s.groups * s.entry_bytes;
}

void check(const Layout& l) {
  if (l.outputs < 0 || l.outputs > kMaxOutputs) refuse("outputs of a packed weight out of range");
  if (l.in_features < 0 || l.in_features > kMaxInFeatures)
    refuse("in_features of a packed weight out of range");
  if (l.group < 0 || l.group > kMaxInFeatures) refuse("group of a packed weight out of range");
  if (l.bits < 1 || l.bits > 8 || (l.half && l.bits > 7)) refuse("packed codes have 1 to 8 bits");
  if (l.centre < 0 || l.centre > 255) refuse("centre of a packed weight out of range");
  if (l.zero > Zero::floating) refuse("unknown kind of zero point in a packed weight");
  if (l.scale > Float::bf16 || l.shift > Float::bf16) refuse("unknown type in a packed weight");
  if (l.half > 1 || l.codebook > 1) refuse("unknown flags in a packed weight");
  if (l.codebook && (l.bits > 4 || l.zero != Zero::none))
    refuse("a packed codebook has up to 16 values and no zero point");
  if (l.base3 > 1) refuse("unknown flags in a packed weight");
  if (l.base3 && (l.bits != 2 || l.half || l.codebook || l.kept || l.zero != Zero::none))
    refuse("digits of base 3 in a packed weight that is not ternary");
  if ((l.period || l.kept) && !compressed(l, l.kept, l.period))
    refuse("unknown sparsity in a packed weight");
}

}  // namespace

bool compressed(const Layout& l, int64_t kept, int64_t period) {
  if (period != 4 || kept < 1 || kept > 2) return false;
  const int64_t positions = l.group ? std::min(l.group, l.in_features) : l.in_features;
  return group_vectors(positions, l.bits, 4 / kept) < group_vectors(positions, l.bits, 1);
}

Shape shape_of(const Layout& layout) {
  check(layout);
  Shape s{};
  static_cast<Layout&>(s) = layout;
  s.panels = divide_up(s.outputs, kLanes);
  s.blocks = divide_up(s.panels, kPanels);
  s.groups = s.group ? divide_up(s.in_features, s.group) : 1;
  s.full_group = s.groups > 1 ? s.group : s.in_features;
  s.spread = s.kept ? s.period / s.kept : 1;
  s.group_steps = divide_up(s.full_group, kStep * s.spread) * s.spread;
  if (s.groups) s.last_steps = divide_up(s.group_size(s.groups - 1), kStep * s.spread) * s.spread;
  s.steps = s.groups ? (s.groups - 1) * s.group_steps + s.last_steps : 0;
  s.vectors = s.kept ? s.bits + 2 : s.bits;

  const int64_t zero = s.zero == Zero::integer ? 1 : bytes_of(s.shift);
  s.entry_bytes = kBlock * (bytes_of(s.scale) + (s.zero == Zero::none ? 0 : zero));
  s.block_bytes = bytes_of_block(s, kPanels);
  const int64_t last = s.blocks ? bytes_of_block(s, s.panels_of(s.blocks - 1)) : 0;
  s.bytes = int64_t{sizeof(Header)} + std::max<int64_t>(0, s.blocks - 1) * s.block_bytes + last;
  return s;
}

Shape Shape::plain() const {
  Layout layout = *this;
  layout.base3 = 0;
  return shape_of(layout);
}

void write_header(const Shape& shape, const float* codebook, void* data) {
  Header h;
  std::memset(&h, 0, sizeof(h));  // padding too: equal weights have equal bytes
  std::memcpy(h.magic, kMagic, sizeof(kMagic));
  h.version = kVersion;
  h.bytes = shape.bytes;
  const Layout& from = shape;
  h.layout.outputs = from.outputs, h.layout.in_features = from.in_features;
  h.layout.group = from.group, h.layout.bits = from.bits, h.layout.centre = from.centre;
  h.layout.kept = from.kept, h.layout.period = from.period, h.layout.zero = from.zero;
  h.layout.scale = from.scale, h.layout.shift = from.shift, h.layout.half = from.half;
  h.layout.codebook = from.codebook, h.layout.base3 = from.base3;
  if (codebook) std::memcpy(h.codebook, codebook, sizeof(float) << shape.bits);
  std::memcpy(data, &h, sizeof(h));
}

Weight view(const void* data, int64_t size) {
  if (size < int64_t{sizeof(Header)}) refuse("a packed weight is shorter than its header");
  if (reinterpret_cast<uintptr_t>(data) % alignof(float)) refuse("a packed weight is not aligned");
  const auto& h = *static_cast<const Header*>(data);
  if (std::memcmp(h.magic, kMagic, sizeof(kMagic)) != 0) refuse("not a packed weight");
  if (h.version != kVersion || h.reserved) refuse("a packed weight of another version");

  Weight w{};
  static_cast<Shape&>(w) = shape_of(h.layout);
  if (h.bytes != w.bytes || size < w.bytes) refuse("a packed weight is truncated");
  w.largest = largest_magnitude(w);
  w.data = static_cast<const uint8_t*>(data);
  w.values = w.codebook ? h.codebook : nullptr;
  return w;
}

}  // namespace qdsl
