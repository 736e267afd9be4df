// The built-in feed-forward parts other than Mlp, one function for each; feed_forward.cpp lists them.
#pragma once

#include <optional>

#include "headlight/nn/feed_forward.h"
#include "kernels/kernels.h"

namespace headlight {

// The kernel of a built-in activation whose derivative follows from its input; otherwise nothing.
std::optional<kernels::Unary> kernel_of(const ActivationKind& activation);

FeedForwardKind swiglu_kind();
FeedForwardKind relu2_kind();

}  // namespace headlight
