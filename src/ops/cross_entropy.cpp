// Cross-entropy: the mean over rows of -log softmax(logits)[target], computed without storing a softmax.
//   loss = 1/N sum_r (lse_r - x_r[t_r])
//   lse_r = log sum_i e^{x_r,i} = m_r + log sum_i e^{x_r,i - m_r},  m_r = max_i x_r,i
//   dx_r,i = 1/N (e^{x_r,i - lse_r} - [i = t_r]);   zero for rows with an ignored target; N counts the other rows
// The two terms of lse_r are stored and subtracted separately, so that large logits lose no precision.
#include "ops/common.h"

namespace headlight {

Tensor cross_entropy(const Tensor& logits, std::span<const std::int32_t> targets) {
  if (logits.rank() < 1 || logits.size(-1) == 0) fail("cross_entropy: logits ", logits.shape(), " have no classes");
  const Index n = logits.size(-1), rows = logits.shape().outer(-1);
  if (static_cast<Index>(targets.size()) != rows)
    fail("cross_entropy: ", targets.size(), " targets for logits ", logits.shape(), "; pass one target per row");
  Index counted = 0;
  for (std::size_t r = 0; r < targets.size(); ++r) {
    if (targets[r] == kIgnoredTarget) continue;
    if (targets[r] < 0 || targets[r] >= n)
      fail("cross_entropy: target ", targets[r], " at position ", r, " is outside 0 to ", n - 1, " (", kIgnoredTarget,
           " is ignored)");
    ++counted;
  }
  PoolVector<std::int32_t> kept(targets.begin(), targets.end());
  Tensor lse = Tensor::empty({rows, 2}, logits.dtype());  // m_r and log sum_i e^{x_r,i - m_r}
  Tensor loss = Tensor::empty({}, logits.dtype());
  dispatch(logits.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* x = logits.data<T>();
    T* p = lse.data<T>();
    parallel_for(rows, row_grain(4 * n), [&](Index begin, Index end) {
      for (Index r = begin; r < end; ++r) {
        const auto [largest, log_sum] = kernels::active<T>().logsumexp_row(n, x + r * n);
        p[2 * r] = largest;
        p[2 * r + 1] = log_sum;
      }
    });
    double sum = 0;  // summed in row order, so that the result does not depend on the number of threads
    for (Index r = 0; r < rows; ++r) {
      const std::int32_t target = kept[static_cast<std::size_t>(r)];
      if (target == kIgnoredTarget) continue;
      sum += static_cast<double>(p[2 * r]) - static_cast<double>(x[r * n + target]) + static_cast<double>(p[2 * r + 1]);
    }
    *loss.data<T>() = static_cast<T>(counted > 0 ? sum / static_cast<double>(counted) : 0);
  });
  record("cross_entropy", loss, {logits},
         [x = logits.detach(), lse, kept = std::move(kept), counted](const Tensor& dy, const Gradients& d) {
           Tensor dx = Tensor::empty(x.shape(), x.dtype());
           dispatch(x.dtype(), [&](auto zero) {
             using T = decltype(zero);
             const Index classes = x.size(-1);
             const auto g = static_cast<T>(counted > 0 ? dy.item() / static_cast<double>(counted) : 0);
             const T* px = x.data<T>();
             const T* p = lse.data<T>();
             T* pdx = dx.data<T>();
             parallel_for(lse.size(0), row_grain(4 * classes), [&](Index begin, Index end) {
               for (Index r = begin; r < end; ++r) {
                 const std::int32_t target = kept[static_cast<std::size_t>(r)];
                 if (target == kIgnoredTarget) std::fill_n(pdx + r * classes, classes, T{0});
                 else
                   kernels::active<T>().cross_entropy_backward_row(classes, px + r * classes, {p[2 * r], p[2 * r + 1]},
                                                                   target, g, pdx + r * classes);
               }
             });
           });
           d[0].add(dx);
         });
  return loss;
}

}  // namespace headlight
