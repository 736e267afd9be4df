// The attention pattern `window:W`: each token attends to the last W tokens, itself included (Beltagy et al. 2020).
#include "nn/attention_patterns.h"

namespace headlight {

AttentionKind window_kind() { return {"window", "the last W tokens", "W", softmax_attention}; }

}  // namespace headlight
