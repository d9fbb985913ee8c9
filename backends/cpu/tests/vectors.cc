// Holds every instruction set of this processor to results that another one stored:
//     vectors FILE...
// repacks the weights of each case and compares what each instruction set makes of its inputs: bit
// for bit (any NaN being like another), or within the bounds that the case gives. Prints what runs,
// the first difference of each comparison and how many comparisons there were; fails on any.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include "cases.h"
#include "dequantize.h"
#include "isa.h"
#include "linear.h"
#include "lstm.h"
#include "repack.h"

namespace qdsl {
namespace {

constexpr int kThreads[] = {1, 3};

struct Tally {
  int64_t comparisons = 0, failures = 0;
};

using Packed = std::vector<uint8_t>;

// The arrays prefix.{numbers, codes, index, zeros, scales, shifts}; numbers as in `Canonical`.
Packed packed(const Case& c, const std::string& prefix) {
  const auto* n = c[prefix + ".numbers"].as<int64_t>();
  const auto bytes = [&](const char* name) {
    return Span<uint8_t>{c.data<uint8_t>(prefix + name), c.count(prefix + name)};
  };
  const auto floats = [&](const char* name) {
    return Span<float>{c.data<float>(prefix + name), c.count(prefix + name)};
  };
  const Canonical from{.outputs = n[0], .in_features = n[1], .group = n[2],
                       .kind = static_cast<Kind>(n[3]), .bits = static_cast<int>(n[4]),
                       .is_signed = n[5] != 0, .half = n[6] != 0, .zero = static_cast<Zero>(n[7]),
                       .kept = n[8], .period = n[9], .codes = bytes(".codes"),
                       .index = bytes(".index"), .zeros = bytes(".zeros"),
                       .scales = floats(".scales"), .shifts = floats(".shifts")};
  Packed to(packed_shape(from).bytes);
  repack(from, to.data());
  return to;
}

Weight weight(const Packed& bytes) { return view(bytes.data(), bytes.size()); }

bool same(float actual, float wanted, const float* bound) {
  if (std::isnan(actual) || std::isnan(wanted)) return std::isnan(actual) && std::isnan(wanted);
  if (bound) return std::fabs(double{actual} - wanted) <= *bound;
  return std::memcmp(&actual, &wanted, sizeof(float)) == 0;
}

// Compares the first values of the array `name`; its bounds, if any, are `name`.bound.
void compare(const Case& c, const std::string& name, const std::vector<float>& actual,
             const std::string& how, Tally& tally) {
  const auto* wanted = c[name].as<float>();
  const auto* bounds = c.data<float>(name + ".bound");
  ++tally.comparisons;
  for (size_t i = 0; i < actual.size(); ++i) {
    if (same(actual[i], wanted[i], bounds ? bounds + i : nullptr)) continue;
    std::printf("%s %s %s: [%zu] is %.9g, not %.9g\n", c.operation.c_str(), c.name.c_str(),
                how.c_str(), i, actual[i], wanted[i]);
    ++tally.failures;
    return;
  }
}

// Inputs x, bias, results f32, int8_token, int8_tensor. Any number of the rows gives the same ones,
// but for int8_tensor, where all have one scale.
void run_linear(const Case& c, Isa isa, Tally& tally) {
  constexpr const char* kNames[] = {"f32", "int8_token", "int8_tensor"};
  const Packed bytes = packed(c, "weight");
  const Weight w = weight(bytes);
  const int64_t rows = c["x"].shape[0];
  for (int mode = 0; mode < 3; ++mode) {
    if (!c.has(kNames[mode])) continue;
    const auto activations = static_cast<Activations>(mode);
    for (int64_t some = activations == Activations::int8_tensor ? rows : 1; some <= rows; ++some) {
      for (int threads : kThreads) {
        std::vector<float> y(some * w.outputs, -7.0f);
        const Output out{y.data(), c.data<float>("bias"), 0};
        linear(w, c["x"].as<float>(), some, activations, out, isa, threads);
        const std::string how = std::string(kNames[mode]) + " " + name(isa) + " of " +
                                std::to_string(some) + " rows, " + std::to_string(threads) +
                                " threads";
        compare(c, kNames[mode], y, how, tally);
      }
    }
  }
}

std::vector<float> copy(const Array& array) {
  return {array.as<float>(), array.as<float>() + array.count};
}

// Inputs gates, h, c; results outputs, last_h, last_c; `state` is a number of Activations.
void run_lstm(const Case& c, Isa isa, Tally& tally) {
  const Packed bytes = packed(c, "recurrent");
  const Weight recurrent = weight(bytes);
  const Packed more = c.has("projection.numbers") ? packed(c, "projection") : Packed();
  const Weight projection = more.empty() ? Weight{} : weight(more);
  const std::vector<int64_t>& shape = c["gates"].shape;
  for (int threads : kThreads) {
    std::vector<float> h = copy(c["h"]), cells = copy(c["c"]), outputs(c["outputs"].count);
    const Sequence sequence{shape[0], shape[1], shape[2] / 4, c["h"].shape[1],
                            c["gates"].as<float>(), outputs.data(), h.data(), cells.data()};
    lstm(sequence, recurrent, more.empty() ? nullptr : &projection,
         static_cast<Activations>(*c["state"].as<int64_t>()), isa, threads);
    const std::string how = std::string(name(isa)) + ", " + std::to_string(threads) + " threads";
    compare(c, "outputs", outputs, how, tally);
    compare(c, "last_h", h, how, tally);
    compare(c, "last_c", cells, how, tally);
  }
}

// Input ids; results rows, dense.
void run_embedding(const Case& c, Tally& tally) {
  const Packed bytes = packed(c, "weight");
  const Weight w = weight(bytes);
  std::vector<float> rows(c["rows"].count), dense(c["dense"].count);
  embedding(w, c["ids"].as<int64_t>(), c["ids"].count, rows.data());
  dequantize(w, dense.data());
  compare(c, "rows", rows, "embedding", tally);
  compare(c, "dense", dense, "dequantize", tally);
}

void run(const Case& c, Isa isa, Tally& tally) {
  if (c.operation == "linear") return run_linear(c, isa, tally);
  if (c.operation == "lstm") return run_lstm(c, isa, tally);
  if (c.operation != "embedding") throw std::runtime_error("no operation " + c.operation);
  if (isa == Isa::scalar) run_embedding(c, tally);
}

int main(const std::vector<std::string>& paths) {
  std::printf("runs %s, by default %s\n", [] {
    std::string names;
    for (Isa isa : kIsas)
      if (supported(isa)) names += std::string(names.empty() ? "" : " ") + name(isa);
    return names;
  }().c_str(), name(default_isa()));
  Tally tally;
  for (const std::string& path : paths)
    for (const Case& c : CaseReader(path).run())
      for (Isa isa : kIsas)
        if (supported(isa)) run(c, isa, tally);
  std::printf("%lld comparisons, %lld failures\n", static_cast<long long>(tally.comparisons),
              static_cast<long long>(tally.failures));
  return tally.failures != 0;
}

}  // namespace
}  // namespace qdsl

int main(int count, char** arguments) {
  try {
    return qdsl::main({arguments + 1, arguments + count});
  } catch (const std::exception& error) {
    std::printf("%s\n", error.what());
    return 2;
  }
}
