// The table of attention patterns, and the pattern `full`.
#include "nn/attention_patterns.h"

#include <charconv>

#include "base/part_table.h"

namespace headlight {

namespace {

class SoftmaxAttention : public AttentionPattern {
 public:
  explicit SoftmaxAttention(Index window) : window_(window) {}

  Tensor operator()(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& options,
                    Tensor* weights) const override {
    return attention(q, k, v, within_window(options), weights);
  }
  Tensor packed(const Tensor& qkv, Index heads, Index key_heads, const AttentionOptions& options) const override {
    return attention_packed(qkv, heads, within_window(options), key_heads);
  }
  std::optional<AttentionStep> step() const override { return AttentionStep{.window = window_}; }

 private:
  AttentionOptions within_window(AttentionOptions options) const {
    options.window = window_;
    return options;
  }
  Index window_;
};

PartTable<AttentionKind>& table() {
  static PartTable<AttentionKind> patterns(
      "attention pattern", "attention",
      {{"full", "all earlier tokens", "", [](Index) { return full_attention(); }}, window_kind(), linear_kind()});
  return patterns;
}

}  // namespace

std::shared_ptr<const AttentionPattern> softmax_attention(Index window) {
  return std::make_shared<SoftmaxAttention>(window);
}

std::shared_ptr<const AttentionPattern> full_attention() {
  static const std::shared_ptr<const AttentionPattern> full = softmax_attention(0);
  return full;
}

const std::deque<AttentionKind>& attention_kinds() { return table().all(); }

std::shared_ptr<const AttentionPattern> make_attention(const std::string& text) {
  const std::size_t colon = text.find(':');
  std::vector<std::string> shown;
  for (const AttentionKind& kind : attention_kinds()) {
    shown.push_back(kind.shown());
    if (kind.name != text.substr(0, colon) || kind.argument.empty() != (colon == std::string::npos)) continue;
    if (kind.argument.empty()) return kind.make(0);
    Index number = 0;
    const char *begin = text.data() + colon + 1, *end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(begin, end, number);
    if (error == std::errc() && stop == end && number >= 1) return kind.make(number);
  }
  fail("no attention pattern ", text, "; use ", word_list(shown, "or"), ", with a whole number from 1 after a colon");
}

void register_attention(AttentionKind kind) { table().add(std::move(kind), &AttentionKind::make); }

}  // namespace headlight
