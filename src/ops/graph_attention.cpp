// Graph attention (Velickovic et al. 2018): attention over the edges of a graph, without an N x N matrix.
//
// For one head, with the edges j -> i of each target i:
//   u_ij = s_j + t_i with s_j = source . h_j and t_i = target . h_i     (a^T [Wh_i || Wh_j] in the paper)
//   e_ij = LeakyReLU(u_ij),  w_ij = softmax over j of e_ij,  y_i = sum_j w_ij h_j
//
// Derivation of the backward pass (dv means dL/dv):
//   dw_ij = dy_i . h_j,  de_ij = w_ij (dw_ij - sum_k w_ik dw_ik),  du_ij = de_ij, times the slope if u_ij <= 0
//   dt_i = sum_j du_ij,  ds_j = sum_i du_ij
//   dh_j = sum_i w_ij dy_i + ds_j source + dt_j target,  dsource = sum_j ds_j h_j,  dtarget = sum_i dt_i h_i
//
// Edges are grouped by target (compressed sparse rows). Each thread owns whole targets, or whole sources for the sums
// over i, and adds in the order of the edges. The result is therefore bit-identical for every number of threads.
#include <algorithm>
#include <utility>

#include "ops/common.h"

namespace headlight {

namespace {

using Numbers = PoolVector<std::int32_t>;

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

// Lists of numbers, one list for each of n nodes: list i is items[starts[i]] .. items[starts[i + 1] - 1].
struct Groups {
  Numbers starts, items;

  // Appends values[k], or k if `values` is null, to list keys[k], in order of k.
  Groups(Index n, const Numbers& keys, const Numbers* values) : starts(at(n) + 1, 0), items(keys.size()) {
    for (const std::int32_t key : keys) ++starts[at(key) + 1];
    for (std::size_t i = 0; i < at(n); ++i) starts[i + 1] += starts[i];
    Numbers next(starts.begin(), starts.end());
    for (std::size_t k = 0; k < keys.size(); ++k)
      items[at(next[at(keys[k])]++)] = values ? (*values)[k] : static_cast<std::int32_t>(k);
  }
  Index begin(Index i) const { return starts[at(i)]; }
  Index end(Index i) const { return starts[at(i) + 1]; }
};

// The sources of each target.
Groups incoming(Index nodes, std::span<const Edge> edges, bool self_loops) {
  Numbers sources, targets;
  sources.reserve(edges.size() + at(nodes));
  targets.reserve(edges.size() + at(nodes));
  PoolVector<char> looped(at(nodes), 0);
  for (std::size_t k = 0; k < edges.size(); ++k) {
    const auto [source, target] = edges[k];
    if (std::min(source, target) < 0 || std::max(source, target) >= nodes)
      fail("graph_attention: edge ", k, " (", source, " -> ", target, ") has a node outside 0 to ", nodes - 1,
           "; number the nodes as the rows of h");
    sources.push_back(source);
    targets.push_back(target);
    if (source == target) looped[at(source)] = 1;
  }
  for (std::int32_t i = 0; self_loops && i < nodes; ++i) {
    if (looped[at(i)]) continue;
    sources.push_back(i);
    targets.push_back(i);
  }
  return Groups(nodes, targets, &sources);
}

struct Sizes {
  Index nodes, heads, size;  // N, H, D
  Index width() const { return heads * size; }
};

// out [N,H]: for each node and head, the dot product of the head's part of h [N,HD] with the head's row of a [H,D].
template <class T>
void scores(const Sizes& s, const T* h, const T* a, T* out) {
  kernels::Gemm<T> g;
  g.m = s.nodes;
  g.n = 1;
  g.k = s.size;
  g.a = h;
  g.lda = s.width();
  g.b = a;
  g.ldb = s.size;
  g.trans_b = true;
  g.c = out;
  g.ldc = s.heads;
  g.batch_inner = s.heads;
  g.a_inner = g.b_inner = s.size;
  g.c_inner = 1;
  kernels::active<T>().gemm(g);
}

// da [H,D]: for each head, the sum over nodes of du [N,H] times the head's part of h [N,HD].
template <class T>
void score_gradients(const Sizes& s, const T* du, const T* h, T* da) {
  kernels::Gemm<T> g;
  g.m = 1;
  g.n = s.size;
  g.k = s.nodes;
  g.a = du;
  g.lda = s.heads;
  g.trans_a = true;
  g.b = h;
  g.ldb = s.width();
  g.c = da;
  g.ldc = s.size;
  g.batch_inner = s.heads;
  g.a_inner = 1;
  g.b_inner = g.c_inner = s.size;
  kernels::active<T>().gemm(g);
}

// Nodes per chunk of a loop over nodes and their edges.
Index node_grain(const Sizes& s, Index edges) {
  return row_grain(s.width() * (1 + edges / std::max<Index>(1, s.nodes)));
}

Sizes check(const Tensor& h, const Tensor& source, const Tensor& target) {
  check_same_dtype("graph_attention", h, source);
  check_same_dtype("graph_attention", h, target);
  if (h.rank() != 2 || source.rank() != 2 || !(source.shape() == target.shape()) ||
      h.size(1) != source.size(0) * source.size(1))
    fail("graph_attention: h is ", h.shape(), ", source ", source.shape(), " and target ", target.shape(),
         "; they should be [N,HD], [H,D] and [H,D]");
  return {h.size(0), source.size(0), source.size(1)};
}

// The values saved for the backward pass.
struct Pass {
  Sizes s;
  Groups in;
  double slope;
  Tensor h, source, target;
  Tensor s_scores, t_scores;  // [N,H]
  Tensor weights;             // [H,E], in the order of `in`

