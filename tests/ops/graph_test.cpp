// Tests of graph attention against dense masked attention, and of the distillation loss against its formula.
#include <gtest/gtest.h>

#include <cmath>

#include "headlight/autograd/tape.h"
#include "headlight/ops/ops.h"
#include "ops/compare.h"

namespace headlight::tests {
namespace {

// Graph attention as dense masked attention over all pairs of nodes.
Tensor dense(const Tensor& h, const Tensor& source, const Tensor& target, const Tensor& mask, double slope) {
  const Index nodes = h.size(0), heads = source.size(0), size = source.size(1);
  const Tensor by_head = permute(reshape(h, {nodes, heads, size}), {1, 0, 2});                 // [H,N,D]
  const Tensor s = matmul(reshape(source, {heads, 1, size}), by_head, {.transpose_b = true});  // [H,1,N]
  const Tensor t = matmul(by_head, reshape(target, {heads, size, 1}));                         // [H,N,1]
  const Tensor u = add(t, s);                                                                  // [H,N,N]
  const Tensor scores = sub(relu(u), scale(relu(neg(u)), slope));
  const Tensor y = matmul(masked_softmax(scores, mask.to(h.dtype())), by_head);  // [H,N,D]
  return reshape(permute(y, {1, 0, 2}), {nodes, heads * size});
}

// Row i lists the sources of target i.
Tensor mask_of(Index nodes, std::span<const Edge> edges, bool self_loops) {
  Tensor mask = Tensor::zeros({nodes, nodes}, DType::kFloat64);
  double* m = mask.data<double>();
  for (const Edge& e : edges) m[e.target * nodes + e.source] = 1;
  for (Index i = 0; self_loops && i < nodes; ++i) m[i * nodes + i] = 1;
  return mask;
}

std::vector<Edge> random_edges(Index nodes, double share, Rng& rng) {
  std::vector<Edge> edges;  // each pair at most once
  for (std::int32_t i = 0; i < nodes; ++i)
    for (std::int32_t j = 0; j < nodes; ++j)
      if (rng.uniform() < share) edges.push_back({j, i});
  for (std::size_t k = edges.size(); k > 1; --k)
    std::swap(edges[k - 1], edges[static_cast<std::size_t>(rng.below(static_cast<Index>(k)))]);
  return edges;
}

TEST(GraphAttention, EqualsDenseMaskedAttention) {
  for (const bool self_loops : {false, true})
    for (const double share : {0.0, 0.1, 0.5, 1.0}) {
      Rng rng(3);
      const Index nodes = 23, heads = 3, size = 5;
      const std::vector<Edge> edges = random_edges(nodes, share, rng);
      const Tensor mask = mask_of(nodes, edges, self_loops);
      const std::vector<Tensor> inputs = {draw_values(rng, {nodes, heads * size}), draw_values(rng, {heads, size}),
                                          draw_values(rng, {heads, size})};
      for (const DType dtype : {DType::kFloat64, DType::kFloat32}) {
        const std::vector<Tensor> in = inputs_in({inputs, nullptr}, dtype);
        const Outcome sparse = evaluate(
            [&](Inputs x) {
              return graph_attention(x[0], x[1], x[2], edges, {.slope = 0.3, .self_loops = self_loops});
            },
            in);
        EXPECT_TRUE(near(sparse, evaluate([&](Inputs x) { return dense(x[0], x[1], x[2], mask, 0.3); }, in),
                         dtype == DType::kFloat64 ? 1e-12 : 1e-5))
            << share << " " << self_loops << " " << to_text(dtype);
      }
    }
}

TEST(GraphAttention, ANodeWithoutEdgesGetsZerosOrItself) {
  const Tensor h = Tensor::of({3, 2}, {1, 2, 3, 4, 5, 6}), a = Tensor::of({1, 2}, {0.5, -0.25});
  const std::vector<Edge> edges = {{0, 1}, {1, 1}};
  const std::vector<double> without = graph_attention(h, a, a, edges).to_vector();
  EXPECT_EQ(without[0], 0);
  EXPECT_EQ(without[1], 0);
  EXPECT_EQ(without[5], 0);
  const std::vector<double> with = graph_attention(h, a, a, edges, {.self_loops = true}).to_vector();
  EXPECT_EQ(with[0], 1);
  EXPECT_EQ(with[5], 6);
  EXPECT_EQ(with[2], without[2]) << "node 1 has its loop already";
}

TEST(GraphAttention, ARepeatedEdgeCountsTwice) {
  // All scores are 0: the weights are 1/3 each.
  const Tensor h = Tensor::of({3, 1}, {3, 6, 0}), a = Tensor::zeros({1, 1});
  EXPECT_NEAR(graph_attention(h, a, a, std::vector<Edge>{{0, 2}, {0, 2}, {1, 2}}).at({2, 0}), 4, 1e-6);
}

// The N x N weights would be 16 times as much for four times the nodes.
TEST(GraphAttention, MemoryGrowsWithTheEdges) {
  const auto peak = [](Index nodes) {
    pool_trim();
    Rng rng(19);
    std::vector<Edge> edges;
    for (Index k = 0; k < 4 * nodes; ++k)
      edges.push_back({static_cast<std::int32_t>(rng.below(nodes)), static_cast<std::int32_t>(k / 4)});
    const std::vector<Tensor> in = {Tensor::normal({nodes, 8}, 0, 1, rng), Tensor::normal({2, 4}, 0, 1, rng),
                                    Tensor::normal({2, 4}, 0, 1, rng)};
    const Index before = pool_stats().bytes_in_use;
    pool_reset_peak();
    evaluate([&](Inputs x) { return graph_attention(x[0], x[1], x[2], edges); }, in);
    return static_cast<double>(pool_stats().bytes_peak - before);
  };
  EXPECT_LT(peak(2048), 4.5 * peak(512));
}

TEST(DistillationLoss, IsItsFormula) {
  Rng rng(5);
  const Tensor teacher = draw_values(rng, {4, 3, 7}, -3, 3);
  for (const double temperature : {0.5, 1.0, 4.0})
    for (const DType dtype : {DType::kFloat64, DType::kFloat32}) {
      const std::vector<Tensor> in = inputs_in({{draw_values(rng, {4, 3, 7}, -3, 3)}, nullptr}, dtype);
      const Tensor z = teacher.to(dtype);
      const auto formula = [&](Inputs x) {
        const Tensor log_p = log_softmax(scale(x[0], 1 / temperature)), log_q = log_softmax(scale(z, 1 / temperature));
        return scale(mean(sum(mul(exp(log_q), sub(log_q, log_p)), -1)), temperature * temperature);
      };
      EXPECT_TRUE(near(evaluate([&](Inputs x) { return distillation_loss(x[0], z, temperature); }, in),
                       evaluate(formula, in), dtype == DType::kFloat64 ? 1e-12 : 1e-5))
          << temperature;
    }
}

TEST(DistillationLoss, IsZeroForEqualLogitsAndIgnoresImpossibleClasses) {
  const double inf = HUGE_VAL;
  const Tensor x = Tensor::of({2, 3}, {1, 2, 3, 0, 0, 5}), z = Tensor::of({1, 3}, {0, -inf, 0});
  EXPECT_NEAR(distillation_loss(x, x, 2).item(), 0, 1e-7);
  // q = (1/2, 0, 1/2), p = (1/2, 0, 1/2) up to e^-40.
  EXPECT_NEAR(distillation_loss(Tensor::of({1, 3}, {0, -40, 0}), z).item(), 0, 1e-6);
  EXPECT_EQ(distillation_loss(Tensor::zeros({0, 3}), Tensor::zeros({0, 3})).item(), 0);
  Tensor asked = Tensor::zeros({1, 3});
  asked.set_requires_grad(true);
  Tensor other = Tensor::ones({1, 3});
  other.set_requires_grad(true);
  Tape tape;
  tape.backward(distillation_loss(asked, other));
  EXPECT_TRUE(asked.grad().defined());
  EXPECT_FALSE(other.grad().defined()) << "the teacher gets no gradient";
}

}  // namespace
}  // namespace headlight::tests
