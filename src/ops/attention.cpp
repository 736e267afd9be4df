// Scaled dot-product attention (Vaswani et al. 2017), for B sequences of H heads.
//
//   scores  s = scale q k^T + bias       [B,H,T,S]
//   weights p = masked_softmax(s)        [B,H,T,S]   0 where masked
//   output  z = drop(p) v                [B,H,T,E]
//
// Derivation of the backward pass, given dz (dx means dL/dx):
//   Y = A B has dA = dY B^T and dB = A^T dY (matmul.cpp). For z = drop(p) v:
//     dv = drop(p)^T dz,  d drop(p) = dz v^T
//   drop() multiplies each element by a constant, 0 or 1/(1-p_drop), so its backward is drop() with the same mask:
//     dp = drop(dz v^T)
//   Each row of p is a softmax of a row of s; softmax.cpp derives
//     ds_tj = p_tj (dp_tj - sum_i p_ti dp_ti)          0 where p is 0, so masked elements need no special case
//   The sum equals sum_e dz_te z_te, because z = drop(p) v, so p is not needed for the sum (Dao et al. 2022).
//   s = scale q k^T + bias is again a product and a sum:
//     dq = scale ds k,  dk = scale ds^T q,  dbias = ds
//   With a softcap c, s = c tanh(x / c) + bias with x = scale q k^T. In dq and dk, dx = ds (1 - tanh(x / c)^2) then
//   replaces ds.
//
// Each thread holds only one tile of scores and weights, forward and backward (kernels/simd/attention.h). The saved
// tensors are q, k, v, z and two numbers per query; under a RematScope, z is recomputed. The gradients overwrite q, k
// and v where no other tensor shares their storage. Only a gradient of the bias, if needed, is as large as the weights.
#include "ops/attention.h"

#include <cmath>
#include <utility>

#include "base/words.h"

namespace headlight {

void check_attention_options(const char* operation, const AttentionSizes& z, DType dtype, const AttentionOptions& o) {
  if (o.causal && o.shift == 0 && z.s < z.t)
    fail(operation, ": causal with ", z.t, " queries and only ", z.s,
         " keys: the first queries would have no key; pass at least as many keys, or a shift");
  if (o.shift != 0 && !o.causal) fail(operation, ": a shift needs causal attention; set causal too");
  if (!(o.softcap >= 0)) fail(operation, ": softcap ", o.softcap, " is negative; use 0 for none");
  if (o.window < 0) fail(operation, ": a window of ", o.window, " keys; use 1 or more, or 0 for no window");
  if (o.window > 0 && !o.causal) fail(operation, ": a window needs causal attention; set causal too");
  if (!(o.dropout >= 0 && o.dropout < 1)) fail(operation, ": dropout ", o.dropout, " is outside [0, 1)");
  const Shape scores{z.b, z.h, z.t, z.s};
  for (const Tensor* extra : {&o.mask, &o.bias}) {
    if (!extra->defined()) continue;
    const char* name = extra == &o.mask ? "mask" : "bias";
    if (extra->dtype() != dtype)
      fail(operation, ": types differ: q is ", dtype, " and the ", name, " ", extra->dtype(),
           "; convert one with to()");
    if (!(broadcast(extra->shape(), scores, operation) == scores))
      fail(operation, ": the ", name, " ", extra->shape(), " does not broadcast to ", scores);
  }
}

AttentionSizes check_attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& o) {
  if (q.rank() != 4 || k.rank() != 4 || v.rank() != 4)
    fail("attention: q, k, v must be [B,H,T,D], got ", q.shape(), ", ", k.shape(), ", ", v.shape());
  check_same_dtype("attention", q, k);
  check_same_dtype("attention", q, v);
  const AttentionSizes z{q.size(0), q.size(1), k.size(1), q.size(2), k.size(2), q.size(3), v.size(3)};
  if (k.size(0) != z.b || (z.g == 0 ? z.h != 0 : z.h % z.g != 0) || k.size(3) != z.d)
    fail("attention: q ", q.shape(), " and k ", k.shape(), " differ in batch, heads or head size");
  if (!(v.shape().with(3, 0) == k.shape().with(3, 0)))
    fail("attention: k ", k.shape(), " and v ", v.shape(), " differ in batch, heads or length");
  check_attention_options("attention", z, q.dtype(), o);
  return z;
}

double attention_scale(const AttentionOptions& o, Index d) {
  return o.scale != 0 ? o.scale : 1 / std::sqrt(static_cast<double>(d > 0 ? d : 1));
}

namespace {

// The matrices of the heads inside a tensor: offset and strides in elements.
struct View {
  Tensor tensor;
  Index offset, batch, head, row;

