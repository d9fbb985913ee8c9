// Computes stored recurrences.
#include "lstm.h"

#include "check.h"
#include "gru.h"

namespace qdsl {
namespace {

std::vector<float> copy(const Array& array) {
  return {array.as<float>(), array.as<float>() + array.count};
}

}  // namespace

// Inputs gates, h, c; results outputs, last_h, last_c; `state` is a number of Activations.
void run_lstm(const Case& c, Isa isa, Tally& tally) {
  const std::vector<uint8_t> bytes = packed(c, "recurrent");
  const Weight recurrent = view(bytes.data(), bytes.size());
  std::vector<uint8_t> more;
  if (c.has("projection.numbers")) more = packed(c, "projection");
  const Weight projection = more.empty() ? Weight{} : view(more.data(), more.size());
  const std::vector<int64_t>& shape = c["gates"].shape;
  for (int threads : kThreads) {
    std::vector<float> h = copy(c["h"]), cells = copy(c["c"]), outputs(c["outputs"].count);
    const Sequence sequence{shape[0], shape[1], shape[2] / 4, c["h"].shape[1],
                            c["gates"].as<float>(), outputs.data(), h.data(), cells.data()};
    lstm(sequence, recurrent, more.empty() ? nullptr : &projection,
         activations_of(c, static_cast<ActivationKind>(*c["state"].as<int64_t>())), isa, threads);
    const std::string how = described(isa, threads);
    compare(c, "outputs", outputs, how, tally);
    compare(c, "last_h", h, how, tally);
    compare(c, "last_c", cells, how, tally);
  }
}

// Inputs gates, h, bias, state; results outputs, last_h.
void run_gru(const Case& c, Isa isa, Tally& tally) {
  const std::vector<uint8_t> bytes = packed(c, "recurrent");
  const Weight recurrent = view(bytes.data(), bytes.size());
  const std::vector<int64_t>& shape = c["gates"].shape;
  const auto state = static_cast<ActivationKind>(*c["state"].as<int64_t>());
  for (int threads : kThreads) {
    std::vector<float> h = copy(c["h"]), outputs(c["outputs"].count);
    gru({shape[0], shape[1], shape[2] / 3, c["gates"].as<float>(), c["bias"].as<float>(),
         outputs.data(), h.data()},
        recurrent, activations_of(c, state), isa, threads);
    compare(c, "outputs", outputs, described(isa, threads), tally);
    compare(c, "last_h", h, described(isa, threads), tally);
  }
}

}  // namespace qdsl
