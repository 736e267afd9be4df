// What the forms of attention share.
#pragma once

#include "ops/common.h"

namespace headlight {

struct AttentionSizes {
  Index b, h, t, s, d, e;
};

// The sizes of q [B,H,T,D], k [B,H,S,D], v [B,H,S,E]. Error: they, or the options, do not fit together.
AttentionSizes check_attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& options);
// The same for what is checked by sizes alone: mask, bias, causality, dropout.
void check_attention_options(const char* operation, const AttentionSizes& sizes, DType dtype,
                             const AttentionOptions& options);

// softmax of the scores, masked: [B,H,T,S], recorded like any operation.
Tensor attention_weights(const Tensor& q, const Tensor& k, const AttentionOptions& options);

double attention_scale(const AttentionOptions& options, Index head_size);

}  // namespace headlight
