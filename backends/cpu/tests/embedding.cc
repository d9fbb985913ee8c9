// Computes stored rows of tables, which have one kernel for all instruction sets.
#include "check.h"
#include "dequantize.h"

namespace qdsl {

// Inputs ids; results rows, dense.
void run_embedding(const Case& c, Isa isa, Tally& tally) {
  if (isa != Isa::scalar) return;
  const std::vector<uint8_t> bytes = packed(c, "weight");
  const Weight w = view(bytes.data(), bytes.size());
  std::vector<float> rows(c["rows"].count), dense(c["dense"].count);
  embedding(w, c["ids"].as<int64_t>(), c["ids"].count, rows.data());
  dequantize(w, dense.data());
  compare(c, "rows", rows, "embedding", tally);
  compare(c, "dense", dense, "dequantize", tally);
}

}  // namespace qdsl
