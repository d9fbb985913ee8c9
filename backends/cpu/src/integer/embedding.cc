// Reads rows of a packed table as int16 codes.
#include "integer/embedding.h"

#include <stdexcept>
#include <string>
#include <vector>

#include "base3.h"
#include "integer/rounding.h"
#include "kernels/scalar_codes.h"

namespace qdsl {

void integer_embedding(const Weight& packed, const int64_t* ids, int64_t count,
                       const GroupMultiplier& by, int16_t* y) {
  std::vector<uint8_t> codes(packed.group_steps * kStep);
  Buffer<uint8_t> block;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t row = ids[i];
    if (row < 0 || row >= packed.outputs)
      throw std::out_of_range("row " + std::to_string(row) + " of a table of " +
                              std::to_string(packed.outputs));
    const Weight w = unfolded(packed, row / kBlock, kernels(default_isa()), block);
    const Shift shift = shift_of(by.shift[row]);
    for (int64_t g = 0; g < w.groups; ++g) {
      const int32_t centre = entry(w, row / kBlock, g, row % kBlock).centre;
      const int64_t mantissa = by.mantissa[row * by.row + g];
      read_group(w, row, g, centre, codes.data());
      for (int64_t k = 0; k < w.group_size(g); ++k)
        *y++ = wide(shifted((codes[k] - centre) * mantissa, shift));
    }
  }
}

}  // namespace qdsl
