// Holds every instruction set to the scalar one over random weights: widths, zero points, groups and
// N:M, shapes that are multiples of nothing, all activations, and what only C++ asks for: sums,
// residuals, rows with gaps. Every buffer ends where its data does, for a sanitizer to guard.
#include "grid.h"

#include <random>

#include "base3.h"
#include "dequantize.h"
#include "gru.h"
#include "kernel.h"
#include "linear.h"
#include "lstm.h"
#include "repack.h"

namespace qdsl {
namespace {

struct Format {
  Kind kind;
  int bits;
  bool is_signed, half;
  Zero zero;
  int64_t group, kept, period;
  Float scale;
  bool base3 = false;
};

constexpr auto kInteger = Kind::integer;
constexpr Format kFormats[] = {
    {Kind::binary, 1, true, false, Zero::none, 0, 0, 0, Float::f32},
    {Kind::binary, 1, true, false, Zero::none, 40, 1, 4, Float::bf16},
    {Kind::ternary, 2, true, false, Zero::none, 32, 0, 0, Float::f16},
    {kInteger, 2, false, false, Zero::integer, 24, 0, 0, Float::f16},
    {kInteger, 2, true, true, Zero::none, 1, 0, 0, Float::f32},
    {kInteger, 3, true, false, Zero::none, 32, 0, 0, Float::bf16},
    {kInteger, 4, true, false, Zero::none, 64, 0, 0, Float::f16},
    {kInteger, 4, false, false, Zero::floating, 48, 0, 0, Float::f16},
    {kInteger, 4, true, false, Zero::integer, 64, 2, 4, Float::f32},
    {kInteger, 5, true, false, Zero::none, 0, 0, 0, Float::f32},
    {kInteger, 6, false, false, Zero::integer, 96, 0, 0, Float::bf16},
    {kInteger, 7, true, true, Zero::none, 33, 0, 0, Float::f16},
    {kInteger, 7, true, false, Zero::none, 0, 3, 5, Float::f32},
    {kInteger, 8, true, false, Zero::none, 0, 0, 0, Float::f32},
    {kInteger, 8, false, false, Zero::floating, 32, 0, 0, Float::bf16},
    {kInteger, 8, true, false, Zero::none, 128, 2, 4, Float::f16},
    {Kind::ternary, 2, true, false, Zero::none, 96, 0, 0, Float::f16, true},
};

struct Size {
  int64_t outputs, in_features;
};
constexpr Size kSizes[] = {{1, 1}, {17, 33}, {70, 97}, {64, 130}, {130, 259}};

constexpr auto kFixed = ActivationKind::fixed;
constexpr Activations kActivations[] = {
    {ActivationKind::f32},
    {ActivationKind::bf16},
    {ActivationKind::int8_token},
    {ActivationKind::int8_tensor},
    {kFixed, 0.02f, 0, -127, 127},
    {kFixed, 0.02f, 0, -128, 127},
    {kFixed, 0.02f, 3, 0, 255},
    {kFixed, 0.02f, 255, 0, 255},
};

// Held within a bound instead: see the stored cases.
bool floats(const Activations& a) {
  return a.kind == ActivationKind::f32 || a.kind == ActivationKind::bf16;
}

using Bytes = std::vector<uint8_t>;

class Random {
 public:
  explicit Random(uint32_t seed) : engine_(seed) {}

  uint32_t below(uint32_t n) { return engine_() % n; }

  Bytes bytes(int64_t size) {
    Bytes all(size);
    for (uint8_t& byte : all) byte = static_cast<uint8_t>(below(4) ? below(256) : 255 * below(2));
    return all;
  }

  // Some of them at the ends of every range.
  std::vector<float> floats(int64_t size) {
    std::vector<float> all(size);
    for (float& x : all) x = (below(3) ? 0.01f : 10.0f) * (static_cast<int>(below(401)) - 200);
    return all;
  }

  // Positive ones of a type.
  Bytes scales(int64_t count, Float type) {
    Bytes all(count * bytes_of(type));
    for (int64_t i = 0; i < count; ++i) {
      const uint32_t fraction = below(128);  // of a number from 2^-7 on
      const uint32_t bits = type == Float::f16 ? 8u << 10 | fraction << 3 : 120u << 7 | fraction;
      const uint32_t stored = type == Float::f32 ? bits << 16 : bits;
      std::memcpy(all.data() + i * bytes_of(type), &stored, bytes_of(type));
    }
    return all;
  }

