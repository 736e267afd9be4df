// The permutation test: whether attention gives the same vectors, reordered, when its words are reordered.
#include "lessons/06_positions/permutation.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <deque>
#include <memory>
#include <numeric>

#include "headlight/headlight.h"

namespace headlight::lessons {

namespace {

constexpr Index kTokens = 64, kWidth = 32, kHeads = 4;
using Order = std::vector<std::int32_t>;

// Attention layers with a residual connection, and nothing else.
struct AttentionStack {
  std::unique_ptr<PositionEncoding> position;
  AttentionMask mask;
  std::deque<MultiHeadAttention> layers;

  AttentionStack(const std::string& kind, bool causal, Index count) : position(make_position(kind, kTokens, kWidth)) {
    mask.causal = causal;
    for (Index i = 0; i < count; ++i) layers.emplace_back(kWidth, kHeads);
  }
  Tensor operator()(const Tensor& words) const {  // [1,T,C] -> [1,T,C]
    Tensor x = position->embed(words);
    for (const MultiHeadAttention& layer : layers) x = layer(x, mask, position.get(), x);
    return x;
  }
};

Order shuffled(Index count) {
  Order order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  for (Index i = count - 1; i > 0; --i)
    std::swap(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(generator().below(i + 1))]);
  return order;
}

PermutationRow compared(const std::string& name, const std::string& meaning, const Tensor& a, const Tensor& b) {
  PermutationRow row{name, meaning, 0, 0, a.numel()};
  const std::vector<double> x = a.to_vector(), y = b.to_vector();
  for (std::size_t i = 0; i < x.size(); ++i) {
    row.largest = std::max(row.largest, std::abs(x[i] - y[i]));
    row.unequal += x[i] != y[i];
  }
  return row;
}

Tensor random_words(Index count) { return Tensor::normal({1, count, kWidth}, 0, 1, generator()); }

// Without a mask: f(reordered words) against reordered f(words).
PermutationRow unmasked(const std::string& name, const std::string& meaning, const std::string& kind,
                        const Order& order) {
  const AttentionStack f(kind, false, 1);
  const Tensor words = random_words(static_cast<Index>(order.size()));
  return compared(name, meaning, f(gather(words, 1, order)), gather(f(words), 1, order));
}

// With a causal mask: the output at the last word, when the words before it are reordered.
PermutationRow causal(const std::string& name, const std::string& meaning, Index layers) {
  const AttentionStack f("none", true, layers);
  const Tensor words = random_words(kTokens);
  Order order = shuffled(kTokens - 1);
  order.push_back(static_cast<std::int32_t>(kTokens - 1));
  return compared(name, meaning, slice(f(gather(words, 1, order)), 1, kTokens - 1, kTokens),
                  slice(f(words), 1, kTokens - 1, kTokens));
}

// The same words, all positions moved by 1000: q = k = v = the words, as one head.
PermutationRow moved(const std::string& name, const std::string& meaning, const std::string& kind) {
  const std::unique_ptr<PositionEncoding> position = make_position(kind, kTokens, kWidth);
  const Tensor words = random_words(kTokens);
  const auto z = [&](Index offset) {
    const Tensor x = reshape(position->embed(words, offset), {1, 1, kTokens, kWidth});
    return attention(position->rotate(x, offset), position->rotate(x, offset), x);
  };
  return compared(name, meaning, z(1000), z(0));
}

}  // namespace

std::vector<PermutationRow> permutation_test() {
  std::vector<PermutationRow> rows;
  const Order order = shuffled(kTokens), man_bites_dog = {2, 1, 0};
  {
    // Only the queries change places: each output is the same sum, in the same order.
    const MultiHeadAttention layer(kWidth, kHeads);
    const Tensor words = random_words(kTokens);
    rows.push_back(compared("queries_only", "no mask, no positions; only the queries reordered",
                            layer.cross(gather(words, 1, order), words), gather(layer.cross(words, words), 1, order)));
  }
  rows.push_back(unmasked("three_words", "dog bites man, man bites dog", "none", man_bites_dog));
  rows.push_back(unmasked("both", "no mask, no positions", "none", order));
  {
    const DTypeScope doubles(DType::kFloat64);
    rows.push_back(unmasked("both_double", "the same in float64", "none", order));
  }
  rows.push_back(unmasked("both_sinusoidal", "no mask, sinusoidal", "sinusoidal", order));
  rows.push_back(unmasked("both_learned", "no mask, learned (untrained)", "learned", order));
  rows.push_back(unmasked("both_rotary", "no mask, rotary", "rotary", order));
  rows.push_back(unmasked("both_alibi", "no mask, ALiBi", "alibi", order));
  rows.push_back(causal("causal_1", "causal, no positions, 1 layer; last word", 1));
  rows.push_back(causal("causal_2", "causal, no positions, 2 layers; last word", 2));
  rows.push_back(moved("moved_sinusoidal", "sinusoidal; all positions moved by 1000", "sinusoidal"));
  rows.push_back(moved("moved_rotary", "rotary; all positions moved by 1000", "rotary"));
  return rows;
}

}  // namespace headlight::lessons
