// Reductions over several axes: the axes are moved to the end and merged into one, which is reduced.
#include <array>

#include "ops/common.h"

namespace headlight {

namespace {

using Axes = std::initializer_list<int>;

// Which axes of x are reduced.
std::array<bool, Shape::kMaxRank> reduced_axes(const char* operation, const Tensor& x, Axes axes) {
  if (axes.size() == 0) fail(operation, ": no axes to reduce; name at least one");
  std::array<bool, Shape::kMaxRank> reduced{};
  for (const int given : axes) {
    const auto axis = static_cast<std::size_t>(axis_of(operation, x, given));
    if (reduced[axis]) fail(operation, ": axis ", given, " of ", x.shape(), " is given twice");
    reduced[axis] = true;
  }
  return reduced;
}

// `empty`: whether the reduction of no elements is defined.
template <class Reduce>
Tensor over_axes(const char* operation, const Tensor& x, Axes axes, bool keep, bool empty, const Reduce& reduce) {
  const auto reduced = reduced_axes(operation, x, axes);
  std::array<int, Shape::kMaxRank> order{};
  std::array<Index, Shape::kMaxRank> merged{}, kept{};
  std::size_t left = 0, result = 0;
  Index elements = 1;
  for (int axis = 0; axis < x.rank(); ++axis) {
    const bool gone = reduced[static_cast<std::size_t>(axis)];
    if (gone) elements *= x.size(axis);
    else order[left] = axis, merged[left++] = x.size(axis);
    if (!gone || keep) kept[result++] = gone ? 1 : x.size(axis);
  }
  if (elements == 0 && !empty) fail(operation, ": axes of ", x.shape(), " are empty");
  std::size_t at = left;
  for (int axis = 0; axis < x.rank(); ++axis)
    if (reduced[static_cast<std::size_t>(axis)]) order[at++] = axis;
  Tensor moved = x;
  if (x.rank() == 2) moved = permute(x, {order[0], order[1]});
  if (x.rank() == 3) moved = permute(x, {order[0], order[1], order[2]});
  if (x.rank() == 4) moved = permute(x, {order[0], order[1], order[2], order[3]});
  merged[left] = elements;
  return reshape(reduce(reshape(moved, Shape(merged.data(), static_cast<int>(left) + 1))),
                 Shape(kept.data(), static_cast<int>(result)));
}

}  // namespace

Tensor sum(const Tensor& x, Axes axes, bool keep) {
  return over_axes("sum", x, axes, keep, true, [](const Tensor& rows) { return sum(rows, -1); });
}
Tensor mean(const Tensor& x, Axes axes, bool keep) {
  return over_axes("mean", x, axes, keep, false, [](const Tensor& rows) { return mean(rows, -1); });
}
Tensor max(const Tensor& x, Axes axes, bool keep) {
  return over_axes("max", x, axes, keep, false, [](const Tensor& rows) { return max(rows, -1); });
}
Tensor min(const Tensor& x, Axes axes, bool keep) {
  return over_axes("min", x, axes, keep, false, [](const Tensor& rows) { return min(rows, -1); });
}
Tensor logsumexp(const Tensor& x, Axes axes, bool keep) {
  return over_axes("logsumexp", x, axes, keep, true, [](const Tensor& rows) { return logsumexp(rows, -1); });
}
Tensor var(const Tensor& x, Axes axes, bool keep, Index correction) {
  return over_axes("var", x, axes, keep, false, [=](const Tensor& rows) { return var(rows, -1, false, correction); });
}

}  // namespace headlight
