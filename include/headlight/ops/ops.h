// The operations: functions from tensors to a new tensor, recorded on the current tape (autograd/tape.h).
//
// src/ops/<name>.cpp defines each operation next to its derivative. All tensors of one call must have the same type.
// Errors: types differ or shapes do not fit; the message names the operation and the shapes.
//
// To add an operation, write one .cpp, one line here, and one case in tests/ops/cases.cpp (src/ops/README.md has an
// example). A test fails if the case is missing.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

#include "headlight/tensor/tensor.h"

namespace headlight {

// ---- elementwise arithmetic with NumPy broadcasting; the result has the broadcast shape ----
Tensor add(const Tensor& a, const Tensor& b);
Tensor sub(const Tensor& a, const Tensor& b);
Tensor mul(const Tensor& a, const Tensor& b);
Tensor div(const Tensor& a, const Tensor& b);
// y = factor x.
Tensor scale(const Tensor& x, double factor);
// `value` is converted to the type of x.
Tensor add(const Tensor& x, double value);
Tensor sub(const Tensor& x, double value);
Tensor sub(double value, const Tensor& x);
Tensor mul(const Tensor& x, double value);  // scale(x, value)
Tensor div(const Tensor& x, double value);
Tensor div(double value, const Tensor& x);
// a^b. The derivative with respect to b is 0 where a is 0 and b is not negative.
Tensor pow(const Tensor& a, const Tensor& b);
Tensor pow(const Tensor& x, double exponent);
// The larger (smaller) of a and b; NaN if either is NaN. Equal elements get half of the gradient each.
Tensor maximum(const Tensor& a, const Tensor& b);
Tensor minimum(const Tensor& a, const Tensor& b);
// a where the mask is not 0, b elsewhere. The three shapes broadcast; the mask gets no gradient.
Tensor where(const Tensor& mask, const Tensor& a, const Tensor& b);

// ---- elementwise functions; y has the shape of x ----
Tensor neg(const Tensor& x);
Tensor abs(const Tensor& x);  // derivative 0 at 0
// min(max(x, low), high); the derivative at the bounds is 1. A bound may be infinite.
Tensor clamp(const Tensor& x, double low, double high);
Tensor exp(const Tensor& x);
Tensor log(const Tensor& x);  // natural logarithm; NaN for negative x, as in IEEE 754
Tensor sqrt(const Tensor& x);
Tensor sin(const Tensor& x);
Tensor cos(const Tensor& x);
Tensor tanh(const Tensor& x);
Tensor sigmoid(const Tensor& x);  // 1 / (1 + e^-x)
Tensor relu(const Tensor& x);     // max(0, x), derivative 0 at 0
// x Phi(x), where Phi is the standard normal distribution function (Hendrycks, Gimpel 2016). kErf is exact; kTanh is
// the tanh approximation, which GPT-2 uses. The two differ by at most 5e-4.
enum class Gelu { kTanh, kErf };
Tensor gelu(const Tensor& x, Gelu form = Gelu::kTanh);
Tensor silu(const Tensor& x);  // x sigmoid(x)
// tanh(a) sigmoid(b) for the halves a and b of the last axis, the gate of WaveNet (van den Oord et al. 2016):
// x [...,2n] -> [...,n]. Error: the size of the last axis is odd.
Tensor gated_tanh(const Tensor& x);

// ---- reductions ----
// Reduce one axis (-1 is the last). The axis is removed, or kept with size 1 if `keep`. The sum over an empty axis is
// 0; mean, max and min over an empty axis are errors. The gradient of max and min goes to the first of several equal
// elements.
Tensor sum(const Tensor& x, int axis, bool keep = false);
Tensor mean(const Tensor& x, int axis, bool keep = false);
Tensor max(const Tensor& x, int axis, bool keep = false);
Tensor min(const Tensor& x, int axis, bool keep = false);
// log sum e^x, without overflow; -inf if all elements are -inf or the axis is empty.
Tensor logsumexp(const Tensor& x, int axis, bool keep = false);
// sum (x - mean)^2 / (n - correction), where n is the size of the axis: the unbiased variance by default, the biased
// variance with correction 0. Error: n is not above the correction.
Tensor var(const Tensor& x, int axis, bool keep = false, Index correction = 1);
// Reduce all elements to a scalar [].
Tensor sum(const Tensor& x);
Tensor mean(const Tensor& x);
Tensor max(const Tensor& x);
Tensor min(const Tensor& x);
// Reduce several axes, with the same rules. Further errors: no axes, an axis given twice.
Tensor sum(const Tensor& x, std::initializer_list<int> axes, bool keep = false);
Tensor mean(const Tensor& x, std::initializer_list<int> axes, bool keep = false);
Tensor max(const Tensor& x, std::initializer_list<int> axes, bool keep = false);
Tensor min(const Tensor& x, std::initializer_list<int> axes, bool keep = false);
Tensor logsumexp(const Tensor& x, std::initializer_list<int> axes, bool keep = false);
Tensor var(const Tensor& x, std::initializer_list<int> axes, bool keep = false, Index correction = 1);
// The indices of the first maximum along one axis, in row-major order of x's shape without this axis. NaN counts as the
// maximum. Indices have no derivative. Error: the axis is empty.
PoolVector<std::int32_t> argmax(const Tensor& x, int axis = -1);
// The sums of the first 1, 2, ... elements along one axis; y has the shape of x.
Tensor cumsum(const Tensor& x, int axis);

// ---- matrix product ----
struct MatmulOptions {
  bool transpose_a = false;  // a has shape [...,k,m]
  bool transpose_b = false;  // b has shape [...,n,k]
  double scale = 1;          // multiplies the product
};
// a [...,m,k], b [...,k,n] -> [...,m,n]; the axes before the last two broadcast. Error: a rank below 2.
Tensor matmul(const Tensor& a, const Tensor& b, const MatmulOptions& options = {});
// y = addend + x w^T + bias: x [...,in], w [out,in], bias [out] or undefined, addend [...,out] or undefined
// -> [...,out].
// The addend fuses a residual connection; the result is bit-identical to add(addend, linear(x, w, bias)).
Tensor linear(const Tensor& x, const Tensor& w, const Tensor& bias = {}, const Tensor& addend = {});

// ---- shape ----
// Shares the storage of x. One size may be -1 and is inferred. Error: the element counts differ.
Tensor reshape(const Tensor& x, std::initializer_list<Index> sizes);
Tensor reshape(const Tensor& x, const Shape& shape);
// Axis i of the result is axis axes[i] of x.
Tensor permute(const Tensor& x, std::initializer_list<int> axes);
// Swaps two axes.
Tensor transpose(const Tensor& x, int axis_a = -2, int axis_b = -1);
// Elements begin..end-1 of one axis. Error: unless 0 <= begin <= end <= size.
Tensor slice(const Tensor& x, int axis, Index begin, Index end);
// Joins the parts along one axis. Errors: no parts; the sizes of the other axes differ.
Tensor concat(std::span<const Tensor> parts, int axis);
Tensor concat(std::initializer_list<Tensor> parts, int axis);
// Joins parts of one shape along a new axis. Errors: no parts, different shapes, parts of rank 4.
Tensor stack(std::span<const Tensor> parts, int axis);
Tensor stack(std::initializer_list<Tensor> parts, int axis);
// Cuts one axis into parts of `size` elements; the last part may be smaller. Error: size below 1.
PoolVector<Tensor> split(const Tensor& x, int axis, Index size);
// Adds `before` and `after` elements equal to `value` at the ends of one axis. Error: a negative number.
Tensor pad(const Tensor& x, int axis, Index before, Index after, double value = 0);
// The elements indices[0], indices[1], ... of one axis; indices may repeat (numpy.take, ONNX Gather).
// Error: an index outside 0..size-1.
Tensor gather(const Tensor& x, int axis, std::span<const std::int32_t> indices);

// ---- softmax ----
// y_i = e^{x_i} / sum_j e^{x_j} over one axis, and its logarithm. The maximum is subtracted first to avoid
// overflow. -inf means masked. The softmax of a row of -inf is all zeros, as for a query without visible keys.
// PyTorch gives NaN for such a row.
Tensor softmax(const Tensor& x, int axis = -1);
Tensor log_softmax(const Tensor& x, int axis = -1);
// Softmax over the elements of the last axis whose mask is not 0. The mask broadcasts to x and gets no gradient. Masked
// elements get probability 0 and gradient 0, even for an infinite dy. A fully masked row is all zeros, never NaN.
Tensor masked_softmax(const Tensor& x, const Tensor& mask);

// ---- loss ----
inline constexpr std::int32_t kIgnoredTarget = -1;
// The mean of -log softmax(logits)[target] in nats, over the targets other than kIgnoredTarget; 0 if all are ignored.
// logits [...,V], one target per row -> []. Errors: the counts differ, a target outside 0..V-1.
Tensor cross_entropy(const Tensor& logits, std::span<const std::int32_t> targets);
// Knowledge distillation (Hinton et al. 2015): the mean over rows of T^2 KL(softmax(teacher/T) || softmax(logits/T)) in
// nats, with T = `temperature`; 0 if there are no rows. logits and teacher [...,V] -> []. `teacher` gets no gradient.
// Errors: the shapes differ, V = 0, T not above 0.
Tensor distillation_loss(const Tensor& logits, const Tensor& teacher, double temperature = 1);

// How a loss combines the losses of its elements: their mean [], their sum [], or not at all.
enum class Reduction { kMean, kSum, kNone };
struct CrossEntropyOptions {
  int axis = -1;                           // the axis of the classes
  Tensor weights = {};                     // [V]: multiplies the loss of each class; undefined: ones; no gradient
  std::int32_t ignored = kIgnoredTarget;   // targets with this value have no loss
  Reduction reduction = Reduction::kMean;  // the mean divides by the sum of the targets' weights
  double label_smoothing = 0;              // share of the target distribution that is uniform over the classes
};
// cross_entropy() with options, as in PyTorch. Targets are in row-major order of the logits' axes without the class
// axis; the losses of Reduction::kNone have that shape. Further errors: label_smoothing outside [0, 1]; weights not
// [V].
Tensor cross_entropy(const Tensor& logits, std::span<const std::int32_t> targets, const CrossEntropyOptions& options);
// (x - target)^2. Both get a gradient. Errors: the shapes differ; no elements to average.
Tensor mse_loss(const Tensor& x, const Tensor& target, Reduction reduction = Reduction::kMean);
// -(t log p + (1 - t) log(1 - p)) for probabilities p. Logarithms below -100 count as -100, as in PyTorch. The target
// gets no gradient. Errors: the shapes differ, p outside [0, 1], no elements to average.
Tensor binary_cross_entropy(const Tensor& p, const Tensor& target, Reduction reduction = Reduction::kMean);
// The same for p = sigmoid(x), without overflow.
Tensor binary_cross_entropy_with_logits(const Tensor& x, const Tensor& target, Reduction reduction = Reduction::kMean);

// ---- normalization over the last axis; x [...,n], gamma and beta [n] -> [...,n] ----
// gamma (x - mean) / sqrt(variance + eps) + beta, with the biased variance (Ba, Kiros, Hinton 2016).
Tensor layer_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, double eps = 1e-5);
// gamma x / sqrt(mean(x^2) + eps) (Zhang, Sennrich 2019).
Tensor rms_norm(const Tensor& x, const Tensor& gamma, double eps = 1e-5);

