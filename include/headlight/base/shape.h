// The shape of a tensor: up to four sizes, row-major. [] is a scalar with one element. A size may be 0.
#pragma once

#include <array>
#include <cstddef>
#include <initializer_list>
#include <iosfwd>
#include <string>

#include "headlight/base/index.h"

namespace headlight {

class Shape {
 public:
  static constexpr int kMaxRank = 4;
  // Larger than any machine's memory; limits sizes so that index arithmetic cannot overflow.
  static constexpr Index kMaxElements = Index{1} << 40;

  Shape() = default;
  // Errors: more than four sizes, a negative size, more than kMaxElements elements.
  Shape(std::initializer_list<Index> sizes) : Shape(sizes.begin(), static_cast<int>(sizes.size())) {}
  Shape(const Index* sizes, int rank);

  int rank() const { return rank_; }
  // Number of elements: the product of the sizes, 1 for a scalar.
  Index numel() const;

  // Size along an axis; -1 is the last one. Error: no such axis.
  Index operator[](int axis) const { return sizes_[static_cast<std::size_t>(axis_index(axis))]; }
  // Converts an axis that may be counted from the end (-1 is the last) to 0..rank-1. Error: no such axis.
  int axis_index(int axis) const;
  // The same shape with another size along one axis, or without that axis. Error: no such axis.
  Shape with(int axis, Index size) const;
  Shape without(int axis) const;
  // Products of the sizes before (outer) and after (inner) an axis: the tensor viewed as [outer, size, inner].
  Index outer(int axis) const;
  Index inner(int axis) const;

  friend bool operator==(const Shape& a, const Shape& b) {
    if (a.rank_ != b.rank_) return false;
    for (std::size_t i = 0; i < static_cast<std::size_t>(a.rank_); ++i)
      if (a.sizes_[i] != b.sizes_[i]) return false;
    return true;
  }

 private:
  std::array<Index, kMaxRank> sizes_{};
  int rank_ = 0;
};

// "[8,16,64]"
std::string to_text(const Shape& shape);
std::ostream& operator<<(std::ostream& out, const Shape& shape);

// NumPy's broadcasting rule: align the shapes at the right; sizes must be equal or one of them 1. The error names
// `operation` and both shapes.
Shape broadcast(const Shape& a, const Shape& b, const char* operation);

}  // namespace headlight