 private:
  std::minstd_rand engine_;
};

void write_bits(Bytes& to, int64_t at, int count, uint32_t value) {
  for (int i = 0; i < count; ++i, ++at) {
    to[at / 8] &= static_cast<uint8_t>(~(1 << at % 8));
    to[at / 8] |= static_cast<uint8_t>((value >> i & 1) << at % 8);
  }
}

// Ascending places of the kept codes: the last ones that there are.
Bytes index_of(const Canonical& c) {
  const int bits = index_bits(c);
  const int64_t row = row_bytes(kept_per_row(c) * bits);
  Bytes index(c.outputs * row);
  for (int64_t n = 0; n < c.outputs; ++n) {
    int64_t at = n * row * 8;
    for (int64_t start = 0; start < c.in_features; start += c.period) {
      const int64_t size = std::min(c.period, c.in_features - start);
      const int64_t kept = std::min(c.kept, size);
      for (int64_t j = 0; j < kept; ++j, at += bits)
        write_bits(index, at, bits, static_cast<uint32_t>(size - kept + j));
    }
  }
  return index;
}

Bytes packed_at_random(const Format& f, const Size& size, Random& random) {
  Canonical c{.outputs = size.outputs, .in_features = size.in_features, .group = f.group,
              .kind = f.kind, .bits = f.bits, .is_signed = f.is_signed, .half = f.half,
              .zero = f.zero, .kept = f.kept, .period = f.period, .scale = f.scale,
              .shift = f.scale, .codes = {}, .index = {}, .zeros = {}, .scales = {},
              .shifts = {}, .values = {}, .base3 = f.base3};
  const Shape shape = shape_of(packed_layout(c));
  const int64_t row = row_bytes(kept_per_row(c) * c.bits);
  Bytes codes = random.bytes(c.outputs * row);
  if (f.kind == Kind::ternary)
    for (uint8_t& byte : codes) byte &= 0x55;  // 0 and 1: not -2
  const Bytes index = f.period ? index_of(c) : Bytes{};
  const Bytes zeros = f.zero == Zero::integer
                          ? random.bytes(c.outputs * row_bytes(shape.groups * c.bits)) : Bytes{};
  const Bytes scales = random.scales(c.outputs * shape.groups, f.scale);
  const Bytes shifts = f.zero == Zero::floating
                           ? random.scales(c.outputs * shape.groups, f.scale) : Bytes{};
  const auto span = [](const Bytes& bytes) {
    return Span<uint8_t>{bytes.data(), static_cast<int64_t>(bytes.size())};
  };
  c.codes = span(codes), c.index = span(index), c.zeros = span(zeros);
  c.scales = span(scales), c.shifts = span(shifts);
  Bytes to(shape.bytes);
  repack(c, to.data(), 2);
  return to;
}

template <class T>
void hold(const std::vector<T>& actual, const std::vector<T>& wanted, const std::string& how,
          Tally& tally) {
  ++tally.comparisons;
  for (size_t i = 0; i < actual.size(); ++i) {
    if (same(actual[i], wanted[i], nullptr)) continue;
    std::printf("grid %s: [%zu] is %.9g, not %.9g\n", how.c_str(), i, double(actual[i]),
                double(wanted[i]));
    ++tally.failures;
    return;
  }
}

struct Results {
  std::vector<float> values;
  std::vector<int32_t> sums;
};

// Rows of x are `stride` apart; what is asked of the output follows from the number of rows.
Results multiplied(const Weight& w, const Activations& a, int64_t rows, int64_t stride,
                   const std::vector<float>& x, const std::vector<float>& added, Isa isa,
                   int threads) {
  Results y{std::vector<float>(rows * w.outputs, -7.0f), {}};
  Output out{.values = y.values.data()};
  if (rows % 2) out.bias = added.data();
  if (rows % 3 == 0) out.residual = added.data();
  out.relu = rows % 4 == 0;
  linear(w, {x.data(), rows, stride}, a, out, isa, threads);
  if (floats(a)) return y;
  y.sums.assign(rows * w.groups * w.outputs, -7);
  linear(w, {x.data(), rows, stride}, a, {.values = nullptr, .sums = y.sums.data()}, isa, threads);
  return y;
}

void hold_products(const Weight& w, const std::string& how, Random& random, Tally& tally) {
  const int64_t rows = random.below(9), stride = w.in_features + random.below(3);
  const auto x = random.floats(rows ? (rows - 1) * stride + w.in_features : 0);
  const auto added = random.floats(std::max<int64_t>(rows, 1) * w.outputs);
  for (const Activations& a : kActivations) {
    const Results wanted = multiplied(w, a, rows, stride, x, added, Isa::scalar, 1);
    for (Isa isa : kIsas) {
      if (!supported(isa)) continue;
      const int threads = kThreads[random.below(2)];
      const Results y = multiplied(w, a, rows, stride, x, added, isa, threads);
      if (floats(a)) continue;
      hold(y.values, wanted.values, how + ", " + described(isa, threads), tally);
      hold(y.sums, wanted.sums, how + ", sums, " + described(isa, threads), tally);
    }
  }
}

void hold_codes(const Weight& packed, const std::string& how, Tally& tally) {
  Buffer<uint8_t> memory, other;
  for (int64_t block = 0; block < packed.blocks; ++block) {
    const Weight w = unfolded(packed, block, kernels(Isa::scalar), memory);
    for (int64_t g = 0; g < w.groups; ++g) {
      const Bytes none(w.panels_of(block) * w.steps_of(g) * kQuads * kVector);
      Bytes wanted = none;
      kernels(Isa::scalar).decode(w, block, g, wanted.data());
      for (Isa isa : kIsas) {
        if (!supported(isa)) continue;
        Bytes codes = none;
        kernels(isa).decode(unfolded(packed, block, kernels(isa), other), block, g, codes.data());
        hold(codes, wanted, how + ", codes, " + name(isa), tally);
      }
    }
  }
  std::vector<float> dense(packed.outputs * packed.in_features), row(packed.in_features);
  dequantize(packed, dense.data());
  const int64_t id = packed.outputs - 1;
  embedding(packed, &id, 1, row.data());
  hold(row, {dense.end() - packed.in_features, dense.end()}, how + ", a row", tally);
}

// Layers whose recurrent weight is [gates * hidden, hidden].
void hold_recurrences(int gates, Random& random, Tally& tally) {
  const int64_t hidden = 21, time = 3, batch = 2;
  const Bytes packed = packed_at_random(kFormats[6], {gates * hidden, hidden}, random);
  const Weight w = view(packed.data(), packed.size());
  const auto given = random.floats(time * batch * gates * hidden);
  const auto bias = random.floats(gates * hidden);
  std::vector<float> wanted;
  for (Isa isa : kIsas) {
    if (!supported(isa)) continue;
    std::vector<float> y(time * batch * hidden), h(batch * hidden), c(batch * hidden);
    const Activations a{ActivationKind::int8_token};
    if (gates == 4)
      lstm({time, batch, hidden, hidden, given.data(), y.data(), h.data(), c.data()}, w, nullptr,
           a, isa, 2);
    else
      gru({time, batch, hidden, given.data(), bias.data(), y.data(), h.data()}, w, a, isa, 2);
    if (wanted.empty()) wanted = y;
    hold(y, wanted, "recurrence of " + std::to_string(gates) + " gates, " + name(isa), tally);
  }
}

}  // namespace

void run_grid(Tally& tally) {
  Random random(1);
  int number = 0;
  for (const Format& format : kFormats) {
    for (const Size& size : kSizes) {
      const Bytes packed = packed_at_random(format, size, random);
      const Weight w = view(packed.data(), packed.size());
      const std::string how = "format " + std::to_string(number) + " [" +
                              std::to_string(size.outputs) + ", " +
                              std::to_string(size.in_features) + "]";
      hold_products(w, how, random, tally);
      hold_codes(w, how, tally);
    }
    ++number;
  }
  hold_recurrences(4, random, tally);
  hold_recurrences(3, random, tally);
}

}  // namespace qdsl
