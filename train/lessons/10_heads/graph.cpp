// Attention over a graph: an edge j -> i lets node i attend to node j, so edges are an attention mask.
#include "lessons/10_heads/graph.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "headlight/headlight.h"
#include "headlight/nn/graph_attention.h"

namespace headlight::lessons {

namespace {

constexpr Index kNodes = 12, kIn = 8, kSize = 8, kHeads = 2;

// [N,N]: 1 at [i,j] if there is an edge j -> i, so that query i sees key j.
Tensor mask_of(const std::vector<Edge>& edges, Index nodes) {
  Tensor mask = Tensor::zeros({nodes, nodes});
  for (const Edge& edge : edges) mask.data<float>()[edge.target * nodes + edge.source] = 1;
  return mask;
}

// A ring with chords: each node attends to itself, to both neighbors, and every third node to the node opposite.
std::vector<Edge> ring_with_chords() {
  std::vector<Edge> edges;
  const auto node = [](Index i) { return static_cast<std::int32_t>(i % kNodes); };
  for (Index i = 0; i < kNodes; ++i) {
    edges.push_back({node(i), node(i)});
    edges.push_back({node(i + 1), node(i)});
    edges.push_back({node(i + kNodes - 1), node(i)});
    if (i % 3 == 0) edges.push_back({node(i + kNodes / 2), node(i)});
  }
  return edges;
}

Tensor leaky_relu(const Tensor& x, double slope) { return relu(x) - scale(relu(neg(x)), slope); }

Index unequal(const Tensor& a, const Tensor& b) {
  const std::vector<double> x = a.to_vector(), y = b.to_vector();
  Index count = 0;
  for (std::size_t i = 0; i < x.size(); ++i) count += x[i] != y[i];
  return count;
}

// The causal mask is a graph: an edge from every position to itself and to all later positions.
void compare_causal(GraphResult& result) {
  constexpr Index kPositions = 48;
  std::vector<Edge> edges;
  for (std::int32_t t = 0; t < kPositions; ++t)
    for (std::int32_t j = 0; j <= t; ++j) edges.push_back({j, t});
  const auto random = [] { return Tensor::normal({1, kHeads, kPositions, kSize}, 0, 1, generator()); };
  const Tensor q = random(), k = random(), v = random();
  AttentionOptions by_option, by_edges;
  by_option.causal = true;
  by_edges.mask = mask_of(edges, kPositions);
  const Tensor causal = attention(q, k, v, by_option);
  result.outputs = causal.numel();
  result.causal_unequal = unequal(causal, attention(q, k, v, by_edges));
}

// A GraphAttention layer against attention() whose scores are the bias LeakyReLU(source . h_j + target . h_i).
void compare_layer(GraphResult& result) {
  const std::vector<Edge> edges = ring_with_chords();
  const GraphAttention layer(kIn, kSize, kHeads);
  const Tensor x = Tensor::normal({kNodes, kIn}, 0, 1, generator());
  const Tensor y = layer(x, edges);  // [N,HD]

  const Tensor h = permute(reshape(linear(x, layer.weight), {1, kNodes, kHeads, kSize}), {0, 2, 1, 3});  // [1,H,N,D]
  const auto per_head = [&](const Tensor& vector) { return reshape(vector, {1, kHeads, kSize, 1}); };
  const Tensor from = matmul(h, per_head(layer.source)), to = matmul(h, per_head(layer.target));  // [1,H,N,1]
  const Tensor scores = leaky_relu(to + transpose(from), 0.2);                                    // [1,H,N,N]: [i,j]
  const Tensor nothing = Tensor::zeros_like(h);                                                   // q k^T = 0
  AttentionOptions options;
  options.mask = mask_of(edges, kNodes);
  options.bias = scores;
  Tensor weights;
  const Tensor z = attention(nothing, nothing, h, options, &weights);
  const Tensor dense = reshape(permute(z, {0, 2, 1, 3}), {kNodes, kHeads * kSize});

  const std::vector<double> a = y.to_vector(), b = dense.to_vector();
  for (std::size_t i = 0; i < a.size(); ++i)
    result.layer_difference = std::max(result.layer_difference, std::abs(a[i] - b[i]));
  result.edges = static_cast<Index>(edges.size());
  result.pairs = kNodes * kNodes;
  result.map = {.title = "GraphAttention on a ring with chords (untrained): weights only on edges",
                .queries = {},
                .keys = {},
                .heads = {}};
  for (Index i = 0; i < kNodes; ++i) result.map.queries.push_back(cat(i));
  result.map.keys = result.map.queries;
  for (Index head = 0; head < kHeads; ++head) {
    const std::vector<double> w = slice(weights, 1, head, head + 1).to_vector();
    result.map.heads.push_back({cat("head ", head), {w.begin(), w.end()}});
  }
}

}  // namespace

GraphResult compare_graph_attention() {
  GraphResult result{0, 0, 0, 0, 0, {}};
  compare_causal(result);
  compare_layer(result);
  return result;
}

}  // namespace headlight::lessons