  template <class T>
  kernels::Matrices<const T> read() const {
    return {std::as_const(tensor).data<T>() + offset, batch, head, row};
  }
  template <class T>
  kernels::Matrices<T> write() {
    return {tensor.data<T>() + offset, batch, head, row};
  }
};

// The heads of x [B,H,T,D].
View heads_first(const Tensor& x) {
  const Index head = x.size(2) * x.size(3);
  return {x.detach(), 0, x.size(1) * head, head, x.size(3)};
}
// The heads in the columns from `first` on of x [B,T,C]; each head has `size` adjacent columns.
View columns(const Tensor& x, Index first, Index size) {
  const Index row = x.size(2);
  return {x.detach(), first, x.size(1) * row, size, row};
}

// A mask or bias that broadcasts to [B,H,T,S], with its last axis expanded to S. Other repeated axes get stride 0.
Tensor with_columns(const Tensor& extra, Index keys) {
  if (!extra.defined()) return {};
  const Tensor x = extra.detach();
  if (x.rank() == 0) return expand_to(x, {keys});
  return x.size(-1) == keys ? x : expand_to(x, x.shape().with(-1, keys));
}
template <class T>
kernels::Matrices<const T> broadcast_matrices(const Tensor& x) {
  if (!x.defined()) return {};
  const auto stride = [&](int axis) -> Index {  // counted from the end
    return x.rank() < axis || x.size(-axis) == 1 ? 0 : x.shape().inner(x.rank() - axis);
  };
  return {x.data<T>(), stride(4), stride(3), stride(2)};
}

// [2,B,H,T]: for each query the largest score and the inverse of the softmax's sum (kernels/attention.h).
Tensor empty_sums(const AttentionSizes& n, DType dtype) { return Tensor::empty({2, n.b, n.h, n.t}, dtype); }

// The arguments of one call that both passes need in addition to q, k and v.
struct Call {
  AttentionSizes sizes;
  double scale;
  double softcap;
  bool causal;
  Index shift, window;
  Tensor mask, bias;
  double dropout;
  std::uint64_t key;

  Call(const AttentionSizes& z, const AttentionOptions& o)
      : sizes(z),
        scale(attention_scale(o, z.d)),
        softcap(o.softcap),
        causal(o.causal),
        shift(o.shift),
        window(o.window),
        mask(with_columns(o.mask, z.s)),
        bias(with_columns(o.bias, z.s)),
        dropout(o.dropout),
        key(o.dropout > 0 ? generator().next() : 0) {}

  template <class T>
  kernels::Attention<T> described(const View& q, const View& k, const View& v, kernels::Matrices<T> z, T* sums,
                                  Index rows) const {
    kernels::Attention<T> a;
    a.batches = sizes.b;
    a.heads = sizes.h;
    a.queries = sizes.t;
    a.keys = sizes.s;
    a.size = sizes.d;
    a.value_size = sizes.e;
    a.group = sizes.group();
    a.q = q.read<T>();
    a.k = k.read<T>();
    a.v = v.read<T>();
    a.z = z;
    a.largest = sums;
    a.inverse = sums + rows;
    a.scale = static_cast<T>(scale);
    a.softcap = static_cast<T>(softcap);
    a.causal = causal;
    a.shift = shift;
    a.window = window;
    a.mask = broadcast_matrices<T>(mask);
    a.bias = broadcast_matrices<T>(bias);
    a.dropout_key = key;
    a.dropout_threshold = static_cast<std::uint32_t>(dropout * 0x1p24);
    a.dropout_scale = static_cast<T>(1 / (1 - dropout));
    return a;
  }

  void forward(const View& q, const View& k, const View& v, View z, Tensor& sums) const {
    dispatch(sums.dtype(), [&](auto zero) {
      using T = decltype(zero);
      kernels::active<T>().attention(described<T>(q, k, v, z.write<T>(), sums.data<T>(), sums.numel() / 2));
    });
  }
  void backward(const View& q, const View& k, const View& v, const View& z, const Tensor& sums, const View& dz, View dq,
                View dk, View dv, Gradient dbias) const {
    Tensor ds = dbias.needed() ? Tensor::empty({sizes.b, sizes.h, sizes.t, sizes.s}, sums.dtype()) : Tensor();
    dispatch(sums.dtype(), [&](auto zero) {
      using T = decltype(zero);
      // The const_casts are safe: the backward kernel only reads z and the sums.
      const kernels::Matrices<const T> out = z.read<T>();
      const kernels::Matrices<T> z_read{const_cast<T*>(out.data), out.batch, out.head, out.row};
      T* sums_read = const_cast<T*>(sums.data<T>());
      kernels::active<T>().attention_backward({described<T>(q, k, v, z_read, sums_read, sums.numel() / 2), dz.read<T>(),
                                               dq.write<T>(), dk.write<T>(), dv.write<T>(),
                                               dbias.needed() ? ds.data<T>() : nullptr});
    });
    if (dbias.needed()) dbias.add(sum_to(ds, dbias.shape()));
  }
};

// The tensors of one call, shared by the backward function and every Saved of z. q, k and v are separate, or q holds
// all three, and k and v are undefined.
struct AttentionCall final : Rematerialization {
  Call call;
  Tensor q, k, v;
  Index key_heads;  // of the packed layout
  Tensor sums;
  mutable Tensor z;  // undefined if z must be recomputed
  Shape z_shape;

