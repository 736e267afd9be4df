// The test cases of graph attention and of the distillation loss; ops/cases.cpp has the others.
#include <cmath>

#include "headlight/ops/ops.h"
#include "ops/cases.h"

namespace headlight::tests {

namespace {

using Inputs = std::span<const Tensor>;

Tensor zeros(const Shape& shape) { return Tensor::zeros(shape); }

// The distance of the nearest score source . h_j + target . h_i to the kink of LeakyReLU at 0.
double nearest_kink(const Tensor& h, const Tensor& source, const Tensor& target) {
  const Index heads = source.size(0), size = source.size(1);
  double nearest = 1;
  const auto product = [&](const Tensor& a, Index node, Index head) {
    double sum = 0;
    for (Index i = 0; i < size; ++i) sum += a.at({head, i}) * h.at({node, head * size + i});
    return sum;
  };
  for (Index head = 0; head < heads; ++head)
    for (Index j = 0; j < h.size(0); ++j)
      for (Index i = 0; i < h.size(0); ++i)
        nearest = std::min(nearest, std::abs(product(source, j, head) + product(target, i, head)));
  return nearest;
}

Call draw_graph_attention(Rng& rng, Size size) {
  Index nodes = draw_between(rng, 1, 5), heads = draw_between(rng, 1, 3), width = draw_between(rng, 1, 3);
  Index count = draw_between(rng, 0, 12);
  if (size == Size::kLarge) nodes = 290, heads = 3, width = 40, count = 2500;
  if (size == Size::kEmpty) (rng.below(3) == 0 ? heads : rng.below(2) == 0 ? width : nodes) = 0;
  std::vector<Edge> edges;
  for (Index k = 0; k < count && nodes > 0; ++k)
    edges.push_back({static_cast<std::int32_t>(rng.below(nodes)), static_cast<std::int32_t>(rng.below(nodes))});
  GraphAttentionOptions options;
  options.self_loops = draw_bool(rng);
  if (draw_bool(rng)) options.slope = 0.5;
  Call call;
  do {
    const double bound = size == Size::kLarge ? 0.3 : 2;
    call.inputs = {draw_values(rng, {nodes, heads * width}), draw_values(rng, {heads, width}, -bound, bound),
                   draw_values(rng, {heads, width}, -bound, bound)};
  } while (size == Size::kSmall && nearest_kink(call.inputs[0], call.inputs[1], call.inputs[2]) < 0.03);
  call.function = [edges, options](Inputs in) { return graph_attention(in[0], in[1], in[2], edges, options); };
  return call;
}

Call draw_distillation(Rng& rng, Size size) {
  Shape shape = draw_shape(rng, size, size == Size::kEmpty ? 2 : 1);
  while (shape[-1] == 0) shape = draw_shape(rng, size, 2);
  if (size == Size::kLarge) shape = Shape{601, 103};
  const Tensor teacher = draw_values(rng, shape);
  const double temperature = 0.5 + 3 * rng.uniform();
  return {{draw_values(rng, shape)},
          [=](Inputs in) { return distillation_loss(in[0], teacher.to(in[0].dtype()), temperature); }};
}

}  // namespace

std::vector<OpCase> graph_and_distillation_cases() {
  const auto bad_edge = [](std::int32_t source, std::int32_t target) {
    return [=] {
      graph_attention(zeros({3, 4}), zeros({2, 2}), zeros({2, 2}), std::vector<Edge>{{0, 1}, {source, target}});
    };
  };
  return {
      {.declaration = "graph_attention(h,source,target,edges,options)",
       .draw = draw_graph_attention,
       .bad = {{[] {
                  graph_attention(zeros({3, 4}), zeros({2, 3}), zeros({2, 3}), {});
                },
                {"graph_attention: ", "[3,4]", "[2,3]"}},
               {[] {
                  graph_attention(zeros({3, 4}), zeros({2, 2}), zeros({4, 1}), {});
                },
                {"graph_attention: ", "[2,2]", "[4,1]"}},
               {[] {
                  graph_attention(zeros({4}), zeros({2, 2}), zeros({2, 2}), {});
                },
                {"graph_attention: ", "[4]"}},
               {bad_edge(3, 0), {"graph_attention: edge 1 (3 -> 0)", "0 to 2"}},
               {bad_edge(0, 3), {"graph_attention: edge 1 (0 -> 3)", "0 to 2"}},
               {bad_edge(-1, 0), {"graph_attention: edge 1 (-1 -> 0)"}},
               {bad_edge(0, -7), {"graph_attention: edge 1 (0 -> -7)"}}}},
      {.declaration = "distillation_loss(logits,teacher,temperature)",
       .draw = draw_distillation,
       .bad = {{[] {
                  distillation_loss(zeros({2, 3}), zeros({3, 2}));
                },
                {"distillation_loss: ", "[2,3]", "[3,2]"}},
               {[] {
                  distillation_loss(zeros({2, 3}), Tensor::zeros({2, 3}, DType::kFloat64));
                },
                {"distillation_loss: types", "float32", "float64"}},
               {[] {
                  distillation_loss(zeros({2, 0}), zeros({2, 0}));
                },
                {"distillation_loss: ", "[2,0]"}},
               {[] { distillation_loss(zeros({}), zeros({})); }, {"distillation_loss: ", "[]"}},
               {[] { distillation_loss(zeros({2}), zeros({2}), 0); }, {"distillation_loss: temperature 0"}},
               {[] { distillation_loss(zeros({2}), zeros({2}), std::nan("")); }, {"distillation_loss: temperature"}}}},
  };
}

}  // namespace headlight::tests
