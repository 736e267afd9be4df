// Causal linear attention (Katharopoulos et al. 2020), over chunks of c tokens.
//
// For one chunk, let Q = phi(q) and K = phi(k) [c,D] and V = [v 1] [c,E+1]. S [D,E+1] is the sum of K^T V over all
// earlier chunks; its last column is n. tril() zeros the elements above the diagonal.
//   N = tril(Q K^T) V + Q S         [c,E+1]: the numerators, and in the last column the denominators d
//   z = N / d
// Derivation of the backward pass, given dz, from Y = A B => dA = dY B^T, dB = A^T dY. R [D,E+1] is the sum of Q^T dN
// over all later chunks, which is the gradient of this chunk's K^T V:
//   dN = dz / d, and in the last column -(sum_e dz_e z_e) / d
//   dQ = tril(dN V^T) K + dN S^T
//   dK = tril(dN V^T)^T Q + V R^T
//   dV = tril(Q K^T)^T dN + K R
//   dq = dQ phi'(q), dk = dK phi'(k), where phi'(x) = min(phi(x), 1): phi(x) is x + 1 above 0, and e^x below
// Per token, the products within a chunk cost 2 c (D + E) operations and those with the sums 4 D E, so time is linear
// in T.
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <span>
#include <utility>

#include "headlight/autograd/tape.h"
#include "ops/common.h"

namespace headlight {

namespace {

constexpr Index kChunk = 64;

// phi'(x) = e^min(x,0), and phi(x) = e^min(x,0) + max(x,0).
Tensor slope(const Tensor& x) { return exp(sub(x, relu(x))); }
Tensor phi(const Tensor& x) { return add(slope(x), relu(x)); }

// Sizes of B H sequences of T tokens, divided into `count` chunks of `size` tokens. Zeros pad the last chunk.
struct Chunks {
  Index batch, heads, length, size, count;

  Chunks(Index b, Index h, Index t)
      : batch(b), heads(h), length(t), size(std::min(kChunk, std::max<Index>(t, 1))), count((t + size - 1) / size) {}

  Index rows() const { return batch * heads * length; }
  // Calls f(row in [B,H,T], the same row in [BH,N,c]) for all tokens.
  template <class F>
  void for_rows(Index columns, const F& f) const {
    parallel_for(rows(), row_grain(columns), [&](Index begin, Index end) {
      for (Index row = begin; row < end; ++row) f(row, row / length * count * size + row % length);
    });
  }
  // [BH,N,c,W], with zeros in the padding.
  Tensor empty(Index columns, DType dtype) const {
    const Shape shape{batch * heads, count, size, columns};
    return length % size == 0 ? Tensor::empty(shape, dtype) : Tensor::zeros(shape, dtype);
  }
};

// x [B,G,T,D] in chunks [BH,N,c,D], or [BH,N,c,D+1] with a last column of ones; each key head is repeated for the heads
// that share it.
Tensor chunked(const Chunks& n, const Tensor& x, bool ones = false) {
  const Index d = x.size(3), wide = ones ? d + 1 : d, group = n.heads / std::max<Index>(1, x.size(1));
  const Shape shape{n.batch * n.heads, n.count, n.size, wide};
  if (x.numel() == shape.numel()) return reshape(x, shape);
  Tensor y = n.empty(wide, x.dtype());
  dispatch(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* from = x.data<T>();
    T* to = y.data<T>();
    n.for_rows(wide, [&](Index row, Index place) {
      const T* in = from + (row / n.length / group * n.length + row % n.length) * d;
      std::copy(in, in + d, to + place * wide);
      if (ones) to[place * wide + d] = 1;
    });
  });
  return y;
}

// Zeros the elements above the diagonal of each matrix [..,c,c].
Tensor tril(Tensor x) {
  const Index c = x.size(-1);
  dispatch(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    T* data = x.data<T>();
    parallel_for(c == 0 ? 0 : x.numel() / c, row_grain(c), [&](Index begin, Index end) {
      for (Index row = begin; row < end; ++row) std::fill(data + row * c + row % c + 1, data + (row + 1) * c, T{0});
    });
  });
  return x;
}

