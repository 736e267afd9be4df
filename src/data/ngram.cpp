// NgramModel: counting into a hash table, and interpolated Kneser-Ney probabilities.
#include "data/ngram.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "headlight/base/error.h"
#include "headlight/base/random.h"

namespace headlight {

namespace {
constexpr int kMaxOrder = 8;
}

NgramModel::NgramModel(std::span<const std::int32_t> text, Index vocabulary, int order, Index most_tokens,
                       Index most_ngrams)
    : vocabulary_(vocabulary), order_(order), nodes_(1), slots_(1024) {
  if (order < 1 || order > kMaxOrder) fail("n-grams: order ", order, " is outside 1 to ", kMaxOrder);
  // Counts have 32 bits.
  const Index tokens = std::min({static_cast<Index>(text.size()), most_tokens, Index{1} << 31});
  if (tokens < 1) fail("n-grams: the text is empty; pass at least one token");
  // The nodes of the n-grams that end at the last token, indexed by length; 0 if the n-gram would begin before the
  // text.
  std::array<std::uint32_t, kMaxOrder + 1> ending{}, next{};
  for (Index i = 0; i < tokens; ++i) {
    if (static_cast<Index>(nodes_.size()) + order > most_ngrams && i > 0) break;
    const std::int32_t token = text[static_cast<std::size_t>(i)];
    check(token);
    for (int n = 1; n <= std::min<Index>(order, i + 1); ++n) {
      const auto at = static_cast<std::size_t>(n);
      bool added = false;
      next[at] = find_or_add(ending[at - 1], token, added);
      ++nodes_[next[at]].count;
      if (added && n > 1) ++nodes_[next[at - 1]].before;
    }
    ending = next;
    ending[0] = 0;
    ++tokens_;
  }
  sum_up();
}

// Computes every node's sums over its children, and the discounts from the numbers of n-grams with c = 1 and c = 2.
void NgramModel::sum_up() {
  // A node's length is its parent's plus one. Parents have lower indices, so one pass in order suffices.
  std::vector<std::uint8_t> length(nodes_.size(), 0);
  std::vector<const Slot*> by_node(nodes_.size(), nullptr);
  for (const Slot& slot : slots_)
    if (slot.token >= 0) by_node[slot.node] = &slot;
  std::vector<std::array<double, 2>> ones(static_cast<std::size_t>(order_) + 1), ones_before(ones);
  for (std::size_t i = 1; i < nodes_.size(); ++i) {
    const std::uint32_t above = by_node[i]->parent;
    length[i] = static_cast<std::uint8_t>(length[above] + 1);
    const Node& node = nodes_[i];
    Node& parent = nodes_[above];
    parent.sum += node.count;
    ++parent.followers;
    parent.sum_before += node.before;
    if (node.before > 0) ++parent.followers_before;
    if (node.count <= 2) ++ones[length[i]][node.count - 1];
    if (node.before == 1 || node.before == 2) ++ones_before[length[i]][node.before - 1];
  }
  const auto discounts = [](const std::vector<std::array<double, 2>>& of) {
    std::vector<double> d;
    for (const auto& [one, two] : of) d.push_back(one > 0 ? one / (one + 2 * two) : 0.5);
    return d;
  };
  discount_ = discounts(ones);
  discount_before_ = discounts(ones_before);
}

double NgramModel::probability(std::span<const std::int32_t> before, std::int32_t next, int order) const {
  if (order < 1 || order > order_) fail("n-grams: order ", order, " is outside 1 to ", order_);
  check(next);
  double p = 1 / static_cast<double>(vocabulary_);
  for (int n = 1; n <= order && static_cast<std::size_t>(n - 1) <= before.size(); ++n) {
    std::uint32_t history = 0;
    for (const std::int32_t token : before.last(static_cast<std::size_t>(n - 1))) {
      check(token);
      history = find(history, token);
      if (history == 0) return p;  // longer histories contain this one, so they did not occur either
    }
    const std::uint32_t whole = find(history, next);
    const Node& h = nodes_[history];
    const bool highest = n == order;
    const double sum = highest ? h.sum : h.sum_before, followers = highest ? h.followers : h.followers_before;
    if (sum == 0) continue;  // c(h .) = 0
    const double count = whole == 0 ? 0 : highest ? nodes_[whole].count : nodes_[whole].before;
    const double d = (highest ? discount_ : discount_before_)[static_cast<std::size_t>(n)];
    p = std::max(count - d, 0.0) / sum + d * followers / sum * p;
  }
  return p;
}

namespace {

// The probability p of `next`, interpolated with the cache `before`; see loss_with_cache().
double with_cache(double p, std::span<const std::int32_t> before, std::int32_t next) {
  constexpr std::size_t kShortest = 4, kLongest = 8;
  struct Match {
    std::size_t length;  // the number of tokens before `token` that equal the last ones of `before`, at most kLongest
    std::int32_t token;
  };
  std::vector<Match> matches;
  for (std::size_t i = kShortest; i < before.size(); ++i) {
    std::size_t length = 0;
    while (length < std::min(kLongest, i) && before[i - 1 - length] == before[before.size() - 1 - length]) ++length;
    if (length >= kShortest) matches.push_back({length, before[i]});
  }
  for (std::size_t k = kShortest; k <= kLongest; ++k) {
    double occurrences = 0, followed = 0;
    std::vector<std::int32_t> followers;
    for (const Match& m : matches) {
      if (m.length < k) continue;
      ++occurrences;
      if (m.token == next) ++followed;
      if (std::find(followers.begin(), followers.end(), m.token) == followers.end()) followers.push_back(m.token);
    }
    if (occurrences == 0) break;
    const auto kinds = static_cast<double>(followers.size());
    p = (followed + kinds * p) / (occurrences + kinds);
  }
  return p;
}

}  // namespace

double NgramModel::loss_with_cache(std::span<const std::int32_t> text, Index samples) const {
  constexpr std::size_t kCache = 256;
  const std::size_t count = std::min(text.size(), static_cast<std::size_t>(std::max<Index>(samples, 0)));
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = i * text.size() / count;
    const auto before = text.subspan(at - std::min(at, kCache), std::min(at, kCache));
    const auto history = before.last(std::min(before.size(), static_cast<std::size_t>(order_ - 1)));
    sum -= std::log(with_cache(probability(history, text[at], order_), before, text[at]));
  }
  return count > 0 ? sum / static_cast<double>(count) : 0;
}

