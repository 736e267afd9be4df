// Random lines, the score of a head, and a training loop for one head.
#include "lessons/03_self_attention/copying.h"

#include <algorithm>
#include <cmath>

#include "headlight/autograd/tape.h"
#include "headlight/optim/optimizer.h"

namespace headlight::lessons {

Line random_line(Rng& rng) {
  Line line(kLength);
  for (std::int32_t& symbol : line) symbol = static_cast<std::int32_t>(rng.below(kSymbols));
  return line;
}

SelfAttention attend(const Head& head, const Line& line) {
  return self_attention(one_hot(line, kSymbols), head.w_q, head.w_k, head.w_v, /*causal=*/true);
}

AttentionMap::Head drawn(const std::string& name, const Head& head, const Line& line) {
  const std::vector<double> weights = attend(head, line).weights.to_vector();
  return {name, std::vector<float>(weights.begin(), weights.end())};
}

double effective_count(const double* weights, Index count) {
  double entropy = 0;
  for (Index i = 0; i < count; ++i)
    if (weights[i] > 0) entropy -= weights[i] * std::log(weights[i]);
  return std::exp(entropy);
}

namespace {

// Position 0 does not count: only one symbol is visible there.
Line answers(Program program, const Line& line) {
  Line result(kLength, kIgnoredTarget);
  for (Index t = 1; t < kLength; ++t) result[static_cast<std::size_t>(t)] = line[static_cast<std::size_t>(program(t))];
  return result;
}

}  // namespace

Score score(const Head& head, Program program, Index lines) {
  Score sum;
  Rng rng(1000);
  for (Index i = 0; i < lines; ++i) {
    const Line line = random_line(rng), answer = answers(program, line);
    const SelfAttention a = attend(head, line);
    const std::vector<double> outputs = a.output.to_vector(), weights = a.weights.to_vector();
    for (Index t = 1; t < kLength; ++t) {
      const double *z = outputs.data() + t * kLength, *row = weights.data() + t * kLength;
      const Index expected = answer[static_cast<std::size_t>(t)];
      bool exact = true;
      for (Index d = 0; d < kLength; ++d) exact = exact && z[d] == (d == expected ? 1 : 0);
      sum.right += std::max_element(z, z + kSymbols) - z == expected;
      sum.exact += exact;
      sum.weight += row[program(t)];
      sum.seen += effective_count(row, kLength);
    }
  }
  const double count = static_cast<double>(lines * (kLength - 1));
  return {100 * sum.right / count, 100 * sum.exact / count, sum.weight / count, sum.seen / count};
}

Head learn(Program program, const std::string& what, std::uint64_t seed, const LessonProgress& progress,
           std::vector<Point>& seen) {
  constexpr Index kSteps = 300, kLines = 8;
  Rng rng(seed);
  const Shape shape{kSymbols + kLength, kLength};
  Head head{Tensor::normal(shape, 0, 0.1, rng), Tensor::normal(shape, 0, 0.1, rng), Tensor::normal(shape, 0, 0.1, rng)};
  for (Tensor* w : {&head.w_q, &head.w_k, &head.w_v}) w->set_requires_grad(true);
  AdamW optimizer({{"w_q", head.w_q}, {"w_k", head.w_k}, {"w_v", head.w_v}}, {.weight_decay = 0});
  for (Index step = 0; step <= kSteps; ++step) {
    progress(what, step, kSteps);
    if (step % 5 == 0) seen.push_back({static_cast<double>(step), score(head, program, 10).seen});
    Tape tape;
    std::vector<Tensor> outputs;
    Line targets;
    for (Index i = 0; i < kLines; ++i) {
      const Line line = random_line(rng), answer = answers(program, line);
      outputs.push_back(attend(head, line).output);  // [T,D]
      targets.insert(targets.end(), answer.begin(), answer.end());
    }
    const Tensor logits = slice(concat(outputs, 0), 1, 0, kSymbols);  // the first V of D channels stand for symbols
    tape.backward(cross_entropy(logits, targets));
    optimizer.step(0.02);
    for (Tensor* w : {&head.w_q, &head.w_k, &head.w_v}) w->zero_grad();
  }
  return head;
}

}  // namespace headlight::lessons