  AttentionCall(const Call& c, const Tensor& q_in, const Tensor& k_in, const Tensor& v_in, const Shape& result)
      : call(c),
        q(q_in.detach()),
        k(k_in.defined() ? k_in.detach() : Tensor()),
        v(v_in.defined() ? v_in.detach() : Tensor()),
        key_heads(c.sizes.g),
        sums(empty_sums(c.sizes, q.dtype())),
        z_shape(result) {}

  bool packed() const { return !k.defined(); }
  // The matrices of the heads inside q or dq, k or dk, v or dv, or z or dz. In the packed layout, x holds q, k and v
  // for the first three.
  View queries(const Tensor& x) const { return packed() ? columns(x, 0, call.sizes.d) : heads_first(x); }
  View keys(const Tensor& x) const {
    return packed() ? columns(x, call.sizes.h * call.sizes.d, call.sizes.d) : heads_first(x);
  }
  View values(const Tensor& x) const {
    return packed() ? columns(x, (call.sizes.h + key_heads) * call.sizes.d, call.sizes.d) : heads_first(x);
  }
  View outputs(const Tensor& x) const { return packed() ? columns(x, 0, call.sizes.e) : heads_first(x); }

  Tensor compute() const {
    Tensor result = Tensor::empty(z_shape, q.dtype());
    Tensor written = sums;  // recomputing writes the same numbers
    call.forward(queries(q), keys(packed() ? q : k), values(packed() ? q : v), outputs(result), written);
    return result;
  }
  // Keeps z, so that the output projection and backward() together recompute z once.
  Tensor make() const override {
    if (!z.defined()) z = compute();
    return z.detach();
  }
  // Call once. If `last`, no other function will recompute z, so the gradients may overwrite q, k and v.
  void backward(const Tensor& dz, const Gradients& d, bool last) {
    const auto output = [&](const Tensor& x) { return last ? overwritten(x) : Tensor::empty(x.shape(), x.dtype()); };
    const Tensor out = make();
    z = Tensor();
    const Gradient dbias = d[packed() ? 1 : 3];
    if (packed()) {
      const Tensor dqkv = output(q);
      call.backward(queries(q), keys(q), values(q), outputs(out), sums, outputs(dz), queries(dqkv), keys(dqkv),
                    values(dqkv), dbias);
      if (last) q = Tensor();
      d[0].add(dqkv);
      return;
    }
    const Tensor dq = output(q), dk = output(k), dv = output(v);
    call.backward(queries(q), keys(k), values(v), outputs(out), sums, outputs(dz), queries(dq), keys(dk), values(dv),
                  dbias);
    if (last) q = k = v = Tensor();
    d[0].add(dq);
    d[1].add(dk);
    d[2].add(dv);
  }
};

// Whether no Saved of z needs q, k and v again. The backward function and, with RematScope, the slot of z hold one
// reference each; every Saved of z holds another.
bool is_last_user(const std::shared_ptr<AttentionCall>& call) { return call.use_count() <= 2; }

// Computes z and records the operation with these inputs.
Tensor attend(const char* operation, const std::shared_ptr<AttentionCall>& call, std::initializer_list<Tensor> inputs) {
  Tensor z = call->compute();
  const bool remat = RematScope::active();
  if (!remat) call->z = z.detach();
  record(operation, z, inputs,
         [call](const Tensor& dz, const Gradients& d) { call->backward(dz, d, is_last_user(call)); });
  if (remat) set_rematerialization(z, call);
  return z;
}

template <class... Arguments>
std::shared_ptr<AttentionCall> make_call(const Arguments&... arguments) {
  return std::allocate_shared<AttentionCall>(PoolAllocator<AttentionCall>(), arguments...);
}

}  // namespace

Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& o, Tensor* weights) {
  const AttentionSizes n = check_attention(q, k, v, o);
  if (weights) {
    const NoGrad no_recording;
    *weights = attention_weights(q, k, o);
  }
  return attend("attention", make_call(Call(n, o), q, k, v, Shape{n.b, n.h, n.t, n.e}), {q, k, v, o.bias});
}

Tensor attention_packed(const Tensor& qkv, Index heads, const AttentionOptions& o, Index key_heads) {
  const Index g = key_heads > 0 ? key_heads : heads, all = heads + 2 * g;
  if (qkv.rank() != 3 || heads < 1 || qkv.size(2) % all != 0)
    fail("attention_packed: ", counted(heads, "head"), " of q, k, v must be [B,T,3HD], got ", qkv.shape());
  if (heads % g != 0)
    fail("attention_packed: ", counted(heads, "head"), " cannot share ", counted(g, "key head"),
         "; use a divisor of the heads");
  const Index b = qkv.size(0), t = qkv.size(1), d = qkv.size(2) / all;
  const AttentionSizes n{b, heads, g, t, t, d, d};
  check_attention_options("attention_packed", n, qkv.dtype(), o);
  return attend("attention_packed", make_call(Call(n, o), qkv, Tensor(), Tensor(), Shape{b, t, heads * d}),
                {qkv, o.bias});
}

}  // namespace headlight
