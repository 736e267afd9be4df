// What the weights of a head say, without any text (Elhage et al. 2021): which logits it writes for each dimension of its
// output, and for each symbol that it reads. Scales of norms depend on the text and are left out; biases too.
#pragma once

#include <span>
#include <vector>

#include "heads/roles/head_scores.h"

namespace headlight {

// [V,D]: the logits that the output z of a head adds by the residual stream alone, past later layers: output projection,
// the last norm's gain (for layer norm also its centering), unembedding. Error: a post-norm model, in which no path leads
// past the norms of later layers.
std::vector<double> output_circuit(const CharTransformer& model, HeadId head);

// [from][to]: the logits of tokens `to` when the head attends to a token of `from` alone and reads its embedding: the gain
// of the layer's norm, values, output_circuit(). Error: as above.
std::vector<double> table_of_head(const CharTransformer& model, HeadId head, std::span<const std::int32_t> from,
                                  std::span<const std::int32_t> to);

}  // namespace headlight
