// The model: embeddings, one layer of attention, logits. Queries and keys are separate layers, so that they can have a
// learning rate of their own.
#include "lessons/04_scaling/scaled_model.h"

#include <algorithm>

#include "headlight/headlight.h"

namespace headlight::lessons {

namespace {

constexpr Index kWidth = 64, kHeads = 4, kSteps = 500, kRows = 8;

struct ScaledModel : LanguageModel {
  ScaledModel(Index symbols, const ScalingRun& run)
      : symbols_(symbols),
        divisor_(run.divisor),
        tokens{this, "tokens", symbols, kWidth, 0.02},
        positions{this, "positions", kScalingContext, kWidth, 0.02},
        norm{this, "norm", kWidth},
        query{this, "query", kWidth, kHeads * run.head_size, LinearOptions{.stddev = run.stddev * run.query_share}},
        key{this, "key", kWidth, kHeads * run.head_size, LinearOptions{.stddev = run.stddev * run.query_share}},
        value{this, "value", kWidth, kHeads * run.head_size, LinearOptions{.stddev = run.stddev}},
        out{this, "out", kHeads * run.head_size, kWidth, LinearOptions{.stddev = 0.02}},
        last{this, "last", kWidth},
        lm_head{this, "lm_head", kWidth, symbols, LinearOptions{.bias = false, .stddev = 0.02}} {}

  Tensor operator()(std::span<const std::int32_t> ids, Index batch) const override {
    const Index t_count = sequence_length(ids, batch);
    std::vector<std::int32_t> places;
    for (Index t = 0; t < t_count; ++t) places.push_back(static_cast<std::int32_t>(t));
    const Tensor x = add(tokens(ids, Shape{batch, t_count}), positions(places, Shape{t_count}));  // [B,T,C]
    const Tensor n = norm(x);
    AttentionOptions attention;
    attention.causal = true;
    attention.scale = 1 / divisor_;
    const Tensor z = attention_packed(concat({query(n), key(n), value(n)}, -1), kHeads, attention);  // [B,T,HD]
    return lm_head(last(out(z, x)));
  }
  Index vocabulary() const override { return symbols_; }
  Index context() const override { return kScalingContext; }
  std::string summary() const override { return "1 layer of 4 heads"; }

 private:
  Index symbols_;
  double divisor_;

 public:
  Child<Embedding> tokens, positions;
  Child<LayerNorm> norm;
  Child<Linear> query, key, value, out;
  Child<LayerNorm> last;
  Child<Linear> lm_head;
};

}  // namespace

// AdamW without weight decay and without clipping, so that nothing hides a large gradient.
ScalingOutcome train_scaled(const ScalingRun& run, const LessonText& text, std::uint64_t seed,
                            const LessonProgress& progress) {
  seed_generator(seed);
  ScaledModel model(text.vocabulary.size(), run);
  std::vector<NamedTensor> matching, others;  // of queries and keys; all others
  for (const NamedTensor& parameter : model.parameters())
    (parameter.name.starts_with("query") || parameter.name.starts_with("key") ? matching : others).push_back(parameter);
  AdamW first(matching, {.weight_decay = 0}), second(others, {.weight_decay = 0});
  const Schedule schedule{.peak = run.rate, .lowest = run.rate / 10, .warmup = kSteps / 20, .steps = kSteps};
  const std::string what = cat("d_k = ", run.head_size, ", divisor ", run.divisor, ", rate ", run.rate);

  Rng rng(seed);
  Batch batch;
  ScalingOutcome outcome;
  for (Index step = 0; step < kSteps; ++step) {
    progress(what, step, kSteps);
    random_windows(text.split.train, kScalingContext, kRows, rng, batch);
    Tape tape;
    tape.backward(cross_entropy(model(batch.inputs, batch.rows), batch.targets));
    outcome.gradient = std::max(outcome.gradient, gradient_norm(model.parameters()));
    first.step(run.query_share * schedule.at(step));
    second.step(schedule.at(step));
    model.zero_grad();
  }
  Rng other(seed + 1);
  random_windows(text.split.validation, kScalingContext, 256, other, batch);
  outcome.loss = cross_entropy(model(batch.inputs, batch.rows), batch.targets).item();
  return outcome;
}

}  // namespace headlight::lessons
