// The test cases of all operations: random inputs, the call, and calls that must throw.
#include "ops/cases.h"

#include <array>
#include <cmath>
#include <utility>

#include "headlight/ops/ops.h"

namespace headlight::tests {

namespace {

using Inputs = std::span<const Tensor>;
using Unary = Tensor (*)(const Tensor&);
using Binary = Tensor (*)(const Tensor&, const Tensor&);
using Draw = Tensor (*)(Rng&, const Shape&);

Tensor zeros(const Shape& shape) { return Tensor::zeros(shape); }

Tensor draw_around_zero(Rng& rng, const Shape& shape) { return draw_values(rng, shape); }
Tensor draw_positive(Rng& rng, const Shape& shape) { return draw_values(rng, shape, 0.3, 2.5); }
Tensor draw_off_zero(Rng& rng, const Shape& shape) { return draw_nonzero(rng, shape); }
Tensor draw_denominator(Rng& rng, const Shape& shape) { return draw_nonzero(rng, shape, 0.5, 2); }

OpCase binary_case(const std::string& name, Binary op, Draw draw_b) {
  return {
      .declaration = name + "(a,b)",
      .draw =
          [op, draw_b](Rng& rng, Size size) {
            const auto [a, b] = draw_broadcast_pair(rng, size);
            return Call{{draw_values(rng, a), draw_b(rng, b)}, [op](Inputs in) { return op(in[0], in[1]); }};
          },
      .bad = {{[op] {
                 op(zeros({2, 3}), zeros({4}));
               },
               {name + ": ", "[2,3]", "[4]"}},
              {[op] { op(zeros({0}), zeros({2})); }, {name + ": ", "[0]", "[2]"}},
              {[op] {
                 op(zeros({2, 1, 3}), zeros({3, 1, 3}));
               },
               {name + ": ", "[2,1,3]", "[3,1,3]"}}},
  };
}

OpCase unary_case(const std::string& name, Unary op, Draw draw) {
  return {
      .declaration = name + "(x)",
      .draw =
          [op, draw](Rng& rng, Size size) {
            return Call{{draw(rng, draw_shape(rng, size))}, [op](Inputs in) { return op(in[0]); }};
          },
      .bad = {{[op] { op(Tensor()); }, {"used before it was given a value"}}},
  };
}

// x [B,T,GC], w, bias, h0 and, with G = 4, c0. Bias and states may be absent; `call` gets undefined tensors instead.
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
            const double bound = size == Size::kLarge ? 0.15 : 1;  // of w: no error grows from step to step
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

// An operation of a tensor and a number that is not one.
OpCase number_case(const std::string& declaration, Tensor (*op)(const Tensor&, double), Draw draw) {
  return {
      .declaration = declaration,
      .draw =
          [op, draw](Rng& rng, Size size) {
            const double value = rng.uniform() + 0.5;
            return Call{{draw(rng, draw_shape(rng, size))}, [op, value](Inputs in) { return op(in[0], value); }};
          },
      .bad = {{[op] { op(Tensor(), 2); }, {"used before it was given a value"}}},
  };
}

OpCase gelu_case(const std::string& variant, Gelu form) {
  return {
      .declaration = "gelu(x,form)",
      .variant = variant,
      .draw =
          [form](Rng& rng, Size size) {
            return Call{{draw_values(rng, draw_shape(rng, size), -3, 3)},
                        [form](Inputs in) { return gelu(in[0], form); }};
          },
      .bad = {},
  };
}

using Reduction = Tensor (*)(const Tensor&, int, bool);

OpCase reduction_case(const std::string& name, Reduction op, bool filled, Draw draw) {
  OpCase made{
      .declaration = name + "(x,axis,keep)",
      .draw =
          [=](Rng& rng, Size size) {
            auto [shape, axis] = draw_filled_axis(rng, size);
            if (!filled) axis = draw_axis(rng, shape);  // the sum of nothing is allowed
            const bool keep = draw_bool(rng);
            return Call{{draw(rng, shape)}, [=, along = axis](Inputs in) { return op(in[0], along, keep); }};
          },
      .bad = {{[op] {
                 op(zeros({2, 3}), 2, false);
               },
               {name + ": ", "axis 2", "[2,3]"}},
              {[op] {
                 op(zeros({2, 3}), -3, true);
               },
               {name + ": ", "axis -3", "[2,3]"}},
              {[op] { op(zeros({}), 0, false); }, {name + ": ", "axis 0", "[]"}}},
      .float_bound = 5e-5,  // sums over 61,001 elements
  };
  if (filled) made.bad.push_back({[op] { op(zeros({2, 0}), 1, false); }, {name + ": ", "axis 1", "[2,0]", "empty"}});
  return made;
}

OpCase total_case(const std::string& name, Unary op, bool filled, Draw draw) {
  OpCase made{
      .declaration = name + "(x)",
      .draw =
          [=](Rng& rng, Size size) {
            Shape shape = draw_shape(rng, filled && size == Size::kEmpty ? Size::kSmall : size);
            while (filled && shape.numel() == 0) shape = draw_shape(rng, Size::kSmall);
            return Call{{draw(rng, shape)}, [op](Inputs in) { return op(in[0]); }};
          },
      .bad = {},
      .float_bound = 5e-5,
  };
  if (filled) made.bad.push_back({[op] { op(zeros({2, 0})); }, {name + ": ", "empty"}});
  return made;
}

Call draw_matmul(Rng& rng, Size size) {
  Index m = draw_between(rng, 1, 4), n = draw_between(rng, 1, 4), k = draw_between(rng, 1, 4);
  if (size == Size::kLarge) m = 153, n = 139, k = 37;
  if (size == Size::kEmpty || (size == Size::kSmall && rng.below(8) == 0))
    (rng.below(2) ? k : rng.below(2) ? m : n) = 0;
  MatmulOptions o;
  o.transpose_a = draw_bool(rng);
  o.transpose_b = draw_bool(rng);
  o.scale = draw_bool(rng) ? 1 : -0.7;
  // Axes before the last two: none, one or two, each of size 1 or 3 on either side.
  const auto batched = [&](Index rows, Index columns) {
    std::array<Index, 4> sizes{};
    const auto axes = static_cast<std::size_t>(rng.below(3));
    for (std::size_t i = 0; i < axes; ++i) sizes[i] = draw_bool(rng) ? 1 : 3;
    sizes[axes] = rows;
    sizes[axes + 1] = columns;
    return Shape(sizes.data(), static_cast<int>(axes) + 2);
  };
  const Shape a = o.transpose_a ? batched(k, m) : batched(m, k);
  const Shape b = o.transpose_b ? batched(n, k) : batched(k, n);
  Tensor factor = draw_values(rng, a);
  if (size == Size::kLarge) factor = draw_values(rng, o.transpose_a ? Shape{3, k, m} : Shape{3, m, k});
  return {{factor, draw_values(rng, b)}, [o](Inputs in) { return matmul(in[0], in[1], o); }};
}

Call draw_linear(Rng& rng, Size size) {
  Shape x = draw_shape(rng, size == Size::kLarge ? Size::kSmall : size, 1);
  Index out = draw_between(rng, 0, 4);
  if (size == Size::kLarge) x = Shape{4, 125, 41}, out = 131;
  Call call{{draw_values(rng, x), draw_values(rng, {out, x[-1]})}, nullptr};
  if (draw_bool(rng)) {
    call.inputs.push_back(draw_values(rng, {out}));
    call.function = [](Inputs in) { return linear(in[0], in[1], in[2]); };
    if (draw_bool(rng)) {
      call.inputs.push_back(draw_values(rng, x.with(-1, out)));
      call.function = [](Inputs in) { return linear(in[0], in[1], in[2], in[3]); };
    }
  } else {
    call.function = [](Inputs in) { return linear(in[0], in[1]); };
  }
  return call;
}

Call draw_permute(Rng& rng, Size size) {
  const Shape shape = draw_shape(rng, size);
  std::array<int, 4> order{0, 1, 2, 3};
  for (Index i = shape.rank() - 1; i > 0; --i)
    std::swap(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(rng.below(i + 1))]);
  return {{draw_values(rng, shape)}, [order](Inputs in) {
            switch (in[0].rank()) {
              case 0:
                return permute(in[0], {});
              case 1:
                return permute(in[0], {-1});
              case 2:
                return permute(in[0], {order[0], order[1]});
              case 3:
                return permute(in[0], {order[0], order[1] - 3, order[2]});
              default:
                return permute(in[0], {order[0], order[1], order[2] - 4, order[3]});
            }
          }};
}

Call draw_concat(Rng& rng, Size size) {
  const auto [shape, axis] = draw_filled_axis(rng, size);
  std::vector<Tensor> parts{draw_values(rng, shape)};
  while (parts.size() < 3) parts.push_back(draw_values(rng, shape.with(axis, draw_between(rng, 0, 3))));
  return {parts, [along = axis](Inputs in) { return concat(in, along); }};
}

// logits [..., V] with targets, of which every fifth or so is ignored; `classes` may not be 0.
Call draw_cross_entropy(Rng& rng, Size size) {
  Shape shape = draw_shape(rng, size, size == Size::kEmpty ? 2 : 1);
  while (shape[-1] == 0) shape = draw_shape(rng, size, 2);
  if (size == Size::kLarge) shape = Shape{601, 103};
  std::vector<std::int32_t> targets = draw_indices(rng, shape.outer(-1), shape[-1]);
  for (std::int32_t& target : targets)
    if (rng.below(5) == 0) target = kIgnoredTarget;
  return {{draw_values(rng, shape)}, [targets](Inputs in) { return cross_entropy(in[0], targets); }};
}

// Rows of one element have no variance: their layer norm has a derivative of 0, which is checked too.
Call draw_layer_norm(Rng& rng, Size size) {
  const Shape shape = draw_shape(rng, size, 1);
  // eps is of the size of a variance, so that short rows of nearly equal numbers stay smooth at the step of gradcheck
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
  if (size == Size::kLarge) b = 2, h = 3, t = 110, s = 117, d = 56, e = 51;
  const bool causal = draw_bool(rng);
  if (!causal && size == Size::kSmall && draw_bool(rng)) std::swap(s, t);
  if (size == Size::kEmpty) (rng.below(3) == 0 ? b : rng.below(2) == 0 ? d : t) = 0;
  if (size == Size::kEmpty && !causal && draw_bool(rng)) s = 0;
  const Shape scores{b, h, t, s};
  Call call{{draw_values(rng, {b, h, t, d}), draw_values(rng, {b, h, s, d}), draw_values(rng, {b, h, s, e})}, nullptr};
  const bool biased = draw_bool(rng);
  if (biased) call.inputs.push_back(draw_values(rng, draw_broadcastable(rng, scores)));
  const Tensor mask = draw_bool(rng) ? draw_mask(rng, draw_broadcastable(rng, scores), 0.6) : Tensor();
  const double factor = draw_bool(rng) ? 0 : 0.6;
  call.function = [=](Inputs in) {
    AttentionOptions o;
    o.causal = causal;
    o.scale = factor;
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
  AttentionOptions causal, masked, biased;
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
              {bad({1, 2, 3, 4}, {1, 2, 3, 4}, {1, 2, 3, 4}, masked), {"attention: ", "[3,4]", "[1,2,3,3]"}},
              {bad({1, 2, 3, 4}, {1, 2, 3, 4}, {1, 2, 3, 4}, biased), {"attention: ", "[2,5,3,3]", "[1,2,3,3]"}}},
  };
}

