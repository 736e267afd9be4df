// Shape checks, axis arithmetic and the broadcasting rule.
#include "headlight/base/shape.h"

#include <ostream>

#include "headlight/base/error.h"

namespace headlight {

Shape::Shape(const Index* sizes, int rank) {
  if (rank < 0 || rank > kMaxRank) fail("shape: rank ", rank, " is out of range; use 0 to ", kMaxRank, " sizes");
  rank_ = rank;
  Index elements = 1;  // skips zeros, so that [0, 2^60] is an error too
  for (int i = 0; i < rank; ++i) {
    const Index size = sizes[i];
    if (size < 0) fail("shape: size ", size, " of axis ", i, " is negative; use 0 or more");
    if (size > 0 && elements > kMaxElements / size) fail("shape: more than 2^40 elements; use smaller sizes");
    if (size > 0) elements *= size;
    sizes_[static_cast<std::size_t>(i)] = size;
  }
}

Index Shape::numel() const {
  Index n = 1;
  for (int i = 0; i < rank_; ++i) n *= sizes_[static_cast<std::size_t>(i)];
  return n;
}

int Shape::axis_index(int axis) const {
  const int index = axis < 0 ? axis + rank_ : axis;
  if (index < 0 || index >= rank_) fail("axis ", axis, " is outside the shape ", *this);
  return index;
}

Shape Shape::with(int axis, Index size) const {
  Shape changed = *this;
  changed.sizes_[static_cast<std::size_t>(axis_index(axis))] = size;
  return Shape(changed.sizes_.data(), rank_);
}

Shape Shape::without(int axis) const {
  Shape shorter;
  const int dropped = axis_index(axis);
  for (int i = 0; i < rank_; ++i)
    if (i != dropped) shorter.sizes_[static_cast<std::size_t>(shorter.rank_++)] = sizes_[static_cast<std::size_t>(i)];
  return shorter;
}

Index Shape::outer(int axis) const {
  Index n = 1;
  for (int i = 0, end = axis_index(axis); i < end; ++i) n *= sizes_[static_cast<std::size_t>(i)];
  return n;
}

Index Shape::inner(int axis) const {
  Index n = 1;
  for (int i = axis_index(axis) + 1; i < rank_; ++i) n *= sizes_[static_cast<std::size_t>(i)];
  return n;
}

std::string to_text(const Shape& shape) {
  std::string text = "[";
  for (int i = 0; i < shape.rank(); ++i) text += cat(i ? "," : "", shape[i]);
  return text + "]";
}

std::ostream& operator<<(std::ostream& out, const Shape& shape) { return out << to_text(shape); }

Shape broadcast(const Shape& a, const Shape& b, const char* operation) {
  const int rank = a.rank() > b.rank() ? a.rank() : b.rank();
  std::array<Index, Shape::kMaxRank> sizes{};
  for (int i = 1; i <= rank; ++i) {
    const Index from_a = i <= a.rank() ? a[-i] : 1;
    const Index from_b = i <= b.rank() ? b[-i] : 1;
    if (from_a != from_b && from_a != 1 && from_b != 1)
      fail(operation, ": shapes do not broadcast: ", a, " and ", b, " (axis -", i, ": ", from_a, " and ", from_b, ")");
    sizes[static_cast<std::size_t>(rank - i)] = from_a == 1 ? from_b : from_a;
  }
  return Shape(sizes.data(), rank);
}

}  // namespace headlight
