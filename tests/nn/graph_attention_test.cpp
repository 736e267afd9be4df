// Tests of the layer GraphAttention: gradients, errors, and a node classifier that learns to use the edges of a graph.
#include "headlight/nn/graph_attention.h"

#include "headlight/autograd/tape.h"
#include "headlight/optim/optimizer.h"
#include "nn/layers.h"
#include "recipes/node_classifier.h"

namespace headlight::tests {
namespace {

const std::vector<Edge> kEdges = {{0, 1}, {2, 1}, {1, 2}, {3, 0}, {0, 3}, {2, 3}};

TEST(GraphAttentionLayer, GradientsAreRight) {
  const DTypeScope doubles(DType::kFloat64);
  for (const bool self_loops : {true, false}) {
    const GraphAttention layer(3, 2, 3, {.slope = 0.2, .self_loops = self_loops});
    randomize(layer, 2);
    EXPECT_EQ(walk_text(layer), "weight [6,3], source [3,2], target [3,2]");
    EXPECT_TRUE(gradients_are_right(layer, [&](std::span<const Tensor> in) { return layer(in[0], kEdges); },
                                    {random_tensor({4, 3}, 5, DType::kFloat64)}));
  }
}

TEST(GraphAttentionLayer, ReadsItselfAndItsNeighborsOnly) {
  const GraphAttention layer(2, 3, 2);
  const Tensor x = random_tensor({4, 2}, 3), y = layer(x, kEdges);
  EXPECT_EQ(to_text(y.shape()), "[4,6]");
  for (Index changed = 0; changed < 4; ++changed) {
    Tensor other = x.clone();
    other.data<float>()[2 * changed] += 1;
    const Tensor z = layer(other, kEdges);
    for (Index i = 0; i < 4; ++i) {
      bool reads = i == changed;
      for (const Edge& e : kEdges) reads = reads || (e.source == changed && e.target == i);
      EXPECT_EQ(same_bits(slice(z, 0, i, i + 1), slice(y, 0, i, i + 1)), !reads) << changed << " " << i;
    }
  }
}

TEST(GraphAttentionLayer, ErrorsNameTheEdgeAndTheLayer) {
  const NodeClassifier model(2, 2);
  EXPECT_EQ(error_of([&] {
              model(Tensor::zeros({4, 2}), std::vector<Edge>{{0, 1}, {4, 0}});
            }),
            "near: graph_attention: edge 1 (4 -> 0) has a node outside 0 to 3; number the nodes as the rows of h");
  EXPECT_NE(error_of([&] { model(Tensor::zeros({4, 3}), kEdges); }).find("near: linear: "), std::string::npos);
}

// ---- a task that needs the edges ----

// A graph whose nodes belong to communities. Most edges stay inside a community. The feature of a few nodes is their
// community; the others have no features.
struct Communities {
  static constexpr Index kNodes = 120, kCount = 4, kDegree = 6;

  std::vector<Edge> edges;
  std::vector<std::int32_t> community;
  std::vector<std::int32_t> unmarked;  // the community of the nodes without features, kIgnoredTarget for the others
  Tensor features = Tensor::zeros({kNodes, kCount});

  explicit Communities(Rng& rng) {
    float* f = features.data<float>();
    for (Index i = 0; i < kNodes; ++i) {
      community.push_back(static_cast<std::int32_t>(rng.below(kCount)));
      const bool is_marked = rng.uniform() < 0.15;
      if (is_marked) f[i * kCount + community.back()] = 1;
      unmarked.push_back(is_marked ? kIgnoredTarget : community.back());
    }
    for (std::int32_t i = 0; i < kNodes; ++i)
      for (Index added = 0; added < kDegree;) {
        const auto j = static_cast<std::int32_t>(rng.below(kNodes));
        const bool same = community[static_cast<std::size_t>(i)] == community[static_cast<std::size_t>(j)];
        if (j == i || (!same && rng.uniform() > 0.05)) continue;
        edges.push_back({j, i});
        ++added;
      }
  }
};

// Trains on a new graph in every step; returns the accuracy on the nodes without features of graphs not seen before.
double accuracy(bool with_edges) {
  seed_generator(1);
  NodeClassifier model(Communities::kCount, Communities::kCount);
  AdamW optimizer(model.parameters(), {});
  Rng rng(2);
  const auto edges_of = [&](const Communities& graph) { return with_edges ? graph.edges : std::vector<Edge>(); };
  for (int step = 0; step < 150; ++step) {
    const Communities graph(rng);
    Tape tape;
    tape.backward(cross_entropy(model(graph.features, edges_of(graph)), graph.unmarked));
    optimizer.step(0.01);
    model.zero_grad();
  }
  double right = 0, count = 0;
  for (int i = 0; i < 20; ++i) {
    const Communities graph(rng);
    const Tensor logits = model(graph.features, edges_of(graph));
    for (Index node = 0; node < Communities::kNodes; ++node) {
      const std::int32_t truth = graph.unmarked[static_cast<std::size_t>(node)];
      if (truth == kIgnoredTarget) continue;
      std::int32_t best = 0;
      for (std::int32_t c = 1; c < Communities::kCount; ++c)
        if (logits.at({node, c}) > logits.at({node, best})) best = c;
      right += best == truth;
      ++count;
    }
  }
  return right / count;
}

TEST(NodeClassifier, LearnsTheCommunityFromItsNeighbors) {
  const double with = accuracy(true), without = accuracy(false);
  EXPECT_GT(with, 0.9);
  EXPECT_LT(without, 0.35) << "a guess is right in a quarter of the cases";
  RecordProperty("with_edges", std::to_string(with));
  RecordProperty("without_edges", std::to_string(without));
}

TEST(NodeClassifier, AllocatesNothingAfterTheSecondStep) {
  NodeClassifier model(Communities::kCount, Communities::kCount);
  AdamW optimizer(model.parameters(), {});
  Rng rng(2);
  const Communities graph(rng);
  Index before = 0;
  for (int step = 0; step < 5; ++step) {
    if (step == 2) before = pool_stats().system_allocations;
    {
      Tape tape;
      tape.backward(cross_entropy(model(graph.features, graph.edges), graph.unmarked));
    }
    optimizer.step(0.01);
    model.zero_grad();
  }
  EXPECT_EQ(pool_stats().system_allocations, before);
}

}  // namespace
}  // namespace headlight::tests
