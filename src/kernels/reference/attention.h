// Reference attention, forward and backward: plain loops, one query at a time. Shapes are in kernels/attention.h.
#pragma once

#include <cmath>
#include <limits>
#include <vector>

#include "headlight/base/threads.h"
#include "kernels/kernels.h"
#include "kernels/reference/elementwise.h"

namespace headlight::kernels::reference {

// One query: its scores, which keys it may attend to, and its dropout mask.
template <class T>
class Query {
 public:
  Query(const Attention<T>& a, Index b, Index h, Index t)
      : a_(a),
        q_(a.q.at(b, h) + t * a.q.row),
        k_(a.keys_at(b, h)),
        mask_(a.mask.data ? a.mask.at(b, h) + t * a.mask.row : nullptr),
        bias_(a.bias.data ? a.bias.at(b, h) + t * a.bias.row : nullptr),
        begin_(a.first(t)),
        visible_(a.visible(t)),
        first_(((b * a.heads + h) * a.queries + t) * a.keys) {}

  bool allows(Index s) const { return s >= begin_ && s < visible_ && (!mask_ || mask_[s] != 0); }
  // scale q k_s + bias_s, rounded to T so that storing the largest score as T is exact.
  double score(Index s) const {
    const double cap = static_cast<double>(a_.softcap), product = scaled_product(s);
    return static_cast<T>((cap > 0 ? cap * std::tanh(product / cap) : product) +
                          (bias_ ? static_cast<double>(bias_[s]) : 0));
  }
  // The derivative of the score with respect to scale q k_s.
  double slope(Index s) const {
    if (!(a_.softcap > 0)) return 1;
    const double capped = std::tanh(scaled_product(s) / static_cast<double>(a_.softcap));
    return 1 - capped * capped;
  }
  // Dropout applied to x, the value of key s.
  double dropped(Index s, double x) const {
    if (a_.dropout_threshold == 0) return x;
    T value = static_cast<T>(x);
    reference::dropout(1, a_.dropout_key, first_ + s, a_.dropout_threshold, a_.dropout_scale, &value, &value);
    return static_cast<double>(value);
  }

 private:
  double scaled_product(Index s) const {
    double sum = 0;
    for (Index d = 0; d < a_.size; ++d) sum += static_cast<double>(q_[d]) * static_cast<double>(k_[s * a_.k.row + d]);
    return sum * static_cast<double>(a_.scale);
  }

