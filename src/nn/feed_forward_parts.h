// The built-in feed-forward parts other than Mlp, one function for each; feed_forward.cpp lists them.
#pragma once

#include "headlight/nn/feed_forward.h"

namespace headlight {

FeedForwardKind swiglu_kind();
FeedForwardKind relu2_kind();

}  // namespace headlight
