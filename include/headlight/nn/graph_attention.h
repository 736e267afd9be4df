// GraphAttention: a layer over the nodes of a graph, in which each node attends to the nodes with an edge to it
// (Velickovic et al. 2018). x [N,in] -> [N,HD]: the results of H heads of size D, concatenated.
//
//   GraphAttention layer(in, size, heads);
//   const std::vector<Edge> edges = {{0, 1}, {2, 1}};        // node 1 attends to nodes 0 and 2
//   Tensor y = layer(x, edges);
//
// To batch several graphs, pass them as one graph without edges between them.
#pragma once

#include <cmath>
#include <span>

#include "headlight/nn/linear.h"

namespace headlight {

class GraphAttention : public Module {
 public:
  // `size` is D. By default each node also attends to itself, as in the paper. Weights are initialized as in the paper
  // (Glorot, Bengio 2010). The caller applies the activation function between layers (ELU in the paper).
  GraphAttention(Index in, Index size, Index heads,
                 const GraphAttentionOptions& options = {.slope = 0.2, .self_loops = true})
      : weight{this, "weight", {heads * size, in}, glorot(in, heads * size), ParamRole::kMatrix},
        source{this, "source", {heads, size}, glorot(2 * size, 1)},
        target{this, "target", {heads, size}, glorot(2 * size, 1)},
        options_(options) {}

  // Errors: x is not [N,in]; an edge with a node outside 0..N-1.
  Tensor operator()(const Tensor& x, std::span<const Edge> edges) const {
    return graph_attention(linear(x, weight), source, target, edges, options_);
  }

  Param weight;          // [HD,in], the paper's W
  Param source, target;  // [H,D], the halves of the paper's a

 private:
  static Init glorot(Index in, Index out) { return Init::uniform(std::sqrt(6 / static_cast<double>(in + out))); }

  GraphAttentionOptions options_;
};

}  // namespace headlight
