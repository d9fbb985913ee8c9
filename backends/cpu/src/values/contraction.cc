// Takes an equation apart into the axes of a product of matrices.
#include "values/contraction.h"

#include <algorithm>
#include <stdexcept>

namespace qdsl {
namespace {

constexpr auto kAbsent = std::string_view::npos;

void expect(bool holds, const char* otherwise) {
  if (!holds) throw std::invalid_argument(otherwise);
}

bool repeats(std::string_view letters) {
  for (size_t i = 0; i < letters.size(); ++i)
    if (letters.find(letters[i], i + 1) != kAbsent) return true;
  return false;
}

int64_t stride(const Strided& tensor, size_t at) {
  return at == kAbsent ? 0 : tensor.strides[at];
}

// The axis `letter`, without its stride in the result.
Axis axis_of(char letter, const Equation& e, const Strided& x, const Strided& y, bool entries) {
  const size_t in_x = e.x.find(letter), in_y = e.y.find(letter);
  const int64_t size = in_x == kAbsent ? y.sizes[in_y] : x.sizes[in_x];
  expect(in_x == kAbsent || in_y == kAbsent || y.sizes[in_y] == size,
         "an axis has two sizes");
  return {.size = size, .x = stride(x, in_x), .y = stride(y, in_y), .out = 0,
          .x_scales = entries && in_x == 0, .y_scales = entries && in_y == 0};
}

// The equation, every letter of which is an axis of those tensors.
Equation fitting(std::string_view equation, const Strided& x, const Strided& y) {
  const Equation e = parse(equation);
  expect(e.x.size() == x.sizes.size() && e.y.size() == y.sizes.size(),
         "an equation names the axes of its operands");
  expect(e.result.size() <= 2 * kMostAxes, "a product of tensors has too many axes");
  for (char letter : e.result)
    expect(e.x.find(letter) != kAbsent || e.y.find(letter) != kAbsent,
           "an axis of the result is in neither operand");
  return e;
}

bool continues(const Axis& outer, const Axis& inner) {
  for (auto of : {&Axis::x, &Axis::y, &Axis::out, &Axis::x_scales, &Axis::y_scales})
    if (outer.*of != inner.*of * inner.size) return false;
  return true;
}

}  // namespace

int64_t Axes::size() const {
  int64_t size = 1;
  for (int i = 0; i < count; ++i) size *= axis[i].size;
  return size;
}

int64_t Axes::offset(int64_t i, int64_t Axis::* of) const {
  if (count == 1) return i * (axis[0].*of);
  int64_t offset = 0;
  for (int a = count - 1; a >= 0; --a) {
    offset += i % axis[a].size * (axis[a].*of);
    i /= axis[a].size;
  }
  return offset;
}

bool Axes::contiguous(int64_t Axis::* of) const {
  return count == 0 || (count == 1 && axis[0].*of == 1);
}

void Axes::add(const Axis& next) {
  if (next.size == 1) return;
  if (count > 0 && continues(axis[count - 1], next)) {
    const int64_t size = axis[count - 1].size * next.size;
    axis[count - 1] = next;
    axis[count - 1].size = size;
    return;
  }
  expect(count < kMostAxes, "a product of tensors has at most 24 axes of one role");
  axis[count++] = next;
}

Equation parse(std::string_view equation) {
  const size_t comma = equation.find(','), arrow = equation.find("->");
  expect(comma != kAbsent && arrow != kAbsent && comma < arrow,
         "an equation of two tensors is written `bthd,bshd->bhts`");
  const Equation e{equation.substr(0, comma), equation.substr(comma + 1, arrow - comma - 1),
                   equation.substr(arrow + 2)};
  expect(!repeats(e.x) && !repeats(e.y) && !repeats(e.result),
         "an axis occurs twice in a term of an equation");
  return e;
}

int result_shape(std::string_view equation, const Strided& x, const Strided& y, int64_t* shape) {
  const Equation e = fitting(equation, x, y);
  for (size_t i = 0; i < e.result.size(); ++i) shape[i] = axis_of(e.result[i], e, x, y, false).size;
  return static_cast<int>(e.result.size());
}

int64_t entries(const Strided& operand, std::string_view letters, std::string_view result) {
  return !letters.empty() && result.find(letters[0]) != kAbsent ? operand.sizes[0] : 1;
}

Contraction contraction(std::string_view equation, const Strided& x, const Strided& y,
                        bool entries) {
  const Equation e = fitting(equation, x, y);
  Axis kept[2 * kMostAxes];
  int64_t out = 1;
  for (size_t i = e.result.size(); i-- > 0;) {
    kept[i] = axis_of(e.result[i], e, x, y, entries);
    kept[i].out = out;
    out *= kept[i].size;
  }
  Contraction found;
  for (size_t i = 0; i < e.result.size(); ++i) {
    const bool in_x = e.x.find(e.result[i]) != kAbsent, in_y = e.y.find(e.result[i]) != kAbsent;
    (in_x && in_y ? found.batch : in_x ? found.rows : found.columns).add(kept[i]);
  }
  for (char letter : e.x)
    if (e.result.find(letter) == kAbsent) found.summed.add(axis_of(letter, e, x, y, false));
  for (char letter : e.y)
    if (e.result.find(letter) == kAbsent && e.x.find(letter) == kAbsent)
      found.summed.add(axis_of(letter, e, x, y, false));
  return found;
}

}  // namespace qdsl
