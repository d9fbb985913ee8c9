// Reads the words and tensors that say how values are rounded.
#include "bindings/rounding.h"

#include <string>
#include <string_view>

#include "bindings/bindings.h"
#include "bindings/tensor.h"

namespace qdsl {
namespace {

struct Codes {
  float lowest, highest;
};

[[noreturn]] void refuse(std::string_view word) {
  throw nb::key_error(("activations are not `" + std::string(word) + "`").c_str());
}

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

// Of (u)int[2..8]_static(_full): without `full` signed codes are symmetric.
Codes codes_of(std::string_view word) {
  std::string_view rest = word;
  const bool without_sign = take(rest, "u");
  if (!take(rest, "int") || rest.empty() || rest[0] < '2' || rest[0] > '8') refuse(word);
  const int bits = rest[0] - '0';
  rest.remove_prefix(1);
  const bool full = rest == "_static_full";
  if ((rest != "_static" && !full) || (full && without_sign)) refuse(word);
  if (without_sign) return {0, static_cast<float>((1 << bits) - 1)};
  const auto highest = static_cast<float>((1 << (bits - 1)) - 1);
  return {-highest - full, highest};
}

float number(nb::handle tensor, const char* name) {
  const Tensor given(tensor, Dtype::float32, name);
  expect(given.elements() == 1, "a static range has one scale and one zero");
  return *given.data<float>();
}

}  // namespace

FixedRange fixed_range(float scale, float zero, float lowest, float highest) {
  expect(lowest >= -128 && highest <= 255 && lowest <= zero && zero <= highest &&
             highest - lowest <= 255,
         "a range of codes is one of at most 8 bits that holds its zero");
  return {scale, zero, lowest, highest};
}

GivenRounding::GivenRounding(nb::str activations, nb::handle scale, nb::handle zero) {
  const std::string_view word = activations.c_str();
  shared_ = word == "int8_tensor";
  if (shared_ || word == "int8_token") return;
  const Codes codes = codes_of(word);
  expect(!scale.is_none(), "a static range needs its scale");
  range_ = fixed_range(number(scale, "scale"), zero.is_none() ? 0 : number(zero, "zero"),
                       codes.lowest, codes.highest);
}

}  // namespace qdsl
