// Every operation: a function from tensors to a new tensor. Each records itself on the current tape (autograd/tape.h)
// and has its derivative beside it, in src/ops/<name>.cpp. Errors name the operation and the shapes. The tensors given
// to one operation must have one type.
//
// Adding an operation: one new .cpp, one line here, one case in tests/ops/cases.cpp (a test fails when it is missing).
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

#include "headlight/tensor/tensor.h"

namespace headlight {

// ---- arithmetic, with NumPy's broadcasting ----
Tensor add(const Tensor& a, const Tensor& b);
Tensor sub(const Tensor& a, const Tensor& b);
Tensor mul(const Tensor& a, const Tensor& b);
Tensor div(const Tensor& a, const Tensor& b);
// factor x, for a number that is not a tensor.
Tensor scale(const Tensor& x, double factor);
// A number takes the type of the tensor.
Tensor add(const Tensor& x, double value);
Tensor sub(const Tensor& x, double value);
Tensor sub(double value, const Tensor& x);
Tensor mul(const Tensor& x, double value);  // scale()
Tensor div(const Tensor& x, double value);
Tensor div(double value, const Tensor& x);

// ---- functions of each element ----
Tensor neg(const Tensor& x);
Tensor exp(const Tensor& x);
Tensor log(const Tensor& x);  // of a negative number: NaN, as in IEEE 754
Tensor sqrt(const Tensor& x);
Tensor tanh(const Tensor& x);
Tensor sigmoid(const Tensor& x);  // 1 / (1 + e^-x)
Tensor relu(const Tensor& x);     // max(0, x), derivative 0 at 0
// x Phi(x) with Phi the normal distribution (Hendrycks, Gimpel 2016): by erf, or by its tanh approximation, which is
// what GPT-2 uses. They differ by at most 5e-4.
enum class Gelu { kTanh, kErf };
Tensor gelu(const Tensor& x, Gelu form = Gelu::kTanh);
Tensor silu(const Tensor& x);  // x sigmoid(x)

// ---- reductions ----
// Over one axis (-1 is the last), which disappears, or stays with size 1 when keep. The sum of nothing is 0; mean and
// max of nothing are errors. The gradient of max goes to the first of equal elements.
Tensor sum(const Tensor& x, int axis, bool keep = false);
Tensor mean(const Tensor& x, int axis, bool keep = false);
Tensor max(const Tensor& x, int axis, bool keep = false);
// Over all elements, to a scalar.
Tensor sum(const Tensor& x);
Tensor mean(const Tensor& x);
Tensor max(const Tensor& x);

// ---- matrix product ----
struct MatmulOptions {
  bool transpose_a = false;  // a is stored [...,k,m]
  bool transpose_b = false;  // b is stored [...,n,k]
  double scale = 1;          // multiplies the product
};
// [...,m,k] x [...,k,n] -> [...,m,n]; the axes before the last two broadcast. Both need rank 2 or more.
Tensor matmul(const Tensor& a, const Tensor& b, const MatmulOptions& options = {});
// addend + x w^T + bias: x [...,in], w [out,in], bias [out] or not defined, addend [...,out] or not defined -> [...,out].
// The addend is a residual connection without a pass of its own; the bits are those of add(addend, linear(x, w, bias)).
Tensor linear(const Tensor& x, const Tensor& w, const Tensor& bias = {}, const Tensor& addend = {});

// ---- shape ----
// Shares the storage. One size may be -1: whatever is left.
Tensor reshape(const Tensor& x, std::initializer_list<Index> sizes);
Tensor reshape(const Tensor& x, const Shape& shape);
// Axis i of the result is axis axes[i] of x.
Tensor permute(const Tensor& x, std::initializer_list<int> axes);
// Swaps two axes.
Tensor transpose(const Tensor& x, int axis_a = -2, int axis_b = -1);
// Elements begin..end-1 along an axis. Error: not 0 <= begin <= end <= size.
Tensor slice(const Tensor& x, int axis, Index begin, Index end);
// One after another along an axis; the other sizes agree.
Tensor concat(std::span<const Tensor> parts, int axis);
Tensor concat(std::initializer_list<Tensor> parts, int axis);
// The elements indices[0], indices[1], ... along an axis, repeats allowed (NumPy's take, ONNX's Gather).
// Error: an index outside 0..size-1.
Tensor gather(const Tensor& x, int axis, std::span<const std::int32_t> indices);

// ---- softmax ----
// Over the last axis, computed with the largest element subtracted. -inf counts as masked: softmax of a row of nothing
// else is all zeros (in PyTorch NaN), as for a query that may see nothing.
Tensor softmax(const Tensor& x);
Tensor log_softmax(const Tensor& x);
// The same over the elements whose mask is not 0; the mask [..] broadcasts to x and gets no gradient. What is masked
// gets 0, and a gradient of 0 whatever arrives there; a row that is masked all over is all zeros, never NaN.
Tensor masked_softmax(const Tensor& x, const Tensor& mask);

// ---- loss ----
inline constexpr std::int32_t kIgnoredTarget = -1;
// Mean of -log softmax(logits)[target] over the targets that are not kIgnoredTarget (0 when all are), in nats.
// logits [..., V], one target for each row. Errors: the counts differ, a target outside 0..V-1.
Tensor cross_entropy(const Tensor& logits, std::span<const std::int32_t> targets);

// ---- normalisation, over the last axis ----
// gamma (x - mean) / sqrt(variance + eps) + beta (Ba, Kiros, Hinton 2016); gamma and beta [n].
Tensor layer_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, double eps = 1e-5);
// gamma x / sqrt(mean(x^2) + eps) (Zhang, Sennrich 2019).
Tensor rms_norm(const Tensor& x, const Tensor& gamma, double eps = 1e-5);