// ---- embedding ----
// Row ids[i] of the table for each i: table [V,C], ids in row-major order of `shape` -> [shape...,C].
// Errors: the number of ids is not the element count of `shape`, an id outside 0..V-1.
Tensor embedding(const Tensor& table, std::span<const std::int32_t> ids, const Shape& shape);

// ---- dropout ----
// Sets each element to zero with probability p and multiplies the others by 1/(1-p) (Srivastava et al. 2014). The
// random key comes from generator(). This function always drops; the layer Dropout does so only in training.
// Error: p outside [0, 1).
Tensor dropout(const Tensor& x, double p);

// ---- attention ----
struct AttentionOptions {
  bool causal = false;  // query t of T attends to keys 0 .. t + S - T + shift
  double scale = 0;     // multiplies q k^T; 0 means 1/sqrt(D)
  Tensor mask;          // 1: visible, 0: masked; broadcasts to [B,H,T,S]; undefined: all visible; no gradient
  Tensor bias;          // added to the scores; broadcasts to [B,H,T,S]; undefined: none; gets a gradient
  double dropout = 0;   // dropout probability of the attention weights, in [0, 1)
  Index window = 0;     // if above 0, a query attends only to the last `window` keys that `causal` allows
  Index shift = 0;      // moves the limit of `causal`; T - S lets query t attend to keys 0 .. t
  double softcap = 0;   // if above 0, scale q k^T is replaced by softcap tanh(scale q k^T / softcap)
};
// masked_softmax(scale q k^T + bias, mask) v: q [B,H,T,D], k [B,G,S,D], v [B,G,S,E] -> [B,H,T,E] (Vaswani et al. 2017).
// G is H, or a divisor of H: H / G neighboring heads then share a key head (grouped queries, Ainslie et al. 2023).
// If `weights` is not null, *weights receives the attention weights [B,H,T,S] before dropout, without gradient.
// Otherwise each thread holds only one tile of the weights, and memory grows linearly with T and S. With a window,
// time grows linearly too. The output of a query without visible keys is zero. Errors: sizes or types differ, causal
// with S < T and no shift, a window or shift without causal, a negative softcap.
Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& options = {},
                 Tensor* weights = nullptr);
