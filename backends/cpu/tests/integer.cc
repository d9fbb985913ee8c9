// Computes stored integer arithmetic.
#include <map>

#include "check.h"
#include "integer/run.h"

namespace qdsl {
namespace {

const std::map<std::string, Unary> kUnary = {
    {"requantize", Unary::requantize}, {"table", Unary::table}, {"sigmoid", Unary::sigmoid},
    {"tanh", Unary::tanh},             {"silu", Unary::silu},   {"gelu", Unary::gelu}};
const std::map<std::string, Binary> kBinary = {{"add", Binary::add},
                                               {"multiply", Binary::multiply},
                                               {"divide", Binary::divide},
                                               {"glu", Binary::glu},
                                               {"glu_polynomial", Binary::glu_polynomial}};
const std::map<std::string, Rows> kRows = {{"softmax", Rows::softmax},
                                           {"softmax_polynomial", Rows::softmax_polynomial},
                                           {"layer_norm", Rows::layer_norm},
                                           {"scale_and_shift", Rows::scale_and_shift}};

Constants constants(const Case& c) {
  const auto multiplier = [&](const std::string& name) {
    return Multiplier{c.data<int32_t>(name + ".mantissa"), c.data<int32_t>(name + ".shift")};
  };
  const auto* number = c.data<int64_t>("number");
  return {multiplier("by"), multiplier("argument"), c.data<uint8_t>("table"),
          c.data<int32_t>("offset"), number ? *number : 0};
}

std::vector<int64_t> numbers(const Array& array) {
  return {array.as<int64_t>(), array.as<int64_t>() + array.count};
}

void compute(const Case& c, Running running, int16_t* y) {
  const Constants given = constants(c);
  const Array& x = c["x"];
  const auto* codes = x.as<int16_t>();
  if (kUnary.contains(c.name)) {
    unary(kUnary.at(c.name), codes, x.count, given, y, running);
  } else if (kBinary.contains(c.name)) {
    binary(kBinary.at(c.name), c["y"].shape, {codes, numbers(c["x.strides"])},
           {c["b"].as<int16_t>(), numbers(c["b.strides"])}, given, y, running);
  } else if (kRows.contains(c.name)) {
    on_rows(kRows.at(c.name), codes, x.shape[0], x.shape[1], given, y, running);
  } else if (c.name == "from_integers") {
    from_integers(x.as<int64_t>(), x.count, given, y, running);
  } else {  // sum, mean, pool_mean
    const std::vector<int64_t> w = numbers(c["windows"]);
    reduce(codes, x.shape[0], {w[0], w[1], w[2], w[3], w[4]}, given, y, running);
  }
}

}  // namespace

// Input x and constants, result y.
void run_integer(const Case& c, Isa isa, Tally& tally) {
  for (int threads : kThreads) {
    std::vector<int16_t> y(c["y"].count, -7);
    compute(c, {isa, threads}, y.data());
    compare(c, "y", y, described(isa, threads), tally);
  }
}

}  // namespace qdsl
