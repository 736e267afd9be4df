// The table of feed-forward parts.
#include "headlight/nn/feed_forward.h"

#include "base/part_table.h"
#include "nn/feed_forward_parts.h"

namespace headlight {

namespace {

PartTable<FeedForwardKind>& table() {
  static PartTable<FeedForwardKind> parts(
      "feed-forward part", "feed_forward",
      {{"mlp", "two matrices with --activation between them", 2,
        [](const FeedForwardOptions& o) -> std::unique_ptr<FeedForward> { return std::make_unique<Mlp>(o); }},
       swiglu_kind(),
       relu2_kind()});
  return parts;
}

}  // namespace

const std::deque<FeedForwardKind>& feed_forward_kinds() { return table().all(); }
const FeedForwardKind& find_feed_forward(const std::string& name) { return table().get(name); }
void register_feed_forward(FeedForwardKind kind) { table().add(std::move(kind), &FeedForwardKind::make); }

}  // namespace headlight
