// The test cases of elementwise operations and reductions, and the list of all cases.
#include "ops/cases.h"

#include "headlight/ops/ops.h"

namespace headlight::tests {

namespace {

using Unary = Tensor (*)(const Tensor&);
using Binary = Tensor (*)(const Tensor&, const Tensor&);
using Draw = Tensor (*)(Rng&, const Shape&);

Tensor draw_around_zero(Rng& rng, const Shape& shape) { return draw_values(rng, shape); }
Tensor draw_positive(Rng& rng, const Shape& shape) { return draw_values(rng, shape, 0.3, 2.5); }
Tensor draw_off_zero(Rng& rng, const Shape& shape) { return draw_nonzero(rng, shape); }
Tensor draw_denominator(Rng& rng, const Shape& shape) { return draw_nonzero(rng, shape, 0.5, 2); }

OpCase binary_case(const std::string& name, Binary op, Draw draw_b, Draw draw_a = draw_around_zero) {
  return {
      .declaration = name + "(a,b)",
      .draw =
          [op, draw_a, draw_b](Rng& rng, Size size) {
            const auto [a, b] = draw_broadcast_pair(rng, size);
            return Call{{draw_a(rng, a), draw_b(rng, b)}, [op](Inputs in) { return op(in[0], in[1]); }};
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

// A case for an operation on a tensor and a double.
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

using Reduce = Tensor (*)(const Tensor&, int, bool);
using ReduceAxes = Tensor (*)(const Tensor&, std::initializer_list<int>, bool);

OpCase reduction_case(const std::string& name, Reduce op, bool filled, Draw draw) {
  OpCase made{
      .declaration = name + "(x,axis,keep)",
      .draw =
          [=](Rng& rng, Size size) {
            auto [shape, axis] = draw_filled_axis(rng, size);
            if (!filled) axis = draw_axis(rng, shape);  // a sum over an empty axis is allowed
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
  if (filled && name != "logsumexp")  // log 0 = -inf
    made.bad.push_back({[op] { op(zeros({2, 0}), 1, false); }, {name + ": ", "axis 1", "[2,0]", "empty"}});
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

// Reductions over two axes of a tensor of rank two or more. If `filled` is true, neither axis is empty.
OpCase axes_case(const std::string& name, ReduceAxes op, bool filled, Draw draw) {
  OpCase made{
      .declaration = name + "(x,axes,keep)",
      .draw =
          [=](Rng& rng, Size size) {
            Shape shape = draw_shape(rng, size, 2);
            int a = draw_axis(rng, shape), b = draw_axis(rng, shape);
            while (shape.axis_index(a) == shape.axis_index(b) || (filled && shape[a] * shape[b] == 0)) {
              shape = draw_shape(rng, size, size == Size::kEmpty ? 3 : 2);
              a = draw_axis(rng, shape), b = draw_axis(rng, shape);
            }
            const bool keep = draw_bool(rng);
            return Call{{draw(rng, shape)}, [=](Inputs in) { return op(in[0], {a, b}, keep); }};
          },
      .bad = {{[op] {
                 op(zeros({2, 3}), {0, 2}, false);
               },
               {name + ": ", "axis 2", "[2,3]"}},
              {[op] {
                 op(zeros({2, 3}), {1, -1}, false);
               },
               {name + ": ", "axis -1", "twice"}},
              {[op] {
                 op(zeros({2, 3}), {}, false);
               },
               {name + ": no axes"}}},
      .float_bound = 5e-5,
  };
  if (filled && name != "logsumexp")
    made.bad.push_back({[op] { op(zeros({2, 0}), {0, 1}, false); }, {name + ": ", "[2,0]", "empty"}});
  return made;
}

Call draw_where(Rng& rng, Size size) {
  const auto [a, b] = draw_broadcast_pair(rng, size);
  const Tensor mask = draw_mask(rng, draw_broadcastable(rng, broadcast(a, b, "where")), 0.5);
  return {{draw_values(rng, a), draw_values(rng, b)},
          [=](Inputs in) { return where(mask.to(in[0].dtype()), in[0], in[1]); }};
}

Call draw_var(Rng& rng, Size size) {
  const Index correction = rng.below(3);
  ShapeAndAxis drawn = draw_filled_axis(rng, size);
  while (drawn.shape[drawn.axis] <= correction) drawn = draw_filled_axis(rng, size);
  const bool keep = draw_bool(rng);
  return {{draw_values(rng, drawn.shape)}, [=](Inputs in) { return var(in[0], drawn.axis, keep, correction); }};
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
      binary_case("pow", pow, draw_around_zero, draw_positive),
      number_case("pow(x,exponent)", pow, draw_positive),
      binary_case("maximum", maximum, draw_around_zero),
      binary_case("minimum", minimum, draw_around_zero),
      {.declaration = "where(mask,a,b)",
       .draw = draw_where,
       .bad = {{[] {
                  where(zeros({2, 3}), zeros({4}), zeros({4}));
                },
                {"where: ", "[2,3]", "[4]"}},
               {[] { where(Tensor::zeros({4}, DType::kFloat64), zeros({4}), zeros({4})); }, {"where: types"}}}},
      unary_case("neg", neg, draw_around_zero),
      unary_case("abs", abs, draw_off_zero),
      unary_case("sin", sin, draw_around_zero),
      unary_case("cos", cos, draw_around_zero),
      {.declaration = "clamp(x,low,high)",
       .draw =
           [](Rng& rng, Size size) {
             const double low = rng.uniform() - 1.5, high = rng.uniform() + 0.5;
             return Call{{draw_values(rng, draw_shape(rng, size))}, [=](Inputs in) { return clamp(in[0], low, high); }};
           },
       .bad = {{[] { clamp(Tensor(), 0, 1); }, {"used before it was given a value"}}}},
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
      reduction_case("min", min, true, draw_distinct),
      reduction_case("logsumexp", logsumexp, true, draw_around_zero),
      {.declaration = "var(x,axis,keep,correction)",
       .draw = draw_var,
       .bad = {{[] {
                  var(zeros({2, 3}), 2);
                },
                {"var: ", "axis 2", "[2,3]"}},
               {[] {
                  var(zeros({2, 1}), 1);
                },
                {"var: ", "[2,1]", "more than 1"}},
               {[] {
                  var(zeros({2, 0}), 1, false, 0);
                },
                {"var: ", "[2,0]", "more than 0"}}},
       .float_bound = 5e-5},
      {.declaration = "cumsum(x,axis)",
       .draw =
           [](Rng& rng, Size size) {
             const Shape shape = draw_shape(rng, size, 1);
             const int axis = draw_axis(rng, shape);
             return Call{{draw_values(rng, shape)}, [=](Inputs in) { return cumsum(in[0], axis); }};
           },
       .bad = {{[] {
                  cumsum(zeros({2, 3}), 2);
                },
                {"cumsum: ", "axis 2", "[2,3]"}}}},
      axes_case("sum", sum, false, draw_around_zero),
      axes_case("mean", mean, true, draw_around_zero),
      axes_case("max", max, true, draw_distinct),
      axes_case("min", min, true, draw_distinct),
      axes_case("logsumexp", logsumexp, true, draw_around_zero),
      {.declaration = "var(x,axes,keep,correction)",
       .draw =
           [](Rng& rng, Size size) {
             ShapeAndAxis drawn = draw_filled_axis(rng, size);
             while (drawn.shape.rank() < 2 || drawn.shape[drawn.axis] * drawn.shape[drawn.shape.rank() / 2] < 2 ||
                    drawn.shape.axis_index(drawn.axis) == drawn.shape.rank() / 2)
               drawn = draw_filled_axis(rng, size);
             const bool keep = draw_bool(rng);
             return Call{{draw_values(rng, drawn.shape)}, [=](Inputs in) {
                           return var(in[0], {drawn.shape.rank() / 2, drawn.axis}, keep);
                         }};
           },
       .bad = {{[] {
                  var(zeros({2, 3}), {0, 2});
                },
                {"var: ", "axis 2", "[2,3]"}},
               {[] {
                  var(zeros({1, 1}), {0, 1});
                },
                {"var: ", "more than 1"}}},
       .float_bound = 5e-5},
      total_case("min", min, true, draw_distinct),
      total_case("sum", sum, false, draw_around_zero),
      total_case("mean", mean, true, draw_around_zero),
      total_case("max", max, true, draw_distinct),
  };
}

}  // namespace

const std::vector<OpCase>& op_cases() {
  static const std::vector<OpCase> all = [] {
    std::vector<OpCase> cases = arithmetic_cases();
    for (const auto& more : {shape_cases(), network_cases(), loss_cases(), graph_and_distillation_cases()})
      cases.insert(cases.end(), more.begin(), more.end());
    return cases;
  }();
  return all;
}

}  // namespace headlight::tests
