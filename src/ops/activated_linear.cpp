// activated_linear: y = addend + f(h) w^T + bias for an elementwise f, without storing f(h).
//
//   dw = dy^T f(h),  dh = (dy w) f'(h),  dbias = sum of dy over all rows,  daddend = dy
//
// Both passes compute f(h) for a block of rows at a time, which stays in the level 2 cache. In dw, the sums run over
// the rows. A block has the length of the pieces into which gemm() divides such sums (gemm_block_length()), so the
// additions have the order of linear(), and the results are bit-identical to linear(f(h), w, bias, addend). dh
// overwrites h if no other tensor shares its storage.
#include <algorithm>

#include "ops/common.h"

namespace headlight {

namespace {

using kernels::Unary;

// to = f(from). Takes pointers, because h.data() fails after dh has overwritten a part of h.
void activate(Unary f, Index count, const float* from, float* to) {
  parallel_for(count, kGrain, [&](Index first, Index end) {
    kernels::active<float>().unary(f, end - first, from + first, to + first);
  });
}

}  // namespace

Tensor activated_linear(Unary f, const Tensor& h, const Tensor& w, const Tensor& bias, const Tensor& addend) {
  const Index in = w.size(1), out = w.size(0), rows = h.shape().outer(-1);
  const Index length = kernels::gemm_block_length(rows);
  const Precision precision = default_precision();
  Tensor y = Tensor::empty(h.shape().with(-1, out), h.dtype());
  {
    Tensor block = Tensor::empty({length, in}, h.dtype());
    for (Index begin = 0; begin < rows; begin += length) {
      const Index count = std::min(length, rows - begin);
      activate(f, count * in, h.data<float>() + begin * in, block.data<float>());
      kernels::Gemm<float> g;
      g.m = count, g.n = out, g.k = in;
      g.a = std::as_const(block).data<float>(), g.lda = in;
      g.b = w.data<float>(), g.ldb = in, g.trans_b = true;
      g.c = y.data<float>() + begin * out, g.ldc = out;
      if (bias.defined()) g.bias = bias.data<float>();
      if (addend.defined()) g.addend = addend.data<float>() + begin * out;
      gemm(g, precision);
    }
  }
  record("activated_linear", y, {h, w, bias, addend},
         [f, h = h.detach(), w = w.detach(), precision, length, in, out, rows](const Tensor& dy, const Gradients& d) {
           Tensor block = Tensor::empty({length, in}, h.dtype());  // f(h) for dw, then dy w for dh
           bool accumulate = false;
           Tensor dw = d[1].needed() ? d[1].target(accumulate) : Tensor();
           const float *ph = h.data<float>(), *pdy = dy.data<float>();
           Tensor dh = d[0].needed() ? overwritten(h) : Tensor();
           float* pdh = dh.defined() ? dh.data<float>() : nullptr;
           for (Index begin = 0; begin < rows; begin += length) {
             const Index count = std::min(length, rows - begin);
             float* pb = block.data<float>();
             if (dw.defined()) {
               activate(f, count * in, ph + begin * in, pb);
               kernels::Gemm<float> g;
               g.m = out, g.n = in, g.k = count;
               g.a = pdy + begin * out, g.lda = out, g.trans_a = true;
               g.b = pb, g.ldb = in;
               g.c = dw.data<float>(), g.ldc = in;
               g.accumulate = accumulate || begin > 0;
               gemm(g, precision);
             }
             if (!pdh) continue;
             kernels::Gemm<float> g;
             g.m = count, g.n = in, g.k = out;
             g.a = pdy + begin * out, g.lda = out;
             g.b = w.data<float>(), g.ldb = in;
             g.c = pb, g.ldc = in;
             gemm(g, precision);
             parallel_for(count * in, kGrain, [&](Index first, Index end) {
               const Index at = begin * in + first;
               kernels::active<float>().unary_backward(f, end - first, ph + at, ph + at, pb + first, pdh + at);
             });
           }
           if (dh.defined()) d[0].add(dh);
           if (d[2].needed()) d[2].add(sum_to(dy.alias({rows, out}), d[2].shape()));
           if (d[3].needed()) d[3].add(dy);
         });
  return y;
}

}  // namespace headlight
