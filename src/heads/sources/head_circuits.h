// Circuits of a head, computed from its weights without any text (Elhage et al. 2021): the logits for each dimension of
// the head's output z, and the logits for each symbol that the head attends to (OV circuit). Biases are left out, and
// so are the scales of norms, which depend on the text.
#pragma once

#include <span>
#include <vector>

#include "headlight/models/transformer.h"
#include "heads/roles/head_scores.h"

namespace headlight {

// Whether output_circuit() can describe the model, which must be pre-norm, with norms that implement Norm::step().
bool has_output_circuits(const TransformerLM& model);

// [V,D]: the map from a head's output z to the logits along the residual stream: output projection, gain of the last
// norm (with centering for layer norm), unembedding. Errors: a post-norm model, where every path passes through
// later norms; a norm without Norm::step().
std::vector<double> output_circuit(const TransformerLM& model, HeadId head);

// [from][to]: the OV circuit, that is, the logits of tokens `to` when the head attends only to one token of `from`. The
// token's embedding passes through the gain of the layer's norm, the value projection and output_circuit(). Errors:
// those of output_circuit().
std::vector<double> table_of_head(const TransformerLM& model, HeadId head, std::span<const std::int32_t> from,
                                  std::span<const std::int32_t> to);

}  // namespace headlight
