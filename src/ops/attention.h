// Size checks and helpers shared by attention() and attention_composite().
#pragma once

#include "ops/common.h"

namespace headlight {

// The sizes B, H, G, T, S, D, E of q [B,H,T,D], k [B,G,S,D], v [B,G,S,E].
struct AttentionSizes {
  Index b, h, g, t, s, d, e;
  Index group() const { return g > 0 ? h / g : 1; }  // heads per key head
};

// Returns the sizes. Error: the shapes, types or options are inconsistent.
AttentionSizes check_attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& options);
// Checks mask, bias, causal and dropout against the sizes. Error: inconsistent.
void check_attention_options(const char* operation, const AttentionSizes& sizes, DType dtype,
                             const AttentionOptions& options);

// The attention weights [B,H,T,S] before dropout, computed with recorded operations.
Tensor attention_weights(const Tensor& q, const Tensor& k, const AttentionOptions& options);

// The scale of the options, or 1/sqrt(head_size) if the scale is 0.
double attention_scale(const AttentionOptions& options, Index head_size);

}  // namespace headlight
