// The test cases of softmax, normalization, embedding, dropout, attention, recurrent operations and convolution.
#include "ops/cases.h"

#include <cmath>
#include <utility>

#include "headlight/ops/ops.h"

namespace headlight::tests {

namespace {

// Inputs: x [B,T,GC], w, bias, h0 and, with G = 4, c0. Bias and states may be absent; `call` then gets undefined
// tensors.
OpCase recurrent_case(const std::string& declaration, const std::string& variant, Index gates,
                      const std::function<Tensor(Inputs)>& call) {
  const std::string name = declaration.substr(0, declaration.find('('));
  const auto bad = [gates, call](Shape x, Shape w, Shape bias, Shape h0) {
    return [=] { call(std::vector<Tensor>{zeros(x), zeros(w), zeros(bias), zeros(h0), zeros({2, 4})}); };
  };
  const Index n = 4 * gates;
  return {
      .declaration = declaration,
      .variant = variant,
      .draw =
          [gates, call](Rng& rng, Size size) {
            Index batch = draw_between(rng, 1, 3), steps = draw_between(rng, 0, 4), units = draw_between(rng, 1, 4);
            if (size == Size::kLarge) batch = 27, steps = 9, units = gates == 1 ? 150 : 60;
            if (size == Size::kEmpty) {
              Index* const sizes[] = {&batch, &steps, &units};
              *sizes[rng.below(3)] = 0;
            }
            const double bound = size == Size::kLarge ? 0.15 : 1;  // of w; small, so that errors do not grow over steps
            std::vector<Tensor> inputs{draw_values(rng, {batch, steps, gates * units}),
                                       draw_values(rng, {gates * units, units}, -bound, bound)};
            const bool with_bias = draw_bool(rng), with_states = draw_bool(rng);
            if (with_bias) inputs.push_back(draw_values(rng, {gates * units}));
            for (int i = 0; with_states && i < (gates == 4 ? 2 : 1); ++i)
              inputs.push_back(draw_values(rng, {batch, units}));
            return Call{inputs, [=](Inputs in) {
                          std::vector<Tensor> all(in.begin(), in.begin() + 2);
                          all.push_back(with_bias ? in[2] : Tensor());
                          for (std::size_t i = with_bias ? 3 : 2; i < in.size(); ++i) all.push_back(in[i]);
                          all.resize(5);
                          return call(all);
                        }};
          },
      .bad = {{bad({2, n}, {n, 4}, {n}, {2, 4}), {name + ": x is", to_text(Shape{2, n})}},
              {bad({2, 3, n}, {n, 3}, {n}, {2, 4}), {name + ": w is", to_text(Shape{n, 3}), to_text(Shape{n, 4})}},
              {bad({2, 3, n}, {n, 4}, {n + 1}, {2, 4}), {name + ": bias is", to_text(Shape{n + 1})}},
              {bad({2, 3, n}, {n, 4}, {n}, {3, 4}), {name + ": h0 is [3,4]", "[2,4]"}}},
  };
}

// Rows of one element have no variance: their layer norm has a derivative of 0, which is checked too.
Call draw_layer_norm(Rng& rng, Size size) {
  const Shape shape = draw_shape(rng, size, 1);
  // eps is as large as a variance, so that rows of nearly equal numbers remain smooth over gradcheck's step.
  return {{draw_values(rng, shape), draw_values(rng, {shape[-1]}), draw_values(rng, {shape[-1]})},
          [](Inputs in) { return layer_norm(in[0], in[1], in[2], 0.1); }};
}

Call draw_rms_norm(Rng& rng, Size size) {
  const Shape shape = draw_shape(rng, size, 1);
  return {{draw_values(rng, shape), draw_values(rng, {shape[-1]})},
          [](Inputs in) { return rms_norm(in[0], in[1], 0.1); }};
}

Call draw_embedding(Rng& rng, Size size) {
  const Index rows = size == Size::kLarge ? 40 : draw_between(rng, 1, 5);
  const Index columns = size == Size::kLarge ? 103 : draw_between(rng, 0, 4);
  Shape shape = draw_shape(rng, size == Size::kLarge ? Size::kSmall : size, 0, 3);
  if (size == Size::kLarge) shape = Shape{6, 100};
  const auto ids = draw_indices(rng, shape.numel(), rows);
  return {{draw_values(rng, {rows, columns})}, [ids, shape](Inputs in) { return embedding(in[0], ids, shape); }};
}

using Attention = Tensor (*)(const Tensor&, const Tensor&, const Tensor&, const AttentionOptions&, Tensor*);

Call draw_attention(Rng& rng, Size size, Attention op) {
  Index b = draw_between(rng, 1, 2), h = draw_between(rng, 1, 2), t = draw_between(rng, 1, 4);
  Index s = t + draw_between(rng, 0, 2), d = draw_between(rng, 1, 3), e = draw_between(rng, 1, 3);
  Index group = draw_between(rng, 1, 2);
  if (size == Size::kLarge) b = 2, h = 3, t = 110, s = 117, d = 56, e = 51, group = draw_bool(rng) ? 3 : 1;
  const bool causal = draw_bool(rng);
  if (!causal && size == Size::kSmall && draw_bool(rng)) std::swap(s, t);
  if (size == Size::kEmpty) (rng.below(3) == 0 ? b : rng.below(2) == 0 ? d : t) = 0;
  if (size == Size::kEmpty && !causal && draw_bool(rng)) s = 0;
  const Shape scores{b, h, t, s};
  if (h % group != 0) group = 1;
  const Index window = causal && draw_bool(rng) ? draw_between(rng, 1, size == Size::kLarge ? 80 : 5) : 0;
  Call call{
      {draw_values(rng, {b, h, t, d}), draw_values(rng, {b, h / group, s, d}), draw_values(rng, {b, h / group, s, e})},
      nullptr};
  const bool biased = draw_bool(rng);
  if (biased) call.inputs.push_back(draw_values(rng, draw_broadcastable(rng, scores)));
  const Tensor mask = draw_bool(rng) ? draw_mask(rng, draw_broadcastable(rng, scores), 0.6) : Tensor();
  const double factor = draw_bool(rng) ? 0 : 0.6, softcap = draw_bool(rng) ? 0 : 0.9;
  const Index shift = causal && draw_bool(rng) ? draw_between(rng, -3, 3) : 0;
  call.function = [=](Inputs in) {
    AttentionOptions o;
    o.causal = causal;
    o.window = window;
    o.scale = factor;
    o.shift = shift;
    o.softcap = softcap;
    if (mask.defined()) o.mask = mask.to(in[0].dtype());
    if (biased) o.bias = in[3];
    return op(in[0], in[1], in[2], o, nullptr);
  };
  return call;
}

OpCase attention_case(const std::string& name, Attention op) {
  const auto bad = [op](const Shape& q, const Shape& k, const Shape& v, const AttentionOptions& o = {}) {
    return [=] { op(zeros(q), zeros(k), zeros(v), o, nullptr); };
  };
  AttentionOptions causal, masked, biased, window;
  window.window = 2;
  causal.causal = true;
  masked.mask = zeros({3, 4});
  biased.bias = zeros({2, 5, 3, 3});
  return {
      .declaration = name + "(q,k,v,options,weights)",
      .draw = [op](Rng& rng, Size size) { return draw_attention(rng, size, op); },
      .bad = {{bad({2, 3, 4}, {1, 2, 3, 4}, {1, 2, 3, 4}), {"attention: ", "[2,3,4]", "[1,2,3,4]"}},
              {bad({1, 2, 3, 4}, {1, 2, 3, 5}, {1, 2, 3, 5}), {"attention: ", "[1,2,3,4]", "[1,2,3,5]"}},
              {bad({1, 2, 3, 4}, {1, 2, 3, 4}, {1, 2, 5, 4}), {"attention: ", "[1,2,3,4]", "[1,2,5,4]"}},
              {bad({1, 2, 3, 4}, {1, 2, 2, 4}, {1, 2, 2, 4}, causal), {"attention: causal", "3 queries", "2 keys"}},
              {bad({1, 3, 3, 4}, {1, 2, 3, 4}, {1, 2, 3, 4}), {"attention: ", "[1,3,3,4]", "[1,2,3,4]"}},
              {bad({1, 2, 3, 4}, {1, 2, 3, 4}, {1, 2, 3, 4}, window), {"attention: a window needs causal"}},
              {bad({1, 2, 3, 4}, {1, 2, 3, 4}, {1, 2, 3, 4}, masked), {"attention: ", "[3,4]", "[1,2,3,3]"}},
              {bad({1, 2, 3, 4}, {1, 2, 3, 4}, {1, 2, 3, 4}, biased), {"attention: ", "[2,5,3,3]", "[1,2,3,3]"}}},
  };
}

Call draw_attention_packed(Rng& rng, Size size) {
  Index b = draw_between(rng, 1, 2), h = draw_between(rng, 1, 3), t = draw_between(rng, 1, 5),
        d = draw_between(rng, 1, 3);
  if (size == Size::kLarge) b = 2, h = 3, t = 150, d = draw_bool(rng) ? 24 : 51;
  if (size == Size::kEmpty) (rng.below(2) == 0 ? b : t) = 0;
  const Shape scores{b, h, t, t};
  const Index g = draw_bool(rng) ? 1 : h;
  Call call{{draw_values(rng, {b, t, (h + 2 * g) * d})}, nullptr};
  const bool causal = draw_bool(rng), biased = draw_bool(rng);
  if (biased) call.inputs.push_back(draw_values(rng, draw_broadcastable(rng, scores)));
  const Tensor mask = draw_bool(rng) ? draw_mask(rng, draw_broadcastable(rng, scores), 0.6) : Tensor();
  call.function = [=](Inputs in) {
    AttentionOptions o;
    o.causal = causal;
    if (mask.defined()) o.mask = mask.to(in[0].dtype());
    if (biased) o.bias = in[1];
    return attention_packed(in[0], h, o, g);
  };
  return call;
}

Call draw_linear_attention(Rng& rng, Size size) {
  Index b = draw_between(rng, 1, 2), g = draw_between(rng, 1, 2), group = draw_between(rng, 1, 2);
  Index t = draw_between(rng, 1, 5), d = draw_between(rng, 1, 3), e = draw_between(rng, 1, 3);
  if (size == Size::kLarge) b = 2, g = 3, group = 2, t = 150, d = 24, e = 19;  // three chunks, the last one partial
  if (size == Size::kEmpty) (rng.below(3) == 0 ? b : rng.below(2) == 0 ? d : t) = 0;
  // Avoid 0, where phi'' is discontinuous.
  return {{draw_nonzero(rng, {b, g * group, t, d}), draw_nonzero(rng, {b, g, t, d}), draw_values(rng, {b, g, t, e})},
          [](Inputs in) { return linear_attention(in[0], in[1], in[2]); }};
}

Call draw_conv1d(Rng& rng, Size size) {
  Index batch = draw_between(rng, 1, 3), steps = draw_between(rng, 1, 5), in = draw_between(rng, 1, 3),
        out = draw_between(rng, 1, 3), taps = draw_between(rng, 1, 4);
  Conv1dOptions o;
  o.dilation = draw_between(rng, 1, 3);
  if (draw_bool(rng)) o.groups = draw_between(rng, 2, 3);
  if (size == Size::kLarge) batch = 3, steps = 190, in = 60, out = 66, taps = 3, o.groups = draw_bool(rng) ? 6 : 1;
  else in *= o.groups, out *= o.groups;
  if (size == Size::kEmpty) {
    Index* const sizes[] = {&batch, &steps, &in, &out};
    *sizes[rng.below(4)] = 0;
    if (in == 0) taps = 1;
  }
  Call call{{draw_values(rng, {batch, steps, in}), draw_values(rng, {out, taps * in / o.groups}, -0.5, 0.5)}, nullptr};
  const bool with_bias = draw_bool(rng);
  if (with_bias) call.inputs.push_back(draw_values(rng, {out}));
  call.function = [=](Inputs all) { return conv1d(all[0], all[1], with_bias ? all[2] : Tensor(), o); };
  return call;
}

std::function<void()> bad_conv1d(const Shape& x, const Shape& w, const Shape& bias, const Conv1dOptions& o) {
  return [=] { conv1d(zeros(x), zeros(w), zeros(bias), o); };
}

}  // namespace

std::vector<OpCase> network_cases() {
  return {
      {.declaration = "softmax(x,axis)",
       .draw =
           [](Rng& rng, Size size) {
             const Shape shape = draw_shape(rng, size, 1);
             const int axis = draw_bool(rng) ? -1 : draw_axis(rng, shape);
             return Call{{draw_values(rng, shape)}, [=](Inputs in) { return softmax(in[0], axis); }};
           },
       .bad = {{[] { softmax(zeros({})); }, {"softmax: "}},
               {[] {
                  softmax(zeros({2, 3}), 2);
                },
                {"softmax: axis 2", "[2,3]"}}}},
      {.declaration = "log_softmax(x,axis)",
       .draw =
           [](Rng& rng, Size size) {
             const Shape shape = draw_shape(rng, size, 1);
             const int axis = draw_bool(rng) ? -1 : draw_axis(rng, shape);
             return Call{{draw_values(rng, shape)}, [=](Inputs in) { return log_softmax(in[0], axis); }};
           },
       .bad = {{[] { log_softmax(zeros({})); }, {"log_softmax: "}},
               {[] {
                  log_softmax(zeros({2, 3}), 2);
                },
                {"log_softmax: axis 2", "[2,3]"}}},
       .float_bound = 5e-5},  // each gradient is a sum over a row of 61,001 elements
      {.declaration = "masked_softmax(x,mask)",
       .draw =
           [](Rng& rng, Size size) {
             const Shape shape = draw_shape(rng, size, 1);
             const Tensor mask = draw_mask(rng, draw_broadcastable(rng, shape), 0.6);
             return Call{{draw_values(rng, shape)},
                         [=](Inputs in) { return masked_softmax(in[0], mask.to(in[0].dtype())); }};
           },
       .bad = {{[] {
                  masked_softmax(zeros({2, 3}), zeros({2}));
                },
                {"masked_softmax: ", "[2,3]", "[2]"}},
               {[] {
                  masked_softmax(zeros({3}), zeros({2, 3}));
                },
                {"masked_softmax: ", "[3]", "[2,3]"}},
               {[] { masked_softmax(zeros({3}), Tensor::zeros({3}, DType::kFloat64)); }, {"masked_softmax: types"}}}},
      {.declaration = "layer_norm(x,gamma,beta,eps)",
       .draw = draw_layer_norm,
       .bad = {{[] {
                  layer_norm(zeros({2, 3}), zeros({2}), zeros({3}));
                },
                {"layer_norm: gamma", "[2,3]", "[2]"}},
               {[] {
                  layer_norm(zeros({2, 3}), zeros({3}), zeros({1}));
                },
                {"layer_norm: beta", "[2,3]", "[1]"}},
               {[] { layer_norm(zeros({}), zeros({1}), zeros({1})); }, {"layer_norm: "}}}},
      {.declaration = "rms_norm(x,gamma,eps)",
       .draw = draw_rms_norm,
       .bad = {{[] {
                  rms_norm(zeros({2, 3}), zeros({2}));
                },
                {"rms_norm: gamma", "[2,3]", "[2]"}},
               {[] { rms_norm(zeros({}), zeros({1})); }, {"rms_norm: "}}}},
      {.declaration = "embedding(table,ids,shape)",
       .draw = draw_embedding,
       .bad = {{[] {
                  embedding(zeros({5, 2}), std::vector<std::int32_t>{0, 5}, {2});
                },
                {"embedding: ", "index 5"}},
               {[] {
                  embedding(zeros({5, 2}), std::vector<std::int32_t>{0}, {2});
                },
                {"embedding: 1 id ", "[2]"}},
               {[] { embedding(zeros({5}), std::vector<std::int32_t>{0}, {1}); }, {"embedding: ", "[5]"}},
               {[] {
                  embedding(zeros({5, 2}), std::vector<std::int32_t>{0}, {1, 1, 1, 1});
                },
                {"embedding: ", "[1,1,1,1]"}}}},
      {.declaration = "dropout(x,p)",
       .draw =
           [](Rng& rng, Size size) {
             const double p = 0.1 + 0.6 * rng.uniform();
             const std::uint64_t seed = rng.next();
             return Call{{draw_values(rng, draw_shape(rng, size))}, [=](Inputs in) {
                           seed_generator(seed);
                           return dropout(in[0], p);
                         }};
           },
       .bad = {{[] { dropout(zeros({2}), 1); }, {"dropout: probability 1"}},
               {[] { dropout(zeros({2}), -0.1); }, {"dropout: probability -0.1"}},
               {[] { dropout(zeros({2}), std::nan("")); }, {"dropout: probability nan"}}}},
      attention_case("attention", attention),
      {.declaration = "attention_packed(qkv,heads,options,key_heads)",
       .draw = draw_attention_packed,
       .bad = {{[] {
                  attention_packed(zeros({2, 6}), 1);
                },
                {"attention_packed: ", "[2,6]"}},
               {[] {
                  attention_packed(zeros({1, 2, 6}), 0);
                },
                {"attention_packed: 0 heads", "[1,2,6]"}},
               {[] {
                  attention_packed(zeros({1, 2, 9}), 2);
                },
                {"attention_packed: 2 heads", "[1,2,9]"}},
               {[] {
                  attention_packed(zeros({1, 2, 14}), 3, {}, 2);
                },
                {"attention_packed: 3 heads cannot share 2 key heads"}}}},
      {.declaration = "linear_attention(q,k,v,weights)",
       .draw = draw_linear_attention,
       .bad = {{[] {
                  linear_attention(zeros({2, 3, 4}), zeros({1, 2, 3, 4}), zeros({1, 2, 3, 4}));
                },
                {"linear_attention: ", "[2,3,4]"}},
               {[] {
                  linear_attention(zeros({1, 2, 3, 4}), zeros({1, 2, 4, 4}), zeros({1, 2, 4, 4}));
                },
                {"linear_attention: ", "[1,2,3,4]", "[1,2,4,4]"}},
               {[] {
                  linear_attention(zeros({1, 2, 3, 4}), zeros({1, 2, 3, 4}), zeros({1, 2, 5, 4}));
                },
                {"linear_attention: ", "[1,2,3,4]", "[1,2,5,4]"}}}},
      attention_case("attention_composite", attention_composite),
      recurrent_case("rnn(x,w,bias,h0)", "", 1, [](Inputs in) { return rnn(in[0], in[1], in[2], in[3]); }),
      recurrent_case("gru(x,w,bias,h0)", "", 3, [](Inputs in) { return gru(in[0], in[1], in[2], in[3]); }),
      recurrent_case("lstm(x,w,bias,h0,c0,last_cell)", "", 4,
                     [](Inputs in) { return lstm(in[0], in[1], in[2], in[3], in[4]); }),
      recurrent_case("lstm(x,w,bias,h0,c0,last_cell)", " with the last cell", 4,
                     [](Inputs in) {
                       Tensor cell;
                       const Tensor h = lstm(in[0], in[1], in[2], in[3], in[4], &cell);
                       return concat({h, reshape(cell, {h.size(0), 1, h.size(2)})}, 1);
                     }),
      {.declaration = "gated_tanh(x)",
       .draw =
           [](Rng& rng, Size size) {
             const Shape shape = draw_shape(rng, size, 1);
             return Call{{draw_values(rng, shape.with(-1, 2 * shape[-1]))},
                         [](Inputs in) { return gated_tanh(in[0]); }};
           },
       .bad = {{[] {
                  gated_tanh(zeros({2, 3}));
                },
                {"gated_tanh: ", "[2,3]"}},
               {[] { gated_tanh(zeros({})); }, {"gated_tanh: ", "[]"}}}},
      {.declaration = "conv1d(x,w,bias,options)",
       .draw = draw_conv1d,
       .bad = {{bad_conv1d({2, 6}, {4, 6}, {4}, {}), {"conv1d: ", "[2,6]"}},
               {bad_conv1d({2, 3, 4}, {6, 7}, {6}, {}), {"conv1d: w is [6,7]", "multiple of 4", "[2,3,4]"}},
               {bad_conv1d({2, 3, 4}, {6, 0}, {6}, {}), {"conv1d: w is [6,0]"}},
               {bad_conv1d({2, 3, 4}, {6, 8}, {4}, {}), {"conv1d: bias is [4]", "[6]"}},
               {bad_conv1d({2, 3, 4}, {6, 8}, {6}, {.dilation = 0}), {"conv1d: dilation 0"}},
               {bad_conv1d({2, 3, 4}, {6, 8}, {6}, {.groups = 3}), {"conv1d: 3 groups", "[2,3,4]"}}}},
      {.declaration = "rotate(x,cosine,sine,neighbors)",
       .draw =
           [](Rng& rng, Size size) {
             Shape shape = draw_shape(rng, size, 2);
             const Index half = size == Size::kLarge ? 52 : shape[-1];
             const Tensor angles = draw_values(rng, draw_bool(rng) ? Shape{shape[-2], half} : shape.with(-1, half));
             const bool neighbors = draw_bool(rng);
             return Call{{draw_values(rng, shape.with(-1, 2 * half))}, [=](Inputs in) {
                           const Tensor a = angles.to(in[0].dtype());
                           return rotate(in[0], cos(a), sin(a), neighbors);
                         }};
           },
       .bad = {{[] {
                  rotate(zeros({2, 3}), zeros({2, 1}), zeros({2, 1}));
                },
                {"rotate: ", "[2,3]"}},
               {[] {
                  rotate(zeros({2, 4}), zeros({3, 2}), zeros({2, 2}));
                },
                {"rotate: ", "[3,2]", "[2,2]"}},
               {[] {
                  rotate(zeros({2, 4}), zeros({2, 2}), zeros({2, 4}));
                },
                {"rotate: ", "[2,4]", "[2,2]"}}}},
      {.declaration = "rotate_heads(x,heads,size,offset,base)",
       .draw =
           [](Rng& rng, Size size) {
             const Index heads = rng.below(4), head_size = 2 * draw_between(rng, 1, 9);
             const Index others = rng.below(4) + (size == Size::kLarge ? 100 : 0);
             const Shape shape = draw_shape(rng, size, 2).with(-1, heads * head_size + others);
             const Index offset = rng.below(50);
             return Call{{draw_values(rng, shape)},
                         [=](Inputs in) { return rotate_heads(in[0], heads, head_size, offset, 100); }};
           },
       .bad = {{[] { rotate_heads(zeros({4}), 1, 2); }, {"rotate_heads: ", "[4]"}},
               {[] {
                  rotate_heads(zeros({2, 6}), 2, 3);
                },
                {"rotate_heads: ", "size of 3"}},
               {[] {
                  rotate_heads(zeros({2, 6}), 2, 4);
                },
                {"rotate_heads: 2 heads", "[2,6]"}},
               {[] {
                  rotate_heads(zeros({2, 4}), 1, 4, -1);
                },
                {"rotate_heads: offset -1"}},
               {[] {
                  rotate_heads(zeros({2, 4}), 1, 4, 0, 0);
                },
                {"rotate_heads: ", "base 0"}},
               {[] {
                  rotate_heads(zeros({2, 4}), -1, 4);
                },
                {"rotate_heads: -1 heads"}}}},
      {.declaration = "rotate(x,offset,base)",
       .draw =
           [](Rng& rng, Size size) {
             Shape shape = draw_shape(rng, size, 2);
             shape = shape.with(-1, size == Size::kLarge ? 104 : shape[-1] * 2);
             const Index offset = rng.below(50);
             const double base = draw_bool(rng) ? 10000 : 100;
             return Call{{draw_values(rng, shape)}, [=](Inputs in) { return rotate(in[0], offset, base); }};
           },
       .bad = {{[] {
                  rotate(zeros({2, 3}));
                },
                {"rotate: ", "[2,3]"}},
               {[] { rotate(zeros({4})); }, {"rotate: ", "[4]"}},
               {[] {
                  rotate(zeros({2, 4}), -1);
                },
                {"rotate: offset -1"}},
               {[] {
                  rotate(zeros({2, 4}), 0, 0);
                },
                {"rotate: ", "base 0"}}}},
  };
}

}  // namespace headlight::tests
