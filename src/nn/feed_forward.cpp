// The table of feed-forward parts.
#include "headlight/nn/feed_forward.h"

#include <algorithm>

#include "nn/feed_forward_parts.h"

namespace headlight {

namespace {

std::deque<FeedForwardKind>& kinds() {
  static std::deque<FeedForwardKind> all{
      {"mlp", "two matrices with --activation between them", 2,
       [](const FeedForwardOptions& o) -> std::unique_ptr<FeedForward> { return std::make_unique<Mlp>(o); }},
      swiglu_kind(),
      relu2_kind()};
  return all;
}

}  // namespace

const std::deque<FeedForwardKind>& feed_forward_kinds() { return kinds(); }

const FeedForwardKind* find_feed_forward(const std::string& name) {
  const auto found = std::find_if(kinds().begin(), kinds().end(), [&](const auto& kind) { return kind.name == name; });
  return found == kinds().end() ? nullptr : &*found;
}

void register_feed_forward(FeedForwardKind kind) {
  if (kind.name.empty() || !kind.make) fail("register_feed_forward: a part needs a name and a make function");
  if (find_feed_forward(kind.name))
    fail("register_feed_forward: there is a part ", kind.name, " already; use another name");
  kinds().push_back(std::move(kind));
}

}  // namespace headlight