  const Attention<T>& a_;
  const T *q_, *k_, *mask_, *bias_;
  Index begin_, visible_, first_;
};

// For each batch, head and query t:
//   1. largest = max_s s_ts over the allowed keys, s_ts = scale q_t k_s + bias_ts
//   2. total = sum_s exp(s_ts - largest),  sum = sum_s drop(exp(s_ts - largest)) v_s
//   3. z_t = sum / total, or 0 without an allowed key
template <class T>
void attention(const Attention<T>& a) {
  parallel_for(a.batches * a.heads, 1, [&](Index begin, Index end) {
    std::vector<double> sum(static_cast<std::size_t>(a.value_size));
    for (Index i = begin; i < end; ++i)
      for (Index t = 0; t < a.queries; ++t) {
        const Index b = i / a.heads, h = i % a.heads;
        const Query<T> query(a, b, h, t);
        constexpr double kNoKeys = -std::numeric_limits<double>::infinity();
        double largest = kNoKeys;
        for (Index s = 0; s < a.keys; ++s)
          if (query.allows(s)) {
            const double score = query.score(s);
            if (!(score <= largest)) largest = score;  // !(<=) also selects NaN
          }
        double total = 0;
        for (double& x : sum) x = 0;
        for (Index s = 0; s < a.keys && largest != kNoKeys; ++s) {
          if (!query.allows(s)) continue;
          const double p = std::exp(query.score(s) - largest);
          total += p;
          const double weight = query.dropped(s, p);
          const T* v = a.values_at(b, h) + s * a.v.row;
          for (Index e = 0; e < a.value_size; ++e)
            sum[static_cast<std::size_t>(e)] += weight * static_cast<double>(v[e]);
        }
        T* z = a.z.at(b, h) + t * a.z.row;
        for (Index e = 0; e < a.value_size; ++e)
          z[e] = total == 0 ? T{0} : static_cast<T>(sum[static_cast<std::size_t>(e)] / total);
        a.largest[i * a.queries + t] = total == 0 ? std::numeric_limits<T>::infinity() : static_cast<T>(largest);
        a.inverse[i * a.queries + t] = total == 0 ? T{0} : static_cast<T>(1 / total);
      }
  });
}

// Forward: s = scale q k^T + bias [T,S],  p = softmax(s) by rows,  z = a v with a = drop(p) = m p, m the constant mask.
// Given dz = dL/dz [T,E] (after Vaswani et al. 2017; the rowsum identity is from Dao et al. 2022, appendix B.2):
//   z_te = sum_s a_ts v_se      =>  dv_se = sum_t a_ts dz_te                      dv = a^T dz
//                                   da_ts = sum_e dz_te v_se                      da = dz v^T
//   a_ts = m_ts p_ts            =>  dp_ts = m_ts da_ts                            dp = drop(da)
//   softmax (reference/rows.h)  =>  ds_ts = p_ts (dp_ts - sum_r p_tr dp_tr)
//     and  sum_r p_tr dp_tr = sum_r a_tr da_tr = sum_e dz_te sum_r a_tr v_re = sum_e dz_te z_te,
//     so the sum over S keys is a dot product over E channels
//   s = scale q k^T + bias      =>  dq = scale ds k,  dk = scale ds^T q,  dbias = ds
//   s = c tanh(x / c) + bias    =>  dx = ds (1 - tanh(x / c)^2) takes the place of ds in dq and dk
//   1. dot = sum_e dz_te z_te
//   2. for each allowed key s: recompute p_ts from the saved largest and inverse; then dv_s, ds_ts, dq_t, dk_s
template <class T>
void attention_backward(const AttentionBackward<T>& g) {
  const Attention<T>& a = g.forward;
  parallel_for(a.batches * a.heads / a.group, 1, [&](Index begin, Index end) {
    const auto cells = [](Index rows, Index columns) {
      return std::vector<double>(static_cast<std::size_t>(rows * columns));
    };
    for (Index i = begin; i < end; ++i) {
      const Index key_heads = a.heads / a.group, b = i / key_heads, shared = i % key_heads;
      std::vector<double> dk = cells(a.keys, a.size), dv = cells(a.keys, a.value_size);
      for (Index row = 0; row < a.group * a.queries; ++row) {
        const Index h = shared * a.group + row / a.queries, t = row % a.queries, at = (b * a.heads + h) * a.queries + t;
        const Query<T> query(a, b, h, t);
        const T *q = a.q.at(b, h) + t * a.q.row, *z = a.z.at(b, h) + t * a.z.row, *dz = g.dz.at(b, h) + t * g.dz.row;
        const double largest = static_cast<double>(a.largest[at]);
        const double inverse = static_cast<double>(a.inverse[at]);
        double dot = 0;
        for (Index e = 0; e < a.value_size; ++e) dot += static_cast<double>(dz[e]) * static_cast<double>(z[e]);
        std::vector<double> dq = cells(1, a.size);
        T* dbias = g.dbias_at(b, h, t, 0);
        for (Index s = 0; s < a.keys; ++s) {
          if (dbias) dbias[s] = 0;
          if (!query.allows(s)) continue;
          const double p = std::exp(query.score(s) - largest) * inverse;
          const T *k = a.keys_at(b, h) + s * a.k.row, *v = a.values_at(b, h) + s * a.v.row;
          double dp = 0;
          const double weight = query.dropped(s, p);
          for (Index e = 0; e < a.value_size; ++e) {
            dp += static_cast<double>(dz[e]) * static_cast<double>(v[e]);
            dv[static_cast<std::size_t>(s * a.value_size + e)] += weight * static_cast<double>(dz[e]);
          }
          const double dscore = p * (query.dropped(s, dp) - dot);
          const double ds = static_cast<double>(a.scale) * query.slope(s) * dscore;
          if (dbias) dbias[s] = static_cast<T>(dscore);
          for (Index d = 0; d < a.size; ++d) {
            dq[static_cast<std::size_t>(d)] += ds * static_cast<double>(k[d]);
            dk[static_cast<std::size_t>(s * a.size + d)] += ds * static_cast<double>(q[d]);
          }
        }
        for (Index d = 0; d < a.size; ++d)
          g.dq.at(b, h)[t * g.dq.row + d] = static_cast<T>(dq[static_cast<std::size_t>(d)]);
      }
      for (Index s = 0; s < a.keys; ++s) {
        for (Index d = 0; d < a.size; ++d)
          g.dk.at(b, shared)[s * g.dk.row + d] = static_cast<T>(dk[static_cast<std::size_t>(s * a.size + d)]);
        for (Index e = 0; e < a.value_size; ++e)
          g.dv.at(b, shared)[s * g.dv.row + e] = static_cast<T>(dv[static_cast<std::size_t>(s * a.value_size + e)]);
      }
    }
  });
}

}  // namespace headlight::kernels::reference
