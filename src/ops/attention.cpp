// Scaled dot-product attention (Vaswani et al. 2017), for B sequences of H heads.
//
//   scores S = scale q k^T + bias          [B,H,T,S]
//   weights A = softmax(S), masked         [B,H,T,S]   what is masked gets 0
//   output  z = A v                        [B,H,T,E]   of drop(A) instead of A where there is dropout
//
// Backward, with dz given:
//   dv = A^T dz,  dA = dz v^T              of drop(A) and through the same mask where there is dropout
//   dS = A (dA - rowsum(A dA))             0 where A is 0, so the mask needs no second look
//   dq = scale dS k,  dk = scale dS^T q,  dbias = dS
//
// The fused form below does each step once for all heads, in place, and of the [B,H,T,S] buffers keeps A alone. The composite form at the end is
// its definition.
#include <cmath>

#include "ops/common.h"

namespace headlight {

namespace {

struct Sizes {
  Index b, h, t, s, d, e;
};

Sizes check(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& o) {
  if (q.rank() != 4 || k.rank() != 4 || v.rank() != 4)
    fail("attention: q, k, v must be [B,H,T,D], got ", q.shape(), ", ", k.shape(), ", ", v.shape());
  check_same_dtype("attention", q, k);
  check_same_dtype("attention", q, v);
  const Sizes z{q.size(0), q.size(1), q.size(2), k.size(2), q.size(3), v.size(3)};
  if (k.size(0) != z.b || k.size(1) != z.h || k.size(3) != z.d)
    fail("attention: q ", q.shape(), " and k ", k.shape(), " differ in batch, heads or head size");
  if (!(v.shape().with(3, 0) == k.shape().with(3, 0)))
    fail("attention: k ", k.shape(), " and v ", v.shape(), " differ in batch, heads or length");
  if (o.causal && z.s < z.t)
    fail("attention: causal with ", z.t, " queries and only ", z.s, " keys: the first queries would see nothing");
  if (!(o.dropout >= 0 && o.dropout < 1)) fail("attention: dropout ", o.dropout, " is outside [0, 1)");
  const Shape scores{z.b, z.h, z.t, z.s};
  for (const Tensor* extra : {&o.mask, &o.bias}) {
    if (!extra->defined()) continue;
    const char* name = extra == &o.mask ? "mask" : "bias";
    check_same_dtype("attention", q, *extra);
    if (!(broadcast(extra->shape(), scores, "attention") == scores))
      fail("attention: the ", name, " ", extra->shape(), " does not broadcast to ", scores);
  }
  return z;
}

double scale_of(const AttentionOptions& o, Index d) {
  return o.scale != 0 ? o.scale : 1 / std::sqrt(static_cast<double>(d > 0 ? d : 1));
}

// y = factor op(a) op(b) for each of the B x H pairs.
template <class T>
void product(const Tensor& a, bool trans_a, const Tensor& b, bool trans_b, double factor, Tensor& y, bool accumulate) {
  kernels::Gemm<T> g;
  g.m = y.size(2);
  g.n = y.size(3);
  g.k = trans_a ? a.size(2) : a.size(3);
  g.a = a.data<T>();
  g.lda = a.size(3);
  g.trans_a = trans_a;
  g.b = b.data<T>();
  g.ldb = b.size(3);
  g.trans_b = trans_b;
  g.c = y.data<T>();
  g.ldc = y.size(3);
  g.alpha = static_cast<T>(factor);
  g.accumulate = accumulate;
  g.batch_inner = y.size(0) * y.size(1);
  g.a_inner = a.size(2) * a.size(3);
  g.b_inner = b.size(2) * b.size(3);
  g.c_inner = y.size(2) * y.size(3);
  kernels::active<T>().gemm(g);
}

// Into the gradient of one input, adding to what is there.
template <class T>
void add_product(Gradient d, const Tensor& a, bool trans_a, const Tensor& b, bool trans_b, double factor) {
  if (!d.needed()) return;
  bool accumulate = false;
  Tensor target = d.target(accumulate);
  product<T>(a, trans_a, b, trans_b, factor, target, accumulate);
}

// Rows of [B,H,T,S] with the number of keys each may see from the left: all, or up to its own place when causal.
template <class Row>
void each_query(const Sizes& z, bool causal, const Row& row) {
  parallel_for(z.b * z.h * z.t, row_grain(4 * z.s), [&](Index begin, Index end) {
    for (Index r = begin; r < end; ++r) row(r * z.s, causal ? r % z.t + 1 + z.s - z.t : z.s);
  });
}

template <class T>
void softmax_in_place(const Sizes& z, bool causal, const Tensor& mask, Tensor& a) {
  T* p = a.data<T>();
  const T* m = mask.defined() ? mask.data<T>() : nullptr;
  each_query(z, causal, [&](Index row, Index keys) {
    kernels::active<T>().softmax_row(keys, p + row, m ? m + row : nullptr, p + row);
    std::fill(p + row + keys, p + row + z.s, T{0});
  });
}

// dA becomes dS in place.
template <class T>
void softmax_backward_in_place(const Sizes& z, bool causal, const Tensor& a, Tensor& da) {
  const T* p = a.data<T>();
  T* g = da.data<T>();
  each_query(z, causal, [&](Index row, Index keys) {
    kernels::active<T>().softmax_backward_row(keys, p + row, g + row, g + row);
    std::fill(g + row + keys, g + row + z.s, T{0});
  });
}

}  // namespace

Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& o, Tensor* weights) {
  const Sizes z = check(q, k, v, o);
  const double factor = scale_of(o, z.d);
  const bool causal = o.causal;
  const Shape scores{z.b, z.h, z.t, z.s};
  const std::uint64_t key = o.dropout > 0 ? generator().next() : 0;
  // The scores, and after the softmax the weights, in one buffer; it starts as the bias when there is one.
  Tensor a = o.bias.defined() ? expand_to(o.bias.detach(), scores) : Tensor::empty(scores, q.dtype());
  if (a.same_storage(o.bias)) a = a.clone();
  Tensor out = Tensor::empty({z.b, z.h, z.t, z.e}, q.dtype());
  dispatch(q.dtype(), [&](auto zero) {
    using T = decltype(zero);
    product<T>(q, false, k, true, factor, a, o.bias.defined());
    softmax_in_place<T>(z, causal, o.mask.defined() ? expand_to(o.mask.detach(), scores) : Tensor(), a);
    product<T>(o.dropout > 0 ? apply_dropout(a, o.dropout, key) : a, false, v, false, 1, out, false);
  });
  if (weights) *weights = a;
  record("attention", out, {q, k, v, o.bias},
         [q = q.detach(), k = k.detach(), v = v.detach(), a, z, factor, causal, p = o.dropout, key](
             const Tensor& dz, const Gradients& d) {
           dispatch(q.dtype(), [&](auto zero) {
             using T = decltype(zero);
             if (d[2].needed()) add_product<T>(d[2], p > 0 ? apply_dropout(a, p, key) : a, true, dz, false, 1);
             if (!d[0].needed() && !d[1].needed() && !d[3].needed()) return;
             Tensor ds = Tensor::empty(a.shape(), a.dtype());
             product<T>(dz, false, v, true, 1, ds, false);
             if (p > 0) ds = apply_dropout(ds, p, key);
             softmax_backward_in_place<T>(z, causal, a, ds);
             add_product<T>(d[0], ds, false, k, false, factor);
             add_product<T>(d[1], ds, true, q, false, factor);
             if (d[3].needed()) d[3].add(sum_to(ds, d[3].shape()));
           });
         });
  return out;
}

Tensor attention_composite(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& o,
                           Tensor* weights) {
  const Sizes z = check(q, k, v, o);
  Tensor scores = scale(matmul(q, transpose(k)), scale_of(o, z.d));  // [B,H,T,S]
  if (o.bias.defined()) scores = add(scores, o.bias);
  Tensor seen = Tensor::full({z.t, z.s}, 1, q.dtype());
  if (o.causal) {
    std::vector<double> allowed(static_cast<std::size_t>(z.t * z.s));
    for (Index t = 0; t < z.t; ++t)
      for (Index s = 0; s < z.s; ++s) allowed[static_cast<std::size_t>(t * z.s + s)] = s <= t + z.s - z.t ? 1 : 0;
    seen = Tensor::of({z.t, z.s}, allowed, q.dtype());
  }
  if (o.mask.defined()) seen = mul(seen, o.mask.detach());
  const Tensor a = masked_softmax(scores, seen);  // [B,H,T,S]
  if (weights) *weights = a.detach();
  return matmul(o.dropout > 0 ? dropout(a, o.dropout) : a, v);  // [B,H,T,E]
}

}  // namespace headlight
