// The test cases of matrix products and of operations on shapes.
#include "ops/cases.h"

#include <algorithm>
#include <array>
#include <utility>

#include "headlight/ops/ops.h"

namespace headlight::tests {

namespace {

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

Call draw_stack(Rng& rng, Size size) {
  const Shape shape = draw_shape(rng, size, 0, 3);
  const auto axis = static_cast<int>(draw_between(rng, -shape.rank() - 1, shape.rank()));
  std::vector<Tensor> parts;
  for (Index i = draw_between(rng, 1, 3); i > 0; --i) parts.push_back(draw_values(rng, shape));
  return {parts, [axis](Inputs in) { return stack(in, axis); }};
}

}  // namespace

std::vector<OpCase> shape_cases() {
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
      {.declaration = "stack(parts,axis)",
       .variant = "span",
       .draw = draw_stack,
       .bad = {{[] { stack(std::span<const Tensor>(), 0); }, {"stack: nothing"}},
               {[] {
                  stack({zeros({2, 3}), zeros({3, 2})}, 0);
                },
                {"stack: ", "[2,3]", "[3,2]"}},
               {[] {
                  stack({zeros({2, 3})}, 3);
                },
                {"stack: ", "axis 3"}},
               {[] {
                  stack({zeros({1, 2, 3, 4})}, 0);
                },
                {"stack: ", "[1,2,3,4]"}}}},
      {.declaration = "stack(parts,axis)",
       .variant = "list",
       .draw =
           [](Rng& rng, Size size) {
             return Call{{draw_values(rng, draw_shape(rng, size, 0, 3))}, [](Inputs in) {
                           return stack({in[0], in[0]}, -1);
                         }};
           },
       .bad = {{[] { stack({}, 0); }, {"stack: nothing"}}}},
      {.declaration = "split(x,axis,size)",
       .draw =
           [](Rng& rng, Size size) {
             const auto [shape, axis] = draw_filled_axis(rng, size);
             const Index part = size == Size::kLarge ? shape[axis] / 3 + 1 : draw_between(rng, 1, 4);
             return Call{{draw_values(rng, shape)}, [part, along = axis](Inputs in) {
                           PoolVector<Tensor> parts = split(in[0], along, part);
                           std::reverse(parts.begin(), parts.end());
                           return concat(parts, along);
                         }};
           },
       .bad = {{[] {
                  split(zeros({2, 3}), 2, 1);
                },
                {"split: ", "axis 2", "[2,3]"}},
               {[] {
                  split(zeros({2, 3}), 1, 0);
                },
                {"split: parts of 0"}}}},
      {.declaration = "pad(x,axis,before,after,value)",
       .draw =
           [](Rng& rng, Size size) {
             const Shape shape = draw_shape(rng, size, 1);
             const int axis = draw_axis(rng, shape);
             const Index before = rng.below(3), after = rng.below(3);
             return Call{{draw_values(rng, shape)}, [=](Inputs in) { return pad(in[0], axis, before, after, 0.5); }};
           },
       .bad = {{[] {
                  pad(zeros({2, 3}), 2, 1, 1);
                },
                {"pad: ", "axis 2", "[2,3]"}},
               {[] {
                  pad(zeros({2, 3}), 1, -1, 1);
                },
                {"pad: -1 before"}}}},
  };
}

}  // namespace headlight::tests