// x [BH,N,D,W] -> the same shape: the sum over all earlier chunks, or over all later chunks, excluding the chunk
// itself.
enum class Which { kEarlier, kLater };
Tensor sums_of(Which which, const Tensor& x) {
  const Index count = x.size(1), size = x.size(2) * x.size(3);
  const bool earlier = which == Which::kEarlier;
  Tensor y = Tensor::zeros(x.shape(), x.dtype());
  dispatch(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* from = x.data<T>();
    T* to = y.data<T>();
    parallel_for(x.size(0), row_grain(count * size), [&](Index begin, Index end) {
      for (Index i = begin * count; i < end * count; ++i) {
        if (i % count == 0) continue;
        const Index at = earlier ? i : (i / count * 2 + 1) * count - 1 - i, before = earlier ? at - 1 : at + 1;
        for (Index j = 0; j < size; ++j) to[at * size + j] = to[before * size + j] + from[before * size + j];
      }
    });
  });
  return y;
}

constexpr MatmulOptions kLeft{.transpose_a = true}, kRight{.transpose_b = true};

// A denominator below this bound counts as 0, because its inverse would overflow in the products of the backward pass.
template <class T>
T inverse_of(T denominator) {
  return denominator < std::sqrt(std::numeric_limits<T>::min()) ? T{0} : 1 / denominator;
}

// The backward pass of chunked(): converts gradients of chunks [BH,N,c,W], W >= D, to the gradient of x [B,G,T,D], and
// adds up the gradients of heads that share a key head.
Tensor chunked_backward(const Chunks& n, const Tensor& chunks, const Tensor& x) {
  const Index w = chunks.size(3), d = x.size(3), g = x.size(1), group = n.heads / std::max<Index>(1, g);
  if (x.numel() == chunks.numel()) return reshape(chunks, x.shape());
  Tensor dx = Tensor::zeros(x.shape(), x.dtype());
  dispatch(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* from = chunks.data<T>();
    T* to = dx.data<T>();
    Chunks(n.batch, g, n.length).for_rows(d, [&](Index row, Index) {
      const T* first = from + (row / n.length * group * n.count * n.size + row % n.length) * w;
      for (Index h = 0; h < group; ++h)
        kernels::active<T>().accumulate(d, first + h * n.count * n.size * w, to + row * d);
    });
  });
  return dx;
}

void check(const Tensor& q, const Tensor& k, const Tensor& v) {
  if (q.rank() != 4 || k.rank() != 4 || v.rank() != 4)
    fail("linear_attention: q, k, v must be [B,H,T,D], got ", q.shape(), ", ", k.shape(), ", ", v.shape());
  check_same_dtype("linear_attention", q, k);
  check_same_dtype("linear_attention", q, v);
  const Index h = q.size(1), g = k.size(1);
  if (k.size(0) != q.size(0) || (g == 0 ? h != 0 : h % g != 0) || k.size(2) != q.size(2) || k.size(3) != q.size(3))
    fail("linear_attention: q ", q.shape(), " and k ", k.shape(), " differ in batch, heads, length or head size");
  if (!(v.shape().with(3, 0) == k.shape().with(3, 0)))
    fail("linear_attention: k ", k.shape(), " and v ", v.shape(), " differ in batch, heads or length");
}

// The quadratic form: the weights [B,H,T,T].
Tensor weights_of(const Tensor& q, const Tensor& k) {
  const Index b = q.size(0), h = q.size(1), t = q.size(2), d = q.size(3);
  if (t == 0) return Tensor::empty({b, h, 0, 0}, q.dtype());
  const auto whole = [&](const Tensor& x) {  // one chunk
    Chunks n(b, h, t);
    n.size = t;
    n.count = 1;
    return reshape(chunked(n, phi(x)), {b, h, n.size, d});
  };
  Tensor a = tril(matmul(whole(q), whole(k), kRight));
  const Tensor totals = sum(a, -1);
  dispatch(q.dtype(), [&](auto zero) {
    using T = decltype(zero);
    T* row = a.data<T>();
    for (const T total : std::span(totals.data<T>(), static_cast<std::size_t>(totals.numel()))) {
      kernels::active<T>().scale(t, inverse_of(total), row, row);
      row += t;
    }
  });
  return a;
}

