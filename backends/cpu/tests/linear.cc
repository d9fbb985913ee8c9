// Computes stored products.
#include "linear.h"

#include "check.h"
#include "repack.h"

namespace qdsl {

std::vector<uint8_t> packed(const Case& c, const std::string& prefix) {
  const auto* n = c[prefix + ".numbers"].as<int64_t>();
  const auto table = [&](const char* name, int64_t element) {
    const std::string array = prefix + name;
    return Span<uint8_t>{c.data<uint8_t>(array), element * c.count(array)};
  };
  const auto scale = static_cast<Float>(n[10]), shift = static_cast<Float>(n[11]);
  const Canonical from{.outputs = n[0], .in_features = n[1], .group = n[2],
                       .kind = static_cast<Kind>(n[3]), .bits = static_cast<int>(n[4]),
                       .is_signed = n[5] != 0, .half = n[6] != 0, .zero = static_cast<Zero>(n[7]),
                       .kept = n[8], .period = n[9], .scale = scale, .shift = shift,
                       .codes = table(".codes", 1), .index = table(".index", 1),
                       .zeros = table(".zeros", 1), .scales = table(".scales", bytes_of(scale)),
                       .shifts = table(".shifts", bytes_of(shift)),
                       .values = {c.data<float>(prefix + ".values"), c.count(prefix + ".values")}};
  std::vector<uint8_t> to(shape_of(packed_layout(from)).bytes);
  repack(from, to.data(), 2);
  return to;
}

Activations activations_of(const Case& c, ActivationKind kind) {
  if (kind != ActivationKind::fixed) return {kind};
  const float* range = c["range"].as<float>();
  return {kind, range[0], static_cast<int32_t>(range[1]), static_cast<int32_t>(range[2]),
          static_cast<int32_t>(range[3])};
}

namespace {

constexpr const char* kNames[] = {"f32", "int8_token", "int8_tensor", "fixed", "bf16"};

std::vector<int32_t> sums_of(const Weight& w, const Input& x, const Activations& a, Isa isa) {
  std::vector<int32_t> sums(x.rows * w.groups * w.outputs, -7);
  linear(w, x, a, {.values = nullptr, .sums = sums.data()}, isa, 2);
  return sums;
}

// Sums of integers alone, which are not stored: those of the scalar kernel.
void compare_sums(const Case& c, const Weight& w, const Input& x, const Activations& a, Isa isa,
                  Tally& tally) {
  ++tally.comparisons;
  if (sums_of(w, x, a, isa) == sums_of(w, x, a, Isa::scalar)) return;
  ++tally.failures;
  std::printf("%s %s: other sums by %s\n", c.operation.c_str(), c.name.c_str(), name(isa));
}

}  // namespace

// Inputs x, bias, results f32, int8_token, int8_tensor, fixed, bf16. Any number of the rows gives
// the same ones, but for int8_tensor, where all have one scale.
void run_linear(const Case& c, Isa isa, Tally& tally) {
  const std::vector<uint8_t> bytes = packed(c, "weight");
  const Weight w = view(bytes.data(), bytes.size());
  const int64_t rows = c["x"].shape[0];
  for (int mode = 0; mode < 5; ++mode) {
    if (!c.has(kNames[mode])) continue;
    const Activations activations = activations_of(c, static_cast<ActivationKind>(mode));
    const Input all{c["x"].as<float>(), rows, w.in_features};
    const bool integer = mode > 0 && activations.kind != ActivationKind::bf16;
    if (integer) compare_sums(c, w, all, activations, isa, tally);
    const bool whole = activations.kind == ActivationKind::int8_tensor;
    for (int64_t some = whole ? rows : 1; some <= rows; ++some) {
      for (int threads : kThreads) {
        std::vector<float> y(some * w.outputs, -7.0f);
        const Output out{.values = y.data(), .bias = c.data<float>("bias")};
        linear(w, {all.values, some, all.stride}, activations, out, isa, threads);
        const std::string how = std::string(kNames[mode]) + " of " + std::to_string(some) +
                                " rows, " + described(isa, threads);
        compare(c, kNames[mode], y, how, tally);
      }
    }
  }
}

}  // namespace qdsl
