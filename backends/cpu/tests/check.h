// Declares the families of stored cases and how a result is compared.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

#include "cases.h"
#include "isa.h"
#include "linear.h"

namespace qdsl {

inline constexpr int kThreads[] = {1, 3};

struct Tally {
  int64_t comparisons = 0, failures = 0;
};

// Each computes the results of a case by one instruction set and compares them.
void run_linear(const Case& c, Isa isa, Tally& tally);
void run_lstm(const Case& c, Isa isa, Tally& tally);
void run_gru(const Case& c, Isa isa, Tally& tally);
void run_embedding(const Case& c, Isa isa, Tally& tally);
void run_integer(const Case& c, Isa isa, Tally& tally);
void run_matmul(const Case& c, Isa isa, Tally& tally);
void run_round(const Case& c, Isa isa, Tally& tally);

// The weight in the arrays prefix.{numbers, codes, index, zeros, scales, shifts}, as kernels read
// it; numbers are those of `Canonical`, in its order.
std::vector<uint8_t> packed(const Case& c, const std::string& prefix);

// A static range is the array `range`: scale, zero, lowest and highest code.
Activations activations_of(const Case& c, ActivationKind kind);

inline std::string described(Isa isa, int threads) {
  return std::string(name(isa)) + ", " + std::to_string(threads) + " threads";
}

template <class T>
bool same(T actual, T wanted, const float* bound) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(actual) || std::isnan(wanted)) return std::isnan(actual) && std::isnan(wanted);
    if (bound) return std::fabs(double{actual} - wanted) <= *bound;
  }
  return std::memcmp(&actual, &wanted, sizeof(T)) == 0;
}

// Compares the first values of the array `name`; its bounds, if any, are `name`.bound.
template <class T>
void compare(const Case& c, const std::string& name, const std::vector<T>& actual,
             const std::string& how, Tally& tally) {
  const T* wanted = c[name].as<T>();
  const float* bounds = c.data<float>(name + ".bound");
  ++tally.comparisons;
  for (size_t i = 0; i < actual.size(); ++i) {
    if (same(actual[i], wanted[i], bounds ? bounds + i : nullptr)) continue;
    std::printf("%s %s %s: [%zu] is %.9g, not %.9g\n", c.operation.c_str(), c.name.c_str(),
                how.c_str(), i, double(actual[i]), double(wanted[i]));
    ++tally.failures;
    return;
  }
}

}  // namespace qdsl
