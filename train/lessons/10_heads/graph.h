// Attention over a graph: an edge j -> i lets node i attend to node j, so edges are an attention mask.
#pragma once

#include "lessons/lesson.h"

namespace headlight::lessons {

// Compares a causal mask with its edges, and a GraphAttention layer with attention() under a bias and a mask, on random
// weights from generator(). Adds a table, the map of the layer's two heads, and the figures causal_difference and
// graph_difference (in units of 1e-7) and edges.
void add_graphs(LessonResult& result);

}  // namespace headlight::lessons
