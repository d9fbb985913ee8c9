// Reads rows of a packed table as int16 codes.
#include "integer/embedding.h"

#include <stdexcept>
#include <string>
#include <vector>

#include "integer/rounding.h"
#include "kernels/scalar_codes.h"

namespace qdsl {

void integer_embedding(const Weight& w, const int64_t* ids, int64_t count,
                       const GroupMultiplier& by, int16_t* y) {
  std::vector<uint8_t> codes(w.group_steps * kStep);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t row = ids[i];
    if (row < 0 || row >= w.outputs)
      throw std::out_of_range("row " + std::to_string(row) + " of a table of " +
                              std::to_string(w.outputs));
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
