// Computes stored products.
#include "linear.h"

#include "check.h"
#include "repack.h"

namespace qdsl {

std::vector<uint8_t> packed(const Case& c, const std::string& prefix) {
  const auto* n = c[prefix + ".numbers"].as<int64_t>();
  const auto bytes = [&](const char* name) {
    return Span<uint8_t>{c.data<uint8_t>(prefix + name), c.count(prefix + name)};
  };
  const auto floats = [&](const char* name) {
    return Span<uint8_t>{reinterpret_cast<const uint8_t*>(c.data<float>(prefix + name)),
                         4 * c.count(prefix + name)};
  };
  const Canonical from{.outputs = n[0], .in_features = n[1], .group = n[2],
                       .kind = static_cast<Kind>(n[3]), .bits = static_cast<int>(n[4]),
                       .is_signed = n[5] != 0, .half = n[6] != 0, .zero = static_cast<Zero>(n[7]),
                       .kept = n[8], .period = n[9], .scale = Float::f32, .shift = Float::f32,
                       .codes = bytes(".codes"),
                       .index = bytes(".index"), .zeros = bytes(".zeros"),
                       .scales = floats(".scales"), .shifts = floats(".shifts")};
  std::vector<uint8_t> to(packed_shape(from).bytes);
  repack(from, to.data());
  return to;
}

// Inputs x, bias, results f32, int8_token, int8_tensor. Any number of the rows gives the same ones,
// but for int8_tensor, where all have one scale.
void run_linear(const Case& c, Isa isa, Tally& tally) {
  constexpr const char* kNames[] = {"f32", "int8_token", "int8_tensor"};
  const std::vector<uint8_t> bytes = packed(c, "weight");
  const Weight w = view(bytes.data(), bytes.size());
  const int64_t rows = c["x"].shape[0];
  for (int mode = 0; mode < 3; ++mode) {
    if (!c.has(kNames[mode])) continue;
    const Activations activations{static_cast<ActivationKind>(mode)};
    const bool whole = activations.kind == ActivationKind::int8_tensor;
    for (int64_t some = whole ? rows : 1; some <= rows; ++some) {
      for (int threads : kThreads) {
        std::vector<float> y(some * w.outputs, -7.0f);
        const Output out{.values = y.data(), .bias = c.data<float>("bias")};
        linear(w, {c["x"].as<float>(), some, w.in_features}, activations, out, isa, threads);
        const std::string how = std::string(kNames[mode]) + " of " + std::to_string(some) +
                                " rows, " + described(isa, threads);
        compare(c, kNames[mode], y, how, tally);
      }
    }
  }
}

}  // namespace qdsl
