// Classifies the nodes of a graph from their features and those of nodes up to two edges away: x [N,F] -> [N,classes].
#pragma once

#include <span>

#include "headlight/nn/graph_attention.h"

class NodeClassifier : public headlight::Module {
 public:
  NodeClassifier(headlight::Index features, headlight::Index classes)
      : near{this, "near", features, 8, 4}, far{this, "far", 32, 8, 4}, out{this, "out", 32, classes} {}

  headlight::Tensor operator()(const headlight::Tensor& x, std::span<const headlight::Edge> edges) const {
    const headlight::Tensor h = relu(near(x, edges));  // [N,32]: four heads of size 8
    return out(relu(far(h, edges)));
  }

  headlight::Child<headlight::GraphAttention> near, far;
  headlight::Child<headlight::Linear> out;
};
