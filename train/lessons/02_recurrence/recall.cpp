// The recall task, models of equal size, their training, and the measurements.
#include "lessons/02_recurrence/recall.h"

#include <algorithm>
#include <cmath>

namespace headlight::lessons {

const std::vector<Family> kFamilies = {
    {"tanh-RNN", "rnn"}, {"LSTM", "lstm"}, {"GRU", "gru"}, {"attention", "attention"}};

Batch recall(Index length, const std::vector<Index>& distances, Rng& rng) {
  Batch batch;
  for (const Index distance : distances) {
    const auto fact = static_cast<std::int32_t>(batch.rows++ % kFacts);
    for (Index i = 0; i < length; ++i) {
      const auto filler = static_cast<std::int32_t>(kFacts + rng.below(kFillers));
      batch.inputs.push_back(i == length - distance ? fact : filler);
      batch.targets.push_back(kIgnoredTarget);
    }
    batch.inputs.push_back(kSymbols - 1);
    batch.targets.push_back(fact);
  }
  return batch;
}

Index parameters_of(const LanguageModel& model) {
  Index count = 0;
  for (const NamedTensor& parameter : model.parameters()) count += parameter.value.numel();
  return count;
}

namespace {

std::unique_ptr<LanguageModel> attention_model() {
  return std::make_unique<TransformerLM>(TransformerConfig{
      .vocabulary = kSymbols, .context = kLength + 1, .layers = 1, .heads = 2, .width = 32, .tied = false});
}

std::unique_ptr<LanguageModel> recurrent_model(const std::string& name, Index width) {
  const ModelOptions options(
      {{"layers", "1"}, {"width", cat(width)}, {"dropout", "0"}, {"stateful", "no"}, {"context", cat(kLength + 1)}});
  return find_model(name)->make(options, kSymbols);
}

}  // namespace

std::unique_ptr<LanguageModel> make_model(const Family& family, std::uint64_t seed) {
  Index width = 1;
  const bool recurrent = family.short_name != "attention";
  if (recurrent) {
    const Index budget = parameters_of(*attention_model());
    const auto excess = [&](Index w) {
      return std::abs(parameters_of(*recurrent_model(family.short_name, w)) - budget);
    };
    while (excess(width + 1) < excess(width)) ++width;
  }
  seed_generator(seed);
  return recurrent ? recurrent_model(family.short_name, width) : attention_model();
}

void train_recall(LanguageModel& model, Index steps, double learning_rate, std::uint64_t seed,
                  const std::function<Batch(Rng&)>& next, const std::function<void(Index)>& progress) {
  const Schedule schedule{.peak = learning_rate, .lowest = learning_rate / 10, .warmup = steps / 20, .steps = steps};
  AdamW optimizer(model.parameters(), {});
  Rng rng(seed);
  for (Index step = 0; step < steps; ++step) {
    progress(step);
    const Batch batch = next(rng);
    Tape tape;
    tape.backward(cross_entropy(model(batch.inputs, batch.rows), batch.targets));
    const double norm = gradient_norm(optimizer.parameters());
    optimizer.step(schedule.at(step), norm > 1 ? 1 / norm : 1);
    model.zero_grad();
  }
}

double accuracy(const LanguageModel& model, Index length, Index distance) {
  const NoGrad no_recording;
  constexpr Index kRows = 256;
  Rng rng(12345);  // the same sequences for every model
  const Batch batch = recall(length, std::vector<Index>(kRows, distance), rng);
  const Tensor logits = model(batch.inputs, kRows);  // [B,T,V]
  const float* values = logits.data<float>();
  Index right = 0;
  for (Index row = 0; row < kRows; ++row) {
    const Index query = row * (length + 1) + length;
    const float* at = values + query * kSymbols;
    right += std::max_element(at, at + kSymbols) - at == batch.targets[static_cast<std::size_t>(query)];
  }
  return static_cast<double>(right) / kRows;
}

double gradient(LanguageModel& model, Index distance) {
  Rng rng(12345);
  const Batch batch = recall(kLength, std::vector<Index>(kFacts, distance), rng);  // each fact once
  model.zero_grad();
  Tape tape;
  tape.backward(cross_entropy(model(batch.inputs, kFacts), batch.targets));
  const Tensor rows = model.parameters().front().value.grad();  // of the token embedding, [V,C]
  double sum = 0;
  for (Index fact = 0; fact < kFacts; ++fact) {
    double squares = 0;
    for (Index c = 0; c < rows.size(1); ++c) squares += std::pow(rows.at({fact, c}), 2);
    sum += std::log(std::max(kFacts * std::sqrt(squares), 1e-30));  // the loss is a mean over the eight sequences
  }
  model.zero_grad();
  return std::exp(sum / kFacts);
}

double saturation(const Family& family, const LanguageModel& model) {
  const NoGrad no_recording;
  Rng rng(12345);
  const Batch batch = recall(kLength, std::vector<Index>(16, kFarthest), rng);
  const std::vector<NamedTensor> p = model.parameters();  // tokens, weight_ih, weight_hh, bias_ih, bias_hh, ...
  const Tensor x = linear(embedding(p[0].value, batch.inputs, {batch.rows, kLength + 1}), p[1].value, p[3].value);
  const auto layer = [&] {
    if (family.short_name == "rnn") return rnn(x, p[2].value, p[4].value);
    return family.short_name == "gru" ? gru(x, p[2].value, p[4].value) : lstm(x, p[2].value, p[4].value);
  };
  const std::vector<double> states = layer().to_vector();  // [B,T,C]
  const auto beyond = std::count_if(states.begin(), states.end(), [](double h) { return std::abs(h) > 0.9; });
  return static_cast<double>(beyond) / static_cast<double>(states.size());
}

}  // namespace headlight::lessons
