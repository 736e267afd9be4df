// Attention over a graph: an edge j -> i lets node i attend to node j, so edges are an attention mask.
#include "lessons/10_heads/graph.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/format.h"
#include "headlight/headlight.h"
#include "headlight/nn/graph_attention.h"

namespace headlight::lessons {

namespace {

constexpr Index kNodes = 12, kIn = 8, kWidth = 8, kGraphHeads = 2;

// [N,N]: 1 at [i,j] if there is an edge j -> i, so that key j is visible to query i.
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

double largest_difference(const Tensor& a, const Tensor& b) {
  const std::vector<double> x = a.to_vector(), y = b.to_vector();
  double largest = 0;
  for (std::size_t i = 0; i < x.size(); ++i) largest = std::max(largest, std::abs(x[i] - y[i]));
  return largest;
}

// The causal mask is a graph: an edge from every position to itself and to all later positions.
double causal_difference() {
  constexpr Index kPositions = 48;
  std::vector<Edge> edges;
  for (std::int32_t t = 0; t < kPositions; ++t)
    for (std::int32_t j = 0; j <= t; ++j) edges.push_back({j, t});
  const auto random = [] { return Tensor::normal({1, kGraphHeads, kPositions, kWidth}, 0, 1, generator()); };
  const Tensor q = random(), k = random(), v = random();
  AttentionOptions by_option, by_edges;
  by_option.causal = true;
  by_edges.mask = mask_of(edges, kPositions);
  return largest_difference(attention(q, k, v, by_option), attention(q, k, v, by_edges));
}

// A GraphAttention layer against attention() whose scores are the bias LeakyReLU(source . h_j + target . h_i).
double layer_difference(const std::vector<Edge>& edges, AttentionMap& map) {
  const GraphAttention layer(kIn, kWidth, kGraphHeads);
  const Tensor x = Tensor::normal({kNodes, kIn}, 0, 1, generator());
  const Tensor y = layer(x, edges);  // [N,HD]

  const Tensor h =
      permute(reshape(linear(x, layer.weight), {1, kNodes, kGraphHeads, kWidth}), {0, 2, 1, 3});  // [1,H,N,D]
  const auto per_head = [&](const Tensor& vector) { return reshape(vector, {1, kGraphHeads, kWidth, 1}); };
  const Tensor from = matmul(h, per_head(layer.source)), to = matmul(h, per_head(layer.target));  // [1,H,N,1]
  const Tensor scores = leaky_relu(to + transpose(from), 0.2);                                    // [1,H,N,N]: [i,j]
  const Tensor nothing = Tensor::zeros_like(h);                                                   // q k^T = 0
  AttentionOptions options;
  options.mask = mask_of(edges, kNodes);
  options.bias = scores;
  Tensor weights;
  const Tensor z = attention(nothing, nothing, h, options, &weights);
  const Tensor dense = reshape(permute(z, {0, 2, 1, 3}), {kNodes, kGraphHeads * kWidth});

  for (Index i = 0; i < kNodes; ++i) map.queries.push_back(cat(i));
  map.keys = map.queries;
  for (Index head = 0; head < kGraphHeads; ++head) {
    const std::vector<double> w = slice(weights, 1, head, head + 1).to_vector();
    map.heads.push_back({cat("head ", head), {w.begin(), w.end()}});
  }
  return largest_difference(y, dense);
}

}  // namespace

void add_graphs(LessonResult& result) {
  const std::vector<Edge> edges = ring_with_chords();
  AttentionMap map{"GraphAttention on a ring with chords (untrained): weights only on edges", {}, {}, {}};
  const double causal = causal_difference() / 1e-7, layer = layer_difference(edges, map) / 1e-7;
  result.figures.push_back({"causal_difference", causal});
  result.figures.push_back({"graph_difference", layer});
  result.figures.push_back({"edges", static_cast<double>(edges.size())});
  result.tables.push_back({"A graph is a mask: largest difference",
                           {"comparison", "in units of 1e-7"},
                           {{"causal mask, and edges from each position to later ones", fixed_text(causal, 1)},
                            {"GraphAttention, and attention with bias and mask", fixed_text(layer, 1)}}});
  result.maps.push_back(std::move(map));
}

}  // namespace headlight::lessons
