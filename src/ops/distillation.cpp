// Distillation loss (Hinton, Vinyals, Dean 2015): how far a student's distribution p is from a teacher's q, both
// softened by a temperature T. For logits x and teacher logits z:
//   p = softmax(x / T),  q = softmax(z / T),  loss = T^2 / N sum over rows and i of q_i (log q_i - log p_i)
// With d(log p_i) / dx_j = ([i = j] - p_j) / T and sum_i q_i = 1:
//   dx_j = T^2 / N * -sum_i q_i ([i = j] - p_j) / T = T / N (p_j - q_j)
// p and q differ by about 1/T, so the factor T^2 makes the size of the gradient independent of T.
#include "ops/common.h"

namespace headlight {

Tensor distillation_loss(const Tensor& logits, const Tensor& teacher, double temperature) {
  check_same_dtype("distillation_loss", logits, teacher);
  if (!(logits.shape() == teacher.shape()))
    fail("distillation_loss: logits are ", logits.shape(), " and teacher is ", teacher.shape(),
         "; run both models on the same tokens");
  if (logits.rank() < 1 || logits.size(-1) == 0) fail("distillation_loss: logits ", logits.shape(), " have no classes");
  if (!(temperature > 0)) fail("distillation_loss: temperature ", temperature, "; use a number above 0");
  const Index n = logits.size(-1), rows = logits.shape().outer(-1);
  const double share = rows > 0 ? 1 / static_cast<double>(rows) : 0;
  Tensor difference = Tensor::empty(logits.shape(), logits.dtype());  // p - q
  Tensor log_q = Tensor::empty(logits.shape(), logits.dtype()), q = Tensor::empty(logits.shape(), logits.dtype());
  Tensor row_losses = Tensor::empty({rows}, DType::kFloat64);
  Tensor loss = Tensor::empty({}, logits.dtype());
  dispatch(logits.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto& table = kernels::active<T>();
    const T *px = logits.data<T>(), *pz = teacher.data<T>();
    T *pd = difference.data<T>(), *pl = log_q.data<T>(), *pq = q.data<T>();
    double* losses = row_losses.data<double>();
    const T factor = static_cast<T>(1 / temperature);
    parallel_for(rows, row_grain(8 * n), [&](Index begin, Index end) {
      for (Index r = begin; r < end; ++r) {
        T *d = pd + r * n, *log_q_row = pl + r * n, *q_row = pq + r * n;
        table.scale(n, factor, px + r * n, q_row);
        table.log_softmax_row(n, q_row, d);  // log p
        table.scale(n, factor, pz + r * n, q_row);
        table.log_softmax_row(n, q_row, log_q_row);
        table.unary(kernels::Unary::kExp, n, log_q_row, q_row);
        double sum = 0;
        for (Index i = 0; i < n; ++i)
          if (q_row[i] != 0) sum += static_cast<double>(q_row[i]) * static_cast<double>(log_q_row[i] - d[i]);
        losses[r] = sum;
        table.unary(kernels::Unary::kExp, n, d, d);
        table.binary(kernels::Binary::kSub, n, d, 1, q_row, 1, d);
      }
    });
    double sum = 0;  // in row order, so that the result does not depend on the number of threads
    for (Index r = 0; r < rows; ++r) sum += losses[r];
    *loss.data<T>() = static_cast<T>(temperature * temperature * share * sum);
  });
  record("distillation_loss", loss, {logits},
         [difference = difference.detach(), factor = temperature * share](const Tensor& dy, const Gradients& d) {
           d[0].add(scale(difference, dy.item() * factor));
         });
  return loss;
}

}  // namespace headlight