// Self-attention of H = `heads` heads on the result of one packed projection: qkv [B,T,(H+2G)D] -> [B,T,HD]. The
// columns of qkv are the queries of all heads, then the keys of G = `key_heads` heads (0: H), then the values. Errors:
// H is not divisible by G, or the last axis by H+2G.
Tensor attention_packed(const Tensor& qkv, Index heads, const AttentionOptions& options = {}, Index key_heads = 0);
// attention() composed of the operations above: the reference that the tests compare attention() with.
Tensor attention_composite(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& options = {},
                           Tensor* weights = nullptr);
// Causal linear attention (Katharopoulos et al. 2020), in time and memory linear in T: q [B,H,T,D], k [B,G,T,D],
// v [B,G,T,E], with G as in attention() -> [B,H,T,E]. With phi(x) = elu(x) + 1,
//   z_t = phi(q_t) S_t / (phi(q_t) n_t),   S_t = sum_{s<=t} phi(k_s)^T v_s [D,E],   n_t = sum_{s<=t} phi(k_s) [D]
// z is 0 where the denominator is below 1e-19 (float32), that is, where every product phi(q_t) phi(k_s) is that small.
// If `weights` is not null, *weights receives phi(q_t) phi(k_s) / (phi(q_t) n_t) as [B,H,T,T], without gradient.
// Error: sizes or types differ.
Tensor linear_attention(const Tensor& q, const Tensor& k, const Tensor& v, Tensor* weights = nullptr);
// Rotates each pair (x[i], x[i + D/2]) at position t by the angle (t + offset) base^(-2i/D): rotary position encoding
// (Su et al. 2021) in the half-split layout. x [...,T,D] -> [...,T,D]. Errors: D odd, offset below 0, base not above 0.
Tensor rotate(const Tensor& x, Index offset = 0, double base = 10000);
// The same with the cosines and sines of the angles given: both tensors broadcast to [...,T,D/2] and get no gradient.
// With `neighbors`, the pairs are (x[2i], x[2i + 1]). Errors: D odd, sizes or types differ.
Tensor rotate(const Tensor& x, const Tensor& cosine, const Tensor& sine, bool neighbors = false);
// Each row of x [...,T,C] begins with `heads` vectors of `size` columns: rotates each vector as rotate(x, offset, base),
// and copies the other columns. If x is passed by std::move and no other handle shares its storage, the result
// overwrites x. Errors: rank below 2, size odd or below 2, heads that do not fit in C, offset below 0, base not above 0.
Tensor rotate_heads(Tensor x, Index heads, Index size, Index offset = 0, double base = 10000);

