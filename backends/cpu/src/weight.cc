// Computes and checks the layout of packed weights.
#include "weight.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace qdsl {
namespace {

constexpr char kMagic[4] = {'Q', 'D', 'W', 'C'};
constexpr uint16_t kVersion = 1;

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

[[noreturn]] void refuse(const char* what) { throw std::invalid_argument(what); }

// Largest |u - centre| that a group can hold.
int64_t largest_magnitude(const Shape& shape, int32_t centre) {
  const int64_t top = shape.bits == 1 ? 2 : (1 << shape.bits) - 1;
  if (shape.zero == Zero::integer) return top;
  return std::max<int64_t>(centre, top - centre);
}

}  // namespace

Shape shape_of(int64_t outputs, int64_t in_features, int64_t group, int bits, Zero zero) {
  if (outputs < 0 || outputs > kMaxOutputs) refuse("outputs of a packed weight out of range");
  if (in_features < 0 || in_features > kMaxInFeatures)
    refuse("in_features of a packed weight out of range");
  if (group < 0 || group > kMaxInFeatures) refuse("group of a packed weight out of range");
  if (bits != 1 && bits != 2 && bits != 4 && bits != 8)
    refuse("packed codes have 1, 2, 4 or 8 bits");
  if (zero > Zero::floating) refuse("unknown kind of zero point in a packed weight");

  Shape s{};
  s.outputs = outputs;
  s.in_features = in_features;
  s.bits = bits;
  s.zero = zero;
  s.panels = divide_up(outputs, kLanes);
  s.groups = group ? divide_up(in_features, group) : 1;
  s.group = s.groups > 1 ? group : in_features;
  s.step = 4 * (8 / bits);
  s.group_steps = divide_up(s.group, s.step);
  s.last_steps = s.groups ? divide_up(s.group_size(s.groups - 1), s.step) : 0;
  s.steps = s.groups ? (s.groups - 1) * s.group_steps + s.last_steps : 0;

  const int64_t entries = s.panels * s.groups * kLanes;
  const int64_t zero_bytes = zero == Zero::integer ? 1 : zero == Zero::floating ? 4 : 0;
  s.scales_at = int64_t{sizeof(Header)} + s.panels * s.steps * kStepBytes;
  s.zeros_at = s.scales_at + entries * int64_t{sizeof(float)};
  s.bytes = s.zeros_at + entries * zero_bytes;
  return s;
}

void write_header(const Shape& shape, int32_t centre, int64_t group, void* data) {
  Header h{};
  std::memcpy(h.magic, kMagic, sizeof(kMagic));
  h.version = kVersion;
  h.bits = static_cast<uint8_t>(shape.bits);
  h.zero = shape.zero;
  h.outputs = shape.outputs;
  h.in_features = shape.in_features;
  h.group = group;
  h.bytes = shape.bytes;
  h.centre = centre;
  std::memcpy(data, &h, sizeof(h));
}

Weight view(const void* data, int64_t size) {
  Header h;
  if (size < int64_t{sizeof(h)}) refuse("a packed weight is shorter than its header");
  if (reinterpret_cast<uintptr_t>(data) % alignof(float)) refuse("a packed weight is not aligned");
  std::memcpy(&h, data, sizeof(h));
  if (std::memcmp(h.magic, kMagic, sizeof(kMagic)) != 0) refuse("not a packed weight");
  if (h.version != kVersion) refuse("a packed weight of another version");
  if (h.centre < 0 || h.centre > 255) refuse("centre of a packed weight out of range");

  Weight w{};
  static_cast<Shape&>(w) = shape_of(h.outputs, h.in_features, h.group, h.bits, h.zero);
  if (h.bytes != w.bytes || size < w.bytes) refuse("a packed weight is truncated");
  w.centre = h.centre;
  w.wide = w.group * 127 * largest_magnitude(w, h.centre) >= int64_t{1} << 31;
  const auto* base = static_cast<const uint8_t*>(data);
  w.codes = base + sizeof(Header);
  w.scales = reinterpret_cast<const float*>(base + w.scales_at);
  w.centres = w.zero == Zero::integer ? base + w.zeros_at : nullptr;
  w.shifts = w.zero == Zero::floating ? reinterpret_cast<const float*>(base + w.zeros_at) : nullptr;
  return w;
}

}  // namespace qdsl
