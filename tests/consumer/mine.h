// The family `minimal-gru` and the feed-forward part `cosine`.
#pragma once

#include "headlight/headlight.h"

namespace mine {

headlight::ModelKind minimal_gru();
headlight::FeedForwardKind cosine_feed_forward();

}  // namespace mine
