// Cross-entropy with class weights w, label smoothing s, a chosen class axis, ignored target and reduction. For one row
// with target t, V classes, p = softmax(x) and W = sum_i w_i:
//   loss = (1 - s) w_t (-log p_t) + s/V sum_i w_i (-log p_i)
//   dx_j = (1 - s) w_t (p_j - [j = t]) + s/V (W p_j - w_j)
// The mean divides the sum of the losses by the sum of w_t over the targets that are not ignored.
#include <cmath>

#include "ops/common.h"

namespace headlight {

namespace {

Shape check(const Tensor& logits, std::span<const std::int32_t> targets, const CrossEntropyOptions& o) {
  const int axis = axis_of("cross_entropy", logits, o.axis);
  const Index classes = logits.size(axis);
  if (classes == 0) fail("cross_entropy: logits ", logits.shape(), " have no classes");
  if (!(o.label_smoothing >= 0 && o.label_smoothing <= 1))
    fail("cross_entropy: label_smoothing ", o.label_smoothing, " is outside [0, 1]");
  const Shape rows = logits.shape().without(axis);
  if (static_cast<Index>(targets.size()) != rows.numel())
    fail("cross_entropy: ", targets.size(), " targets for logits ", logits.shape(), " with the classes on axis ", axis,
         "; pass one target per row");
  for (std::size_t r = 0; r < targets.size(); ++r)
    if (targets[r] != o.ignored && (targets[r] < 0 || targets[r] >= classes))
      fail("cross_entropy: target ", targets[r], " at position ", r, " is outside 0 to ", classes - 1, " (", o.ignored,
           " is ignored)");
  if (o.weights.defined()) {
    check_same_dtype("cross_entropy", logits, o.weights);
    if (!(o.weights.shape() == Shape{classes}))
      fail("cross_entropy: weights are ", o.weights.shape(), " and should be [", classes, "]");
  }
  return rows;
}

// The logits as [rows,V], recorded.
Tensor class_rows(const Tensor& logits, int axis) {
  axis = logits.shape().axis_index(axis);
  const Shape shape = logits.shape();
  const Index classes = shape[axis], inner = shape.inner(axis), rows = shape.outer(axis) * inner;
  if (inner == 1) return reshape(logits, Shape{rows, classes});
  return reshape(transpose(reshape(logits, Shape{shape.outer(axis), classes, inner})), Shape{rows, classes});
}

struct Plan {
  PoolVector<std::int32_t> targets;
  Tensor weights;  // [V]
  double total_weight = 0, smoothing = 0, divisor = 1;
  std::int32_t ignored = 0;
  bool each = false;  // one loss for each row
};

// The losses [rows] of x [rows,V].
template <class T>
Tensor losses_of(const Plan& plan, const Tensor& x) {
  const Index rows = x.size(0), n = x.size(1);
  Tensor losses = Tensor::zeros({rows}, x.dtype());
  const T *px = x.data<T>(), *pw = plan.weights.data<T>();
  T* py = losses.data<T>();
  parallel_for(rows, row_grain(4 * n), [&](Index begin, Index end) {
    for (Index r = begin; r < end; ++r) {
      const std::int32_t target = plan.targets[static_cast<std::size_t>(r)];
      if (target == plan.ignored) continue;
      const auto lse = kernels::active<T>().logsumexp_row(n, px + r * n);
      const auto loss = [&](Index i) {  // -w_i log p_i; a class of weight 0 may have p_i = 0
        if (pw[i] == 0) return 0.0;
        return static_cast<double>(pw[i]) * (static_cast<double>(lse.largest) - static_cast<double>(px[r * n + i]) +
                                             static_cast<double>(lse.log_sum));
      };
      double sum = (1 - plan.smoothing) * loss(target);
      if (plan.smoothing > 0)
        for (Index i = 0; i < n; ++i) sum += plan.smoothing / static_cast<double>(n) * loss(i);
      py[r] = static_cast<T>(sum);
    }
  });
  return losses;
}

template <class T>
Tensor gradient_of(const Plan& plan, const Tensor& x, const Tensor& dy) {
  const Index rows = x.size(0), n = x.size(1);
  Tensor dx = Tensor::zeros(x.shape(), x.dtype());
  const T *px = x.data<T>(), *pw = plan.weights.data<T>(), *pdy = dy.data<T>();
  T* pdx = dx.data<T>();
  parallel_for(rows, row_grain(4 * n), [&](Index begin, Index end) {
    for (Index r = begin; r < end; ++r) {
      const std::int32_t target = plan.targets[static_cast<std::size_t>(r)];
      if (target == plan.ignored) continue;
      const auto lse = kernels::active<T>().logsumexp_row(n, px + r * n);
      const double g = static_cast<double>(pdy[plan.each ? r : 0]) / plan.divisor;
      const double own = g * (1 - plan.smoothing) * static_cast<double>(pw[target]);
      const double uniform = g * plan.smoothing / static_cast<double>(n);
      for (Index i = 0; i < n; ++i) {
        const auto p = static_cast<double>(std::exp(px[r * n + i] - lse.largest - lse.log_sum));
        const double one = i == target ? 1 : 0;
        pdx[r * n + i] =
            static_cast<T>(own * (p - one) + uniform * (plan.total_weight * p - static_cast<double>(pw[i])));
      }
    }
  });
  return dx;
}

}  // namespace

Tensor cross_entropy(const Tensor& logits, std::span<const std::int32_t> targets, const CrossEntropyOptions& o) {
  const Shape shape = check(logits, targets, o);
  const Tensor x = class_rows(logits, o.axis);
  Plan plan{.targets = PoolVector<std::int32_t>(targets.begin(), targets.end()),
            .weights = o.weights.defined() ? o.weights.detach() : Tensor::ones({x.size(1)}, x.dtype()),
            .smoothing = o.label_smoothing,
            .ignored = o.ignored,
            .each = o.reduction == Reduction::kNone};
  Tensor y = plan.each ? Tensor() : Tensor::empty({}, x.dtype());
  dispatch(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* pw = std::as_const(plan.weights).data<T>();
    for (Index i = 0; i < x.size(1); ++i) plan.total_weight += static_cast<double>(pw[i]);
    const Tensor losses = losses_of<T>(plan, x);
    if (plan.each) {
      y = losses.alias(shape);
      return;
    }
    // Summed in row order, so that the result does not depend on the number of threads.
    double sum = 0, weight = 0;
    for (std::size_t r = 0; r < plan.targets.size(); ++r) {
      sum += static_cast<double>(losses.data<T>()[r]);
      if (plan.targets[r] != plan.ignored) weight += static_cast<double>(pw[plan.targets[r]]);
    }
    if (o.reduction == Reduction::kMean && weight > 0) plan.divisor = weight;
    *y.data<T>() = static_cast<T>(sum / plan.divisor);
  });
  record("cross_entropy", y, {x}, [x = x.detach(), plan = std::move(plan)](const Tensor& dy, const Gradients& d) {
    dispatch(dy.dtype(), [&](auto zero) { d[0].add(gradient_of<decltype(zero)>(plan, x, dy)); });
  });
  return y;
}

}  // namespace headlight
