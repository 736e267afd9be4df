// Attention over a graph: an edge j -> i lets node i attend to node j, so edges are an attention mask.
#pragma once

#include "headlight/base/index.h"
#include "lessons/lesson.h"

namespace headlight::lessons {

struct GraphResult {
  Index causal_unequal, outputs;  // outputs that differ between the causal option and the edges j -> t for all j <= t
  double layer_difference;        // the largest difference between GraphAttention and attention() with bias and mask
  Index edges, pairs;             // edges of the graph with self-loops; all pairs of nodes
  AttentionMap map;               // the weights of GraphAttention's two heads
};
// Runs both comparisons on random weights from generator().
GraphResult compare_graph_attention();

}  // namespace headlight::lessons
