// The family `minimal-gru`, and parts of a transformer: the feed-forward part `cosine`, the attention pattern
// `decay:S`, the norm `mean` and the optimizer `sign`.
#pragma once

#include "headlight/headlight.h"

namespace mine {

headlight::ModelKind minimal_gru();
headlight::FeedForwardKind cosine_feed_forward();
headlight::AttentionKind decay_attention();
headlight::NormKind mean_norm();
headlight::OptimizerKind sign_descent();

}  // namespace mine
