// Computes stored products of rounded tensors, and stored roundings.
#include <optional>

#include "check.h"
#include "values/product.h"
#include "values/round.h"

namespace qdsl {
namespace {

std::optional<FixedRange> range(const Case& c, const std::string& name) {
  const float* r = c.data<float>(name);  // scale, zero, lowest and highest code
  if (!r) return std::nullopt;
  return FixedRange{r[0], r[1], r[2], r[3]};
}

Strided strided(const Array& values, const Array& strides) {
  return {values.as<float>(), values.shape, {strides.as<int64_t>(), values.shape.size()}};
}

}  // namespace

// Inputs x, y of some strides; result out. The name of the case is the equation.
void run_matmul(const Case& c, Isa isa, Tally& tally) {
  const std::optional<FixedRange> left = range(c, "left"), right = range(c, "right");
  const bool shared = c.has("shared");
  for (int threads : kThreads) {
    std::vector<float> out(c["out"].count, -7.0f);
    product(c.name, strided(c["x"], c["x.strides"]), strided(c["y"], c["y.strides"]),
            {left ? &*left : nullptr, shared}, {right ? &*right : nullptr, shared}, out.data(), isa,
            threads);
    compare(c, "out", out, described(isa, threads), tally);
  }
}

// Input x [rows, width], result y.
void run_round(const Case& c, Isa isa, Tally& tally) {
  const std::optional<FixedRange> own = range(c, "range");
  const Array& x = c["x"];
  for (int threads : kThreads) {
    std::vector<float> y(x.count, -7.0f);
    round_rows(x.as<float>(), x.shape[0], x.shape[1], {own ? &*own : nullptr, c.has("shared")},
               y.data(), isa, threads);
    compare(c, "y", y, described(isa, threads), tally);
  }
}

}  // namespace qdsl