// ---- rows of a table ----
// table [V,C], ids laid out as `shape` -> [shape..., C]. Errors: the counts differ, an id outside 0..V-1.
Tensor embedding(const Tensor& table, std::span<const std::int32_t> ids, const Shape& shape);

// ---- dropout ----
// Each element is zero with probability p, and 1/(1-p) times itself otherwise (Srivastava et al. 2014), the choice
// drawn from generator(). Always drops: the layer Dropout decides whether this is training. Error: p outside [0, 1).
Tensor dropout(const Tensor& x, double p);

// ---- attention ----
struct AttentionOptions {
  bool causal = false;  // query t of T sees keys 0 .. t + S - T
  double scale = 0;     // multiplies the scores; 0 stands for 1/sqrt(D)
  Tensor mask;          // 1 where a query may see a key, 0 where not; broadcasts to [B,H,T,S]. May be left undefined
  Tensor bias;          // added to the scores; broadcasts to [B,H,T,S]. May be left undefined; gets a gradient
  double dropout = 0;   // probability with which a weight is dropped, as by dropout()
};
// softmax(q k^T scale + bias, masked) v: q [B,H,T,D], k [B,H,S,D], v [B,H,S,E] -> [B,H,T,E] (Vaswani et al. 2017).
// When `weights` is not null the softmax [B,H,T,S], before any dropout, is stored there (without gradient); otherwise
// no more than a tile of it exists at a time, and memory grows linearly with T and S.
// A query that may see nothing gets zeros.
Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& options = {},
                 Tensor* weights = nullptr);
// Self-attention of `heads` heads on packed queries, keys and values, read where a single projection left them:
// qkv [B,T,3HD], its columns all heads' queries, then keys, then values -> [B,T,HD]. Error: 3H does not divide them.
Tensor attention_packed(const Tensor& qkv, Index heads, const AttentionOptions& options = {});
// The same made of the operations above, step by step: the definition that `attention` is tested against.
Tensor attention_composite(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& options = {},
                           Tensor* weights = nullptr);
// Turns pairs (x[i], x[i + D/2]) of each position by the angle (position + offset) * base^(-2i/D): rotary position
// encoding (Su et al. 2021) in the half-split layout. x [..., T, D], D even.
Tensor rotate(const Tensor& x, Index offset = 0, double base = 10000);

// ---- the arithmetic as operators ----
inline Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return sub(a, b); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return mul(a, b); }  // of elements; products: matmul()
inline Tensor operator/(const Tensor& a, const Tensor& b) { return div(a, b); }
inline Tensor operator+(const Tensor& x, double value) { return add(x, value); }
inline Tensor operator-(const Tensor& x, double value) { return sub(x, value); }
inline Tensor operator*(const Tensor& x, double value) { return mul(x, value); }
inline Tensor operator/(const Tensor& x, double value) { return div(x, value); }
inline Tensor operator+(double value, const Tensor& x) { return add(x, value); }
inline Tensor operator-(double value, const Tensor& x) { return sub(value, x); }
inline Tensor operator*(double value, const Tensor& x) { return mul(x, value); }
inline Tensor operator/(double value, const Tensor& x) { return div(value, x); }
inline Tensor operator-(const Tensor& x) { return neg(x); }

}  // namespace headlight