// ---- recurrent layers over a whole sequence, with PyTorch's formulas and gate order (src/ops/recurrent.cpp) ----
// x [B,T,GC] holds the input's contribution to the G gates, usually linear(input, w_ih, b_ih). w [GC,C], bias [GC] or
// undefined. h0 [B,C] is the state before the first step; undefined: zeros. Returns the states after each step [B,T,C].
// Simple recurrent network (Elman 1990), G = 1: h = tanh(x + w h + bias).
Tensor rnn(const Tensor& x, const Tensor& w, const Tensor& bias = {}, const Tensor& h0 = {});
// GRU (Cho et al. 2014), G = 3: gates r, z, n.
Tensor gru(const Tensor& x, const Tensor& w, const Tensor& bias = {}, const Tensor& h0 = {});
// LSTM (Hochreiter, Schmidhuber 1997), G = 4: gates i, f, g, o. c0 [B,C] is the cell before the first step; undefined:
// zeros. If `last_cell` is not null, *last_cell receives the cell after the last step [B,C], with its gradient.
Tensor lstm(const Tensor& x, const Tensor& w, const Tensor& bias = {}, const Tensor& h0 = {}, const Tensor& c0 = {},
            Tensor* last_cell = nullptr);

// ---- convolution along a sequence ----
struct Conv1dOptions {
  Index dilation = 1;  // distance between neighboring taps
  Index groups = 1;    // output channels depend only on the input channels of the same group
};
// Causal convolution with stride 1: y_t = bias + sum_k W_k x_{t - (K-1-k) dilation}, where x is 0 before t = 0.
// x [B,T,C], w [O, K C/groups], bias [O] or undefined -> [B,T,O]. Row o of w holds the taps one after the other, the
// oldest first: column k C/groups + c multiplies channel c of the group. A PyTorch weight p [O, C/groups, K]
// becomes w = reshape(permute(p, {0, 2, 1}), {O, -1}). Errors: sizes do not fit, dilation below 1, groups do not divide
// C and O.
Tensor conv1d(const Tensor& x, const Tensor& w, const Tensor& bias = {}, const Conv1dOptions& options = {});

// ---- graphs ----
// A directed edge: the target receives the source's features.
struct Edge {
  std::int32_t source, target;
};
struct GraphAttentionOptions {
  double slope = 0.2;       // of LeakyReLU for negative scores
  bool self_loops = false;  // add the edge i -> i to each node i without one
};
// Graph attention of H heads over the N nodes of a graph (Velickovic et al. 2018): h [N,HD] -> [N,HD]. With the edges
// j -> i of a target i, head by head:
//   y_i = sum_j w_ij h_j,  w_i = softmax over j of LeakyReLU(source . h_j + target . h_i)
// source and target [H,D] are the halves of the paper's vector a. An edge that occurs several times in `edges` counts
// that many times. A node without incoming edges gets zeros. Time and memory are proportional to N + the number of
// edges. Errors: sizes or types differ, a node outside 0..N-1.
Tensor graph_attention(const Tensor& h, const Tensor& source, const Tensor& target, std::span<const Edge> edges,
                       const GraphAttentionOptions& options = {});

// ---- operators ----
inline Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return sub(a, b); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return mul(a, b); }  // elementwise; see matmul()
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
