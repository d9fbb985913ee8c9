// Rounds activations and pads their groups to whole steps.
#include "tokens.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace qdsl {
namespace {

constexpr uint32_t kInfinity = 0x7f800000;

struct Scale {
  float step;        // of one code; NaN where a value is not finite
  float multiplier;  // 127 / largest, 0 where that is not finite: all codes are 0
};

Scale scale_of(uint32_t largest) {
  if (largest >= kInfinity) return {std::numeric_limits<float>::quiet_NaN(), 0};
  const float top = std::bit_cast<float>(largest);
  const float multiplier = 127.0f / top;
  return {top / 127.0f, std::isfinite(multiplier) ? multiplier : 0};
}

}  // namespace

Preparation::Preparation(const Weight& w, const Kernels& k, const Activations& a, const Input& x)
    : w_(w), kernels_(k), activations_(a), x_(x) {
  if (a.kind == ActivationKind::fixed) {
    fixed_ = {a.scale, a.zero, a.lowest, a.highest, a.zero};
    if (a.lowest - a.zero < -128 || a.highest - a.zero > 127) {
      fixed_.origin = a.lowest + 128;
      offset_ = fixed_.origin - a.zero;
    }
  }
  if (a.kind == ActivationKind::int8_tensor)
    for (int64_t row = 0; row < x.rows; ++row)
      shared_ = std::max(shared_, k.largest(x.values + row * x.stride, w.in_features));
  rounds_ = a.kind == ActivationKind::bf16;
  // values of a codebook are no bf16
  halves_ = rounds_ && k.linear_bf16 && !w.values;
}

bool Preparation::integer() const {
  return activations_.kind != ActivationKind::f32 && !rounds_;
}

LinearKernel Preparation::kernel(const Kernels& k) const {
  return integer() ? k.linear_int8 : halves_ ? k.linear_bf16 : k.linear_f32;
}

int64_t Preparation::row_bytes() const { return stride() * (integer() ? 1 : halves_ ? 2 : 4); }

int64_t Preparation::largest_code() const {
  if (activations_.kind != ActivationKind::fixed) return 127;
  return std::max(activations_.zero - activations_.lowest,
                  activations_.highest - activations_.zero) + std::abs(offset_);
}

// A line more than the row: rows a power of two apart would share few sets of a cache.
int64_t Preparation::stride() const {
  return w_.padded() + kVector / (integer() ? 1 : halves_ ? 2 : 4);
}

Tokens Preparation::room(int64_t rows, TokenMemory& memory) const {
  Tokens tokens{.rows = rows, .stride = stride(), .codes = nullptr, .scales = nullptr,
                .sums = nullptr, .offset = offset_, .ones = nullptr, .values = nullptr,
                .halves = nullptr, .value_sums = nullptr};
  if (!integer()) {
    if (halves_) tokens.halves = memory.halves.room(rows * stride());
    else tokens.values = memory.values.room(rows * stride());
    if (w_.zero == Zero::floating) tokens.value_sums = memory.value_sums.room(rows * w_.groups);
    return tokens;
  }
  tokens.codes = memory.codes.room(rows * stride());
  tokens.scales = memory.scales.room(rows);
  tokens.sums = memory.sums.room(rows * w_.groups);
  if (!offset_) return tokens;
  int8_t* ones = memory.ones.room(w_.padded());
  tokens.ones = ones;
  for (int64_t g = 0; g < w_.groups; ++g, ones += w_.group_steps * kStep) {
    std::memset(ones, 0, w_.steps_of(g) * kStep);
    std::memset(ones, 1, w_.group_size(g));
  }
  return tokens;
}

void Preparation::fill(const Tokens& tokens, int64_t from, int64_t first, int64_t last) const {
  for (int64_t row = first; row < last; ++row) {
    const float* x = x_.values + (from + row) * x_.stride;
    if (integer()) quantize(tokens, row, x);
    else copy(tokens, row, x);
  }
}

void Preparation::quantize(const Tokens& tokens, int64_t row, const float* x) const {
  auto* codes = const_cast<int8_t*>(tokens.codes) + row * tokens.stride;
  auto* sums = const_cast<int32_t*>(tokens.sums) + row * w_.groups;
  const bool is_fixed = activations_.kind == ActivationKind::fixed;
  const bool is_shared = activations_.kind == ActivationKind::int8_tensor;
  Scale scale{activations_.scale, 0};
  if (!is_fixed) scale = scale_of(is_shared ? shared_ : kernels_.largest(x, w_.in_features));
  bool bad = false;
  for (int64_t g = 0; g < w_.groups; ++g) {
    const int64_t size = w_.group_size(g), padded = w_.steps_of(g) * kStep;
    std::memset(codes + size, 0, padded - size);
    if (is_fixed) {
      sums[g] = kernels_.fix(x, size, fixed_, codes, bad);
    } else if (scale.multiplier > 0) {
      sums[g] = kernels_.round(x, size, scale.multiplier, codes);
    } else {
      sums[g] = 0;
      std::memset(codes, 0, size);
    }
    x += size;
    codes += padded;
  }
  const_cast<float*>(tokens.scales)[row] =
      bad ? std::numeric_limits<float>::quiet_NaN() : scale.step;
}

void Preparation::copy(const Tokens& tokens, int64_t row, const float* x) const {
  auto* values = const_cast<float*>(tokens.values) + row * tokens.stride;
  auto* halves = const_cast<uint16_t*>(tokens.halves) + row * tokens.stride;
  for (int64_t g = 0; g < w_.groups; ++g) {
    const int64_t size = w_.group_size(g), padded = w_.steps_of(g) * kStep;
    if (tokens.value_sums) {
      double sum = 0;
      for (int64_t k = 0; k < size; ++k) sum += rounds_ ? to_bf16(x[k]) : x[k];
      const_cast<float*>(tokens.value_sums)[row * w_.groups + g] = static_cast<float>(sum);
    }
    if (halves_) {
      kernels_.halve(x, size, halves);
      const int64_t whole = (size + kStep - 1) / kStep * kStep;
      halves = std::fill_n(halves + whole, padded - whole, uint16_t{0});
    } else {
      if (rounds_) std::transform(x, x + size, values, to_bf16);
      else std::copy_n(x, size, values);
      values = std::fill_n(values + size, padded - size, 0.0f);
    }
    x += size;
  }
}

}  // namespace qdsl