Call draw_attention_packed(Rng& rng, Size size) {
  Index b = draw_between(rng, 1, 2), h = draw_between(rng, 1, 3), t = draw_between(rng, 1, 5),
        d = draw_between(rng, 1, 3);
  if (size == Size::kLarge) b = 2, h = 3, t = 117, d = draw_bool(rng) ? 24 : 51;
  if (size == Size::kEmpty) (rng.below(2) == 0 ? b : t) = 0;
  const Shape scores{b, h, t, t};
  Call call{{draw_values(rng, {b, t, 3 * h * d})}, nullptr};
  const bool causal = draw_bool(rng), biased = draw_bool(rng);
  if (biased) call.inputs.push_back(draw_values(rng, draw_broadcastable(rng, scores)));
  const Tensor mask = draw_bool(rng) ? draw_mask(rng, draw_broadcastable(rng, scores), 0.6) : Tensor();
  call.function = [=](Inputs in) {
    AttentionOptions o;
    o.causal = causal;
    if (mask.defined()) o.mask = mask.to(in[0].dtype());
    if (biased) o.bias = in[1];
    return attention_packed(in[0], h, o);
  };
  return call;
}

std::vector<OpCase> arithmetic_cases() {
  return {
      binary_case("add", add, draw_around_zero),
      binary_case("sub", sub, draw_around_zero),
      binary_case("mul", mul, draw_around_zero),
      binary_case("div", div, draw_denominator),
      number_case("add(x,value)", add, draw_around_zero),
      number_case("sub(x,value)", sub, draw_around_zero),
      number_case(
          "sub(value,x)", [](const Tensor& x, double value) { return sub(value, x); }, draw_around_zero),
      number_case("mul(x,value)", mul, draw_around_zero),
      number_case("div(x,value)", div, draw_around_zero),
      number_case(
          "div(value,x)", [](const Tensor& x, double value) { return div(value, x); }, draw_denominator),
      {.declaration = "scale(x,factor)",
       .draw =
           [](Rng& rng, Size size) {
             const double factor = 4 * rng.uniform() - 2;
             return Call{{draw_values(rng, draw_shape(rng, size))}, [=](Inputs in) { return scale(in[0], factor); }};
           },
       .bad = {{[] { scale(Tensor(), 2); }, {"used before it was given a value"}}}},
      unary_case("neg", neg, draw_around_zero),
      unary_case("exp", exp, draw_around_zero),
      unary_case("log", log, draw_positive),
      unary_case("sqrt", sqrt, draw_positive),
      unary_case("tanh", tanh, draw_around_zero),
      unary_case("sigmoid", sigmoid, draw_around_zero),
      unary_case("relu", relu, draw_off_zero),
      unary_case("silu", silu, draw_around_zero),
      gelu_case("tanh", Gelu::kTanh),
      gelu_case("erf", Gelu::kErf),
      reduction_case("sum", sum, false, draw_around_zero),
      reduction_case("mean", mean, true, draw_around_zero),
      reduction_case("max", max, true, draw_distinct),
      total_case("sum", sum, false, draw_around_zero),
      total_case("mean", mean, true, draw_around_zero),
      total_case("max", max, true, draw_distinct),
  };
}