  void backward(const Tensor& dy, const Gradients& d) const;
};

void Pass::backward(const Tensor& dy, const Gradients& d) const {
  const auto edges = static_cast<Index>(in.items.size());
  Numbers target_of(in.items.size());
  for (Index i = 0; i < s.nodes; ++i)
    std::fill(target_of.begin() + in.begin(i), target_of.begin() + in.end(i), static_cast<std::int32_t>(i));
  const Groups out(s.nodes, in.items, nullptr);  // the edges of each source, as positions in `in`
  Tensor dh = Tensor::empty(h.shape(), h.dtype()), du = Tensor::empty(weights.shape(), h.dtype());
  Tensor ds = Tensor::empty(s_scores.shape(), h.dtype()), dt = Tensor::empty(t_scores.shape(), h.dtype());
  Tensor dsource = Tensor::empty(source.shape(), h.dtype()), dtarget = Tensor::empty(target.shape(), h.dtype());
  dispatch(h.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto& table = kernels::active<T>();
    const T *ph = h.data<T>(), *ps = s_scores.data<T>(), *pt = t_scores.data<T>(), *pw = weights.data<T>();
    const T *pdy = dy.data<T>(), *pa = source.data<T>(), *pb = target.data<T>();
    T *pdh = dh.data<T>(), *pdu = du.data<T>(), *pds = ds.data<T>(), *pdt = dt.data<T>();
    parallel_for(s.nodes, node_grain(s, edges), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i)
        for (Index head = 0; head < s.heads; ++head) {
          const Index first = in.begin(i), count = in.end(i) - first, offset = head * s.size;
          T* row = pdu + head * edges + first;
          for (Index k = 0; k < count; ++k)
            table.matvec(1, s.size, ph + in.items[at(first + k)] * s.width() + offset, pdy + i * s.width() + offset,
                         nullptr, row + k);
          table.softmax_backward_row(count, pw + head * edges + first, nullptr, row, row);
          T sum = 0;
          for (Index k = 0; k < count; ++k) {
            const T u = ps[in.items[at(first + k)] * s.heads + head] + pt[i * s.heads + head];
            if (!(u > 0)) row[k] *= static_cast<T>(slope);
            sum += row[k];
          }
          pdt[i * s.heads + head] = sum;
        }
    });
    parallel_for(s.nodes, node_grain(s, edges), [&](Index begin, Index end) {
      for (Index j = begin; j < end; ++j)
        for (Index head = 0; head < s.heads; ++head) {
          const Index offset = head * s.size;
          T* to = pdh + j * s.width() + offset;
          table.scale(s.size, pdt[j * s.heads + head], pb + offset, to);
          T sum = 0;
          for (Index k = out.begin(j); k < out.end(j); ++k) {
            const Index edge = out.items[at(k)];
            sum += pdu[head * edges + edge];
            table.multiply_add(s.size, pw[head * edges + edge], pdy + target_of[at(edge)] * s.width() + offset, to);
          }
          table.multiply_add(s.size, sum, pa + offset, to);
          pds[j * s.heads + head] = sum;
        }
    });
    score_gradients(s, std::as_const(ds).data<T>(), ph, dsource.data<T>());
    score_gradients(s, std::as_const(dt).data<T>(), ph, dtarget.data<T>());
  });
  d[0].add(dh);
  d[1].add(dsource);
  d[2].add(dtarget);
}

}  // namespace

Tensor graph_attention(const Tensor& h, const Tensor& source, const Tensor& target, std::span<const Edge> edge_list,
                       const GraphAttentionOptions& options) {
  const Sizes s = check(h, source, target);
  Pass pass{.s = s,
            .in = incoming(s.nodes, edge_list, options.self_loops),
            .slope = options.slope,
            .h = h.detach(),
            .source = source.detach(),
            .target = target.detach(),
            .s_scores = Tensor::empty({s.nodes, s.heads}, h.dtype()),
            .t_scores = Tensor::empty({s.nodes, s.heads}, h.dtype()),
            .weights = {}};
  const auto edges = static_cast<Index>(pass.in.items.size());
  pass.weights = Tensor::empty({s.heads, edges}, h.dtype());
  Tensor y = Tensor::empty(h.shape(), h.dtype());
  dispatch(h.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto& table = kernels::active<T>();
    const T* ph = h.data<T>();
    T *ps = pass.s_scores.data<T>(), *pt = pass.t_scores.data<T>(), *pw = pass.weights.data<T>(), *py = y.data<T>();
    scores(s, ph, source.data<T>(), ps);
    scores(s, ph, target.data<T>(), pt);
    parallel_for(s.nodes, node_grain(s, edges), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i)
        for (Index head = 0; head < s.heads; ++head) {
          const Index first = pass.in.begin(i), count = pass.in.end(i) - first, offset = head * s.size;
          T *row = pw + head * edges + first, *to = py + i * s.width() + offset;
          for (Index k = 0; k < count; ++k) {
            const T u = ps[pass.in.items[at(first + k)] * s.heads + head] + pt[i * s.heads + head];
            row[k] = u > 0 ? u : static_cast<T>(options.slope) * u;
          }
          table.softmax_row(count, row, nullptr, row);
          std::fill_n(to, s.size, T{0});
          for (Index k = 0; k < count; ++k)
            table.multiply_add(s.size, row[k], ph + pass.in.items[at(first + k)] * s.width() + offset, to);
        }
    });
  });
  record("graph_attention", y, {h, source, target},
         [pass = std::move(pass)](const Tensor& dy, const Gradients& d) { pass.backward(dy, d); });
  return y;
}

}  // namespace headlight
