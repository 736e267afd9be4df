// The built-in attention patterns other than `full`, one function for each; attention_patterns.cpp lists them.
#pragma once

#include "headlight/nn/multi_head_attention.h"

namespace headlight {

AttentionKind window_kind();
AttentionKind linear_kind();
// Softmax attention over the keys of the last `window` tokens; 0: of all.
std::shared_ptr<const AttentionPattern> softmax_attention(Index window);
std::shared_ptr<const AttentionPattern> full_attention();

}  // namespace headlight