std::vector<OpCase> matrix_and_shape_cases() {
  return {
      {.declaration = "matmul(a,b,options)",
       .draw = draw_matmul,
       .bad = {{[] {
                  matmul(zeros({8, 16, 64}), zeros({32, 96}));
                },
                {"matmul: inner", "[8,16,64]", "[32,96]"}},
               {[] {
                  matmul(zeros({2, 3, 4}), zeros({5, 4, 3}));
                },
                {"matmul: ", "[2,3,4]", "[5,4,3]"}},
               {[] {
                  matmul(zeros({3}), zeros({3, 4}));
                },
                {"matmul: ", "[3]", "[3,4]"}},
               {[] {
                  matmul(zeros({3, 4}), zeros({3, 4}), {.transpose_b = false});
                },
                {"matmul: ", "[3,4]"}}}},
      {.declaration = "linear(x,w,bias,addend)",
       .draw = draw_linear,
       .bad = {{[] {
                  linear(zeros({5, 3}), zeros({3, 4}));
                },
                {"linear: ", "[5,3]", "[3,4]"}},
               {[] {
                  linear(zeros({5, 3}), zeros({4, 3}), zeros({3}));
                },
                {"linear: ", "[3]", "[4]"}},
               {[] {
                  linear(zeros({5, 3}), zeros({4, 3}), zeros({4}), zeros({4}));
                },
                {"linear: ", "addend", "[4]", "[5,4]"}},
               {[] {
                  linear(zeros({}), zeros({4, 3}));
                },
                {"linear: ", "[]", "[4,3]"}}}},
      {.declaration = "reshape(x,sizes)",
       .draw =
           [](Rng& rng, Size size) {
             Shape shape = draw_shape(rng, size, 1);
             if (size == Size::kEmpty) shape = Shape{3, 0};
             return Call{{draw_values(rng, shape)}, [](Inputs in) {
                           return in[0].numel() ? reshape(in[0], {1, -1}) : reshape(in[0], {0, 2});
                         }};
           },
       .bad = {{[] {
                  reshape(zeros({2, 3}), {4, -1});
                },
                {"reshape: ", "[2,3]", "4"}},
               {[] {
                  reshape(zeros({2, 3}), {-1, -1});
                },
                {"reshape: ", "-1"}},
               {[] {
                  reshape(zeros({2, 3}), {-2, -3});
                },
                {"reshape: ", "[2,3]", "-2"}},
               {[] {
                  reshape(zeros({2, 0}), {0, -1});
                },
                {"reshape: ", "[2,0]"}},
               {[] {
                  reshape(zeros({2, 3}), {Index{1} << 40, Index{1} << 40, -1});
                },
                {"2^40"}},
               {[] {
                  reshape(zeros({2}), {1, 1, 1, 1, 2});
                },
                {"reshape: more than 4"}}}},
      {.declaration = "reshape(x,shape)",
       .draw =
           [](Rng& rng, Size size) {
             const Shape shape = draw_shape(rng, size);
             return Call{{draw_values(rng, shape)}, [](Inputs in) { return reshape(in[0], Shape{in[0].numel(), 1}); }};
           },
       .bad = {{[] {
                  reshape(zeros({2, 3}), Shape{5});
                },
                {"reshape: ", "[2,3]", "[5]"}}}},
      {.declaration = "permute(x,axes)",
       .draw = draw_permute,
       .bad = {{[] {
                  permute(zeros({2, 3}), {0, 1, 2});
                },
                {"permute: ", "[2,3]"}},
               {[] {
                  permute(zeros({2, 3}), {0, 0});
                },
                {"permute: ", "axis 0", "twice"}},
               {[] {
                  permute(zeros({2, 3}), {0, 2});
                },
                {"permute: ", "axis 2", "[2,3]"}}}},
      {.declaration = "transpose(x,axis_a,axis_b)",
       .draw =
           [](Rng& rng, Size size) {
             const Shape shape = draw_shape(rng, size, 1);
             const int a = draw_axis(rng, shape), b = draw_axis(rng, shape);
             return Call{{draw_values(rng, shape)}, [=](Inputs in) { return transpose(in[0], a, b); }};
           },
       .bad = {{[] {
                  transpose(zeros({2, 3}), 0, 2);
                },
                {"transpose: ", "axis 2", "[2,3]"}},
               {[] { transpose(zeros({2})); }, {"transpose: ", "axis -2", "[2]"}}}},
      {.declaration = "slice(x,axis,begin,end)",
       .draw =
           [](Rng& rng, Size size) {
             const Shape shape = draw_shape(rng, size, 1);
             const int axis = draw_axis(rng, shape);
             const Index begin = draw_between(rng, 0, shape[axis]), end = draw_between(rng, begin, shape[axis]);
             return Call{{draw_values(rng, shape)}, [=](Inputs in) { return slice(in[0], axis, begin, end); }};
           },
       .bad = {{[] {
                  slice(zeros({2, 3}), 1, 1, 4);
                },
                {"slice: ", "1 to 4", "[2,3]"}},
               {[] {
                  slice(zeros({2, 3}), 1, 2, 1);
                },
                {"slice: ", "2 to 1", "[2,3]"}},
               {[] {
                  slice(zeros({2, 3}), 1, -1, 1);
                },
                {"slice: ", "-1 to 1", "[2,3]"}},
               {[] {
                  slice(zeros({2, 3}), 2, 0, 1);
                },
                {"slice: ", "axis 2", "[2,3]"}}}},
      {.declaration = "concat(parts,axis)",
       .variant = "span",
       .draw = draw_concat,
       .bad = {{[] { concat(std::span<const Tensor>(), 0); }, {"concat: nothing"}},
               {[] {
                  concat({zeros({2, 3}), zeros({3, 4})}, 0);
                },
                {"concat: ", "[2,3]", "[3,4]"}},
               {[] {
                  concat({zeros({2, 3}), zeros({2})}, 0);
                },
                {"concat: ", "[2,3]", "[2]"}},
               {[] {
                  concat({zeros({2, 3}), zeros({2, 3})}, 2);
                },
                {"concat: ", "axis 2", "[2,3]"}}}},
      {.declaration = "concat(parts,axis)",
       .variant = "list",
       .draw =
           [](Rng& rng, Size size) {
             const Call three = draw_concat(rng, size);
             return Call{three.inputs, [f = three.function](Inputs in) {
                           const Tensor all = f(in);
                           return concat({all, all}, 0);
                         }};
           },
       .bad = {{[] { concat({}, 0); }, {"concat: nothing"}}}},
      {.declaration = "gather(x,axis,indices)",
       .draw =
           [](Rng& rng, Size size) {
             const Shape shape = draw_shape(rng, size, 1);
             const int axis = draw_axis(rng, shape);
             const auto indices = draw_indices(rng, size == Size::kLarge ? shape[axis] : rng.below(6), shape[axis]);
             return Call{{draw_values(rng, shape)}, [=](Inputs in) { return gather(in[0], axis, indices); }};
           },
       .bad = {{[] {
                  gather(zeros({2, 3}), 1, std::vector<std::int32_t>{0, 3});
                },
                {"gather: ", "index 3", "0 to 2"}},
               {[] {
                  gather(zeros({2, 3}), 1, std::vector<std::int32_t>{-1});
                },
                {"gather: ", "index -1"}},
               {[] {
                  gather(zeros({2, 3}), 2, {});
                },
                {"gather: ", "axis 2", "[2,3]"}}}},
  };
}