double NgramModel::loss(std::span<const std::int32_t> text, Index first, Index last, int order) const {
  double sum = 0;
  for (Index i = first; i < last; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const std::size_t seen = std::min(at, static_cast<std::size_t>(order_ - 1));
    sum -= std::log(probability(text.subspan(at - seen, seen), text[at], order));
  }
  return last > first ? sum / static_cast<double>(last - first) : 0;
}

void NgramModel::check(std::int32_t token) const {
  if (token < 0 || token >= vocabulary_) fail("n-grams: token ", token, " is outside 0 to ", vocabulary_ - 1);
}

std::size_t NgramModel::slot_of(std::uint32_t parent, std::int32_t token) const {
  const std::size_t mask = slots_.size() - 1;
  auto at =
      static_cast<std::size_t>(mix64((static_cast<std::uint64_t>(parent) << 32) | static_cast<std::uint32_t>(token)));
  for (at &= mask; slots_[at].token >= 0 && (slots_[at].parent != parent || slots_[at].token != token);)
    at = (at + 1) & mask;
  return at;
}

std::uint32_t NgramModel::find(std::uint32_t parent, std::int32_t token) const {
  const Slot& slot = slots_[slot_of(parent, token)];
  return slot.token < 0 ? 0 : slot.node;
}

std::uint32_t NgramModel::find_or_add(std::uint32_t parent, std::int32_t token, bool& added) {
  std::size_t at = slot_of(parent, token);
  if (slots_[at].token >= 0) return slots_[at].node;
  if (4 * nodes_.size() > 3 * slots_.size()) {
    grow();
    at = slot_of(parent, token);
  }
  slots_[at] = {parent, token, static_cast<std::uint32_t>(nodes_.size())};
  nodes_.emplace_back();
  added = true;
  return slots_[at].node;
}

void NgramModel::grow() {
  std::vector<Slot> old(2 * slots_.size());
  old.swap(slots_);
  for (const Slot& slot : old)
    if (slot.token >= 0) slots_[slot_of(slot.parent, slot.token)] = slot;
}

}  // namespace headlight