// Returns z, and writes inverse_of(d) to `inverse` [B,H,T,1]. Not recorded.
Tensor outputs_of(const Chunks& n, const Tensor& q, const Tensor& k, const Tensor& v, Tensor& inverse) {
  const NoGrad no_recording;
  const Index e = v.size(3);
  Tensor z = Tensor::empty(q.shape().with(3, e), q.dtype());
  const Tensor queries = chunked(n, phi(q)), keys = chunked(n, phi(k)), values = chunked(n, v, true);
  Tensor sums = matmul(tril(matmul(queries, keys, kRight)), values);
  if (n.count > 1) sums = add(sums, matmul(queries, sums_of(Which::kEarlier, matmul(keys, values, kLeft))));
  dispatch(q.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* from = std::as_const(sums).data<T>();
    T *to = z.data<T>(), *ratio = inverse.data<T>();
    n.for_rows(e, [&](Index row, Index place) {
      const T* numbers = from + place * (e + 1);
      ratio[row] = inverse_of(numbers[e]);
      for (Index i = 0; i < e; ++i) to[row * e + i] = numbers[i] * ratio[row];
    });
  });
  return z;
}

// One call, which recomputes z at most once: the output projection and the backward function share the result.
struct LinearAttentionCall final : Rematerialization {
  Chunks n;
  Tensor q, k, v, inverse;
  Precision precision = default_precision();
  mutable Tensor z;  // undefined if z must be recomputed

  LinearAttentionCall(const Chunks& chunks, const Tensor& q_in, const Tensor& k_in, const Tensor& v_in)
      : n(chunks),
        q(q_in.detach()),
        k(k_in.detach()),
        v(v_in.detach()),
        inverse(Tensor::empty(q.shape().with(3, 1), q.dtype())) {}
  Tensor make() const override {
    Tensor written = inverse;  // recomputing writes the same numbers
    const PrecisionScope same(precision);
    if (!z.defined()) z = outputs_of(n, q, k, v, written);
    return z.detach();
  }
  void backward(const Tensor& dz, const Gradients& d) const {
    const Index e = v.size(3);
    const Tensor out = make();
    z = Tensor();
    const Tensor queries = chunked(n, phi(q)), keys = chunked(n, phi(k)), values = chunked(n, v, true);
    Tensor dsums = n.empty(e + 1, q.dtype());
    dispatch(q.dtype(), [&](auto zero) {
      using T = decltype(zero);
      const T *pdz = dz.data<T>(), *pz = out.data<T>(), *ratio = inverse.data<T>();
      T* to = dsums.data<T>();
      n.for_rows(e, [&](Index row, Index place) {
        T dot = 0;
        for (Index i = 0; i < e; ++i) {
          to[place * (e + 1) + i] = pdz[row * e + i] * ratio[row];
          dot += pdz[row * e + i] * pz[row * e + i];
        }
        to[place * (e + 1) + e] = -dot * ratio[row];
      });
    });
    const bool several = n.count > 1;
    const Tensor later = several ? sums_of(Which::kLater, matmul(queries, dsums, kLeft)) : Tensor();
    const Tensor dproducts = tril(matmul(dsums, values, kRight));  // of Q K^T
    if (d[0].needed()) {
      Tensor dqueries = matmul(dproducts, keys);
      if (several) {
        const Tensor earlier = sums_of(Which::kEarlier, matmul(keys, values, kLeft));
        dqueries = add(dqueries, matmul(dsums, earlier, kRight));
      }
      d[0].add(mul(chunked_backward(n, dqueries, q), slope(q)));
    }
    if (d[1].needed()) {
      Tensor dkeys = matmul(dproducts, queries, kLeft);
      if (several) dkeys = add(dkeys, matmul(values, later, kRight));
      d[1].add(mul(chunked_backward(n, dkeys, k), slope(k)));
    }
    if (d[2].needed()) {
      Tensor dvalues = matmul(tril(matmul(queries, keys, kRight)), dsums, kLeft);
      if (several) dvalues = add(dvalues, matmul(keys, later));
      d[2].add(chunked_backward(n, dvalues, v));
    }
  }
};

}  // namespace

Tensor linear_attention(const Tensor& q, const Tensor& k, const Tensor& v, Tensor* weights) {
  check(q, k, v);
  const Chunks n(q.size(0), q.size(1), q.size(2));
  if (weights) {
    const NoGrad no_recording;
    *weights = weights_of(q, k);
  }
  const auto call = std::allocate_shared<LinearAttentionCall>(PoolAllocator<LinearAttentionCall>(), n, q, k, v);
  Tensor z = outputs_of(n, q, k, v, call->inverse);
  const bool remat = RematScope::active();
  if (!remat) call->z = z.detach();
  record("linear_attention", z, {q, k, v}, [call](const Tensor& dz, const Gradients& d) { call->backward(dz, d); });
  if (remat) set_rematerialization(z, call);
  return z;
}

}  // namespace headlight