std::vector<OpCase> network_cases() {
  return {
      {.declaration = "softmax(x)",
       .draw =
           [](Rng& rng, Size size) {
             return Call{{draw_values(rng, draw_shape(rng, size, 1))}, [](Inputs in) { return softmax(in[0]); }};
           },
       .bad = {{[] { softmax(zeros({})); }, {"softmax: "}}}},
      {.declaration = "log_softmax(x)",
       .draw =
           [](Rng& rng, Size size) {
             return Call{{draw_values(rng, draw_shape(rng, size, 1))}, [](Inputs in) { return log_softmax(in[0]); }};
           },
       .bad = {{[] { log_softmax(zeros({})); }, {"log_softmax: "}}},
       .float_bound = 5e-5},  // its gradient in a row of 61,001 sums that many
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
      {.declaration = "cross_entropy(logits,targets)",
       .draw = draw_cross_entropy,
       .bad = {{[] {
                  cross_entropy(zeros({2, 3}), std::vector<std::int32_t>{0});
                },
                {"cross_entropy: 1 tar", "[2,3]"}},
               {[] {
                  cross_entropy(zeros({2, 3}), std::vector<std::int32_t>{0, 3});
                },
                {"cross_entropy: ", "0 to 2"}},
               {[] {
                  cross_entropy(zeros({2, 3}), std::vector<std::int32_t>{0, -2});
                },
                {"cross_entropy: target -2"}},
               {[] {
                  cross_entropy(zeros({0, 0}), {});
                },
                {"cross_entropy: ", "[0,0]"}}}},
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
      {.declaration = "attention_packed(qkv,heads,options)",
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
                {"attention_packed: 2 heads", "[1,2,9]"}}}},
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

}  // namespace

const std::vector<OpCase>& op_cases() {
  static const std::vector<OpCase> all = [] {
    std::vector<OpCase> cases = arithmetic_cases();
    for (const auto& more : {matrix_and_shape_cases(), network_cases(), graph_and_distillation_cases()})
      cases.insert(cases.end(), more.begin(), more.end());
    return cases;
  }();
  return all;
}

}  // namespace headlight::tests
