// Checks that every registered model family and part must pass: causality to the bit, objectives, derivatives, thread
// invariance, training, saving and loading, resuming, allocation, single-token readers, and memory estimates. A new
// family needs no edit here.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "cli/allocations.h"
#include "headlight/autograd/saved.h"
#include "headlight/autograd/tape.h"
#include "headlight/base/threads.h"
#include "headlight/generation/generate.h"
#include "headlight/models/registry.h"
#include "headlight/nn/gradcheck.h"
#include "headlight/ops/ops.h"
#include "headlight/tensor/pool.h"
#include "support/expect_error.h"
#include "support/temporary_directory.h"
#include "tensor/sanitized.h"
#include "training/named_config.h"
#include "training/resolve.h"
#include "training/trainer.h"

namespace headlight {
namespace {

constexpr Index kVocabulary = 11;

// A small model of the family and settings in `name` (tests::named_config()).
RunConfig small(const std::string& name) {
  RunConfig c = tests::named_config(name);
  c.layers = 2;
  c.heads = 2;
  c.width = 8;
  c.context = 12;
  c.batch = 3;
  c.steps = 8;
  c.eval_every = 4;
  c.warmup = 2;
  c.corpus_chars = 4000;
  if (c.make_model(kVocabulary)->objective() == Objective::kPairs) {
    c.corpus = "numbers";
    c.context = 48;
  }
  return c;
}

std::unique_ptr<LanguageModel> random_model(const RunConfig& c, double size = 0.4) {
  seed_generator(3);
  std::unique_ptr<LanguageModel> model = c.make_model(kVocabulary);
  Rng rng(4);
  for (const NamedTensor& p : model->parameters()) {
    const Tensor change = Tensor::normal(p.value.shape(), 0, size, rng, p.value.dtype());
    Tensor(p.value).copy_from(add(p.value.detach(), change));
  }
  return model;
}

std::vector<std::int32_t> random_ids(Index count, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<std::int32_t> ids;
  for (Index i = 0; i < count; ++i) ids.push_back(static_cast<std::int32_t>(rng.below(kVocabulary)));
  return ids;
}

// `rows` sequences that the model accepts.
std::vector<std::int32_t> random_inputs(const LanguageModel& model, Index length, Index rows) {
  std::vector<std::int32_t> ids = random_ids(rows * length, 2);
  if (model.objective() != Objective::kPairs) return ids;
  // A line break, a source, a tab, a target and a line break; the parts differ in length.
  for (Index row = 0; row < rows; ++row) {
    const auto at = [&](Index t) -> std::int32_t& { return ids[static_cast<std::size_t>(row * length + t)]; };
    for (Index t = 0; t < length; ++t) at(t) = 2 + at(t) % static_cast<std::int32_t>(kVocabulary - 2);
    at(0) = 1;
    at(1 + row % 2) = 0;
    at(length - 1 - row % 2) = 1;
  }
  return ids;
}

class Families : public ::testing::TestWithParam<std::string> {};

void expect_logits_depend_on_all_tokens(const LanguageModel& model) {
  const NoGrad no_recording;
  const Index context = model.context();
  const std::vector<std::int32_t> ids = random_ids(2 * context, 1);
  const Tensor before = model(ids, 2);
  const auto row = [&](const Tensor& y, Index b, Index t) { return slice(slice(y, 0, b, b + 1), 1, t, t + 1); };
  for (Index changed = 0; changed < context; ++changed) {
    std::vector<std::int32_t> other = ids;
    other[static_cast<std::size_t>(context + changed)] = static_cast<std::int32_t>(kVocabulary);  // the mask
    const Tensor after = model(other, 2);
    for (Index t = 0; t < context; ++t) {
      EXPECT_EQ(row(after, 0, t).to_vector(), row(before, 0, t).to_vector()) << "another sequence";
      EXPECT_NE(row(after, 1, t).to_vector(), row(before, 1, t).to_vector()) << changed << " " << t;
    }
  }
}

TEST_P(Families, LogitsDependOnWhatTheObjectiveAllows) {
  const RunConfig c = small(GetParam());
  const auto model = random_model(c);
  if (model->objective() == Objective::kMasked) return expect_logits_depend_on_all_tokens(*model);
  if (model->objective() == Objective::kPairs)
    GTEST_SKIP() << "what the logits of pairs depend on: tests/models/encoder_decoder_test.cpp";
  const NoGrad no_recording;
  const std::vector<std::int32_t> ids = random_ids(2 * c.context, 1);
  const Tensor before = (*model)(ids, 2);
  ASSERT_EQ(to_text(before.shape()), cat("[2,", c.context, ",", kVocabulary, "]"));
  const auto row = [&](const Tensor& y, Index b, Index t) { return slice(slice(y, 0, b, b + 1), 1, t, t + 1); };
  for (Index changed = 0; changed < c.context; ++changed) {
    std::vector<std::int32_t> other = ids;
    std::int32_t& id = other[static_cast<std::size_t>(c.context + changed)];  // in the second sequence
    id = (id + 1) % static_cast<std::int32_t>(kVocabulary);
    const Tensor after = (*model)(other, 2);
    for (Index t = 0; t < c.context; ++t) {
      EXPECT_EQ(row(after, 0, t).to_vector(), row(before, 0, t).to_vector()) << "another sequence";
      if (t >= changed) continue;
      EXPECT_EQ(row(after, 1, t).to_vector(), row(before, 1, t).to_vector()) << changed << " " << t;
    }
    EXPECT_NE(row(after, 1, changed).to_vector(), row(before, 1, changed).to_vector());
  }
  // A shorter sequence is a prefix.
  const Tensor prefix = (*model)(std::span(ids).first(5), 1);
  for (Index t = 0; t < 5; ++t)
    for (Index i = 0; i < kVocabulary; ++i) EXPECT_NEAR(prefix.at({0, t, i}), before.at({0, t, i}), 1e-4);
}

// Every choice of prepare() comes from its generator, and the number of targets does not depend on it.
TEST_P(Families, PrepareIsDeterministic) {
  const RunConfig c = small(GetParam());
  const auto model = random_model(c);
  const std::vector<std::int32_t> ids = random_inputs(*model, c.context, 3), next = random_ids(3 * c.context, 7);
  const auto prepared = [&](std::uint64_t seed) {
    std::pair result(ids, next);
    Rng rng(seed);
    model->prepare(result.first, result.second, 3, rng);
    return result;
  };
  EXPECT_EQ(prepared(1), prepared(1));
  const auto ignored = [](const auto& p) { return std::count(p.second.begin(), p.second.end(), kIgnoredTarget); };
  EXPECT_EQ(ignored(prepared(1)), ignored(prepared(2)));
  if (model->objective() == Objective::kNextToken) {
    EXPECT_EQ(prepared(1), std::pair(ids, next));
  }
}

TEST_P(Families, GradientsOfAllParameters) {
  const DTypeScope doubles(DType::kFloat64);
  RunConfig c = small(GetParam());
  c.context = 5;
  const auto model = random_model(c);
  const std::vector<std::int32_t> ids = random_inputs(*model, 5, 2), targets = random_ids(10, 3);
  // Small steps, because a part such as relu2 has a kink in its derivative.
  const GradcheckOptions options{.tolerance = 1e-5, .step = 1e-5};
  const GradcheckResult result = gradcheck(
      *model, [&](std::span<const Tensor>) { return cross_entropy((*model)(ids, 2), targets); }, {}, options);
  EXPECT_TRUE(result) << result.message;
}

TEST_P(Families, EveryThreadCountGivesTheSameBits) {
  const RunConfig c = small(GetParam());
  const PrecisionScope precision(c.precision);
  const RematScope remat(c.remat);
  const std::vector<std::int32_t> ids = random_inputs(*random_model(c), c.context, 3),
                                  targets = random_ids(3 * c.context, 3);
  std::vector<std::vector<double>> first;
  const int before = thread_count();
  for (const int threads : {1, 2, 3, 7}) {
    set_thread_count(threads);
    const auto model = random_model(c);
    Tape tape;
    const Tensor loss = cross_entropy((*model)(ids, 3), targets);
    tape.backward(loss);
    std::vector<std::vector<double>> all = {loss.to_vector()};
    for (const NamedTensor& p : model->parameters()) all.push_back(p.value.grad().to_vector());
    if (first.empty()) first = all;
    EXPECT_EQ(all, first) << threads << " threads";
  }
  set_thread_count(before);
}

TEST_P(Families, AReaderGivesTheModelsLogits) {
  const RunConfig c = small(GetParam());
  const auto model = random_model(c);
  if (model->objective() != Objective::kNextToken) {  // readers and generation are for models of the next token
    Rng rng(1);
    const std::int32_t prompt[] = {1, 2};
    EXPECT_TRUE(contains(error_of([&] { generate(*model, prompt, 3, {}, rng); }), "does not continue a text"));
    EXPECT_FALSE(model->reader(WeightFormat::kFloat32));
    return;
  }
  const auto reader = model->reader(WeightFormat::kFloat32);
  ASSERT_TRUE(reader) << "every built-in family reads single tokens";
  const NoGrad no_recording;
  const std::vector<std::int32_t> ids = random_ids(3 * c.context, 5);
  const auto expect_row = [&](std::span<const float> logits, const Tensor& y, Index t) {
    ASSERT_EQ(logits.size(), static_cast<std::size_t>(kVocabulary));
    for (Index i = 0; i < kVocabulary; ++i)
      EXPECT_NEAR(logits[static_cast<std::size_t>(i)], y.at({0, t, i}), 2e-4) << "token " << t;
  };
  const Tensor whole = (*model)(std::span(ids).first(static_cast<std::size_t>(c.context)), 1);
  expect_row(reader->start(std::span(ids).first(4)), whole, 3);
  for (Index t = 4; t < c.context; ++t) {
    expect_row(reader->next(ids[static_cast<std::size_t>(t)]), whole, t);
    EXPECT_EQ(reader->length(), t + 1);
  }
  // Beyond the context a reader goes on; after start() it has forgotten everything.
  for (const std::int32_t id : std::span(ids).subspan(static_cast<std::size_t>(c.context))) {
    const std::span<const float> logits = reader->next(id);
    EXPECT_TRUE(std::isfinite(logits[0]));
  }
  expect_row(reader->start(std::span(ids).first(4)), whole, 3);
  EXPECT_NE(error_of([&] { reader->next(static_cast<std::int32_t>(kVocabulary)); }), "(no error)");
  EXPECT_NE(error_of([&] { reader->start({}); }), "(no error)");
}

// A reader that drops its oldest tokens equals a model of three times the context whose window is the context. A reader
// of absolute positions starts again, and equals the model on the tokens it kept.
TEST_P(Families, AReaderGivesTheModelsLogitsOverThreeTimesTheContext) {
  const RunConfig c = small(GetParam());
  const auto model = random_model(c);
  RunConfig longer = c;
  longer.context = 3 * c.context;
  if (const auto step = make_attention(c.attention)->step(); step && !step->linear)
    longer.attention = cat("window:", step->window > 0 ? std::min(step->window, c.context) : c.context);
  const auto whole = longer.make_model(kVocabulary);
  bool same = !c.is_transformer() || make_position(c.position, 1, 1)->relative();
  for (std::size_t i = 0; i < whole->parameters().size(); ++i) {
    const Tensor from = model->parameters()[i].value;
    Tensor to = whole->parameters()[i].value;
    same = same && to.shape() == from.shape();
    if (same) to.copy_from(from.detach());
  }
  const NoGrad no_recording;
  const std::vector<std::int32_t> ids = random_ids(longer.context, 5);
  const std::span<const std::int32_t> all(ids);
  const Tensor right = same ? (*whole)(ids, 1) : Tensor();
  const auto reader = model->reader(WeightFormat::kFloat32);
  if (model->objective() != Objective::kNextToken) {
    EXPECT_FALSE(reader);
    GTEST_SKIP() << "not a model of the next token";
  }
  ASSERT_TRUE(reader);
  for (Index t = 0; t < longer.context; ++t) {
    const std::span<const float> logits =
        t == 0 ? reader->start(all.first(1)) : reader->next(ids[static_cast<std::size_t>(t)]);
    Tensor expected = right;
    Index row = t;
    if (!same) {
      const Index kept = reader->length();
      expected = (*model)(all.subspan(static_cast<std::size_t>(t + 1 - kept), static_cast<std::size_t>(kept)), 1);
      row = kept - 1;
    }
    for (Index i = 0; i < kVocabulary; ++i)
      ASSERT_NEAR(logits[static_cast<std::size_t>(i)], expected.at({0, row, i}), 2e-4) << "token " << t;
  }
}

TEST_P(Families, TrainsResumesAndLoads) {
  const TemporaryDirectory directory;
  const auto run = [&](const char* name) { return directory / name; };
  const RunConfig c = small(GetParam());
  {
    Trainer whole(c, load_run_data(c), run("whole"));
    whole.run();
    EXPECT_TRUE(whole.finished());
    EXPECT_LT(whole.last_loss(), 10);
  }
  {
    Trainer part(c, load_run_data(c), run("part"));
    part.run([](const StepRecord& r) { return r.step < 3; });
  }
  const RunConfig stored = RunDirectory(run("part")).load_info().config;
  EXPECT_EQ(stored.model, c.model);
  EXPECT_TRUE(to_json(stored) == to_json(c));
  Trainer::resume(stored, load_run_data(stored), run("part"))->run();
  const TrainedModel a = load_model(run("whole"), CheckpointChoice::kLast),
                     b = load_model(run("part"), CheckpointChoice::kLast);
  ASSERT_EQ(a.model->parameters().size(), b.model->parameters().size());
  for (std::size_t i = 0; i < a.model->parameters().size(); ++i)
    EXPECT_EQ(a.model->parameters()[i].value.to_vector(), b.model->parameters()[i].value.to_vector())
        << a.model->parameters()[i].name;
  EXPECT_FALSE(a.model->summary().empty());
  EXPECT_EQ(a.model->context(), c.context);
}

TEST_P(Families, AllocatesNothingAfterTheSecondStep) {
  if (tests::kAddressSanitizer) GTEST_SKIP() << "the sanitizer has an operator new of its own";
  const RunConfig c = small(GetParam());
  const PrecisionScope precision(c.precision);
  const RematScope remat(c.remat);
  const auto model = random_model(c);
  const std::unique_ptr<Optimizer> optimizer = find_optimizer(c.optimizer).make(model->parameters(), {});
  const std::vector<std::int32_t> ids = random_inputs(*model, c.context, 3), next = random_ids(3 * c.context, 3);
  std::vector<std::int32_t> inputs = ids, targets = next;
  Rng rng(5);
  Index before = 0;
  for (int step = 0; step < 5; ++step) {
    if (step == 2) before = cli::allocated_bytes();
    std::copy(ids.begin(), ids.end(), inputs.begin());
    std::copy(next.begin(), next.end(), targets.begin());
    model->prepare(inputs, targets, 3, rng);
    {
      Tape tape;
      tape.backward(cross_entropy((*model)(inputs, 3), targets));
    }
    optimizer->step(1e-3);
    model->zero_grad();
  }
  EXPECT_EQ(cli::allocated_bytes(), before);
}

TEST_P(Families, CostCountsTheParameters) {
  const ModelKind& kind = find_family(small(GetParam()).model);
  if (!kind.cost) GTEST_SKIP() << "no cost";
  RunConfig c = small(GetParam());
  c.width = 64;
  c.context = 32;
  const ModelCost cost = c.cost(kVocabulary);
  const auto count = static_cast<double>(c.make_model(kVocabulary)->parameter_count());
  EXPECT_LE(cost.parameters, count) << "the check of a file's size needs a lower bound";
  EXPECT_GE(cost.parameters, 0.9 * count);
  EXPECT_LE(cost.matrix_parameters, cost.parameters);
  EXPECT_GT(cost.matrix_parameters, 0.5 * cost.parameters);
}

// The peak of the pool over training steps, compared with the estimate that `train` and `info` print.
TEST_P(Families, MemoryEstimateIsWithinAFifthOfTheBytesAllocated) {
  if (tests::kAddressSanitizer) GTEST_SKIP() << "under AddressSanitizer, the pool sends every request to the system";
  RunConfig c = small(GetParam());
  if (!find_family(c.model).cost) GTEST_SKIP() << "no cost";
  const RunConfig usual;
  c.layers = usual.layers, c.heads = usual.heads, c.width = usual.width, c.context = usual.context;
  if (c.kv_heads > 0) c.kv_heads = 2;
  constexpr Index kMany = 65;  // the vocabulary
  const Index before = pool_stats().bytes_in_use;
  pool_reset_peak();
  const auto model = c.make_model(kMany);
  const std::unique_ptr<Optimizer> optimizer = find_optimizer(c.optimizer).make(model->parameters(), {});
  for (int step = 0; step < 3; ++step) {
    std::vector<std::int32_t> inputs = random_inputs(*model, c.context, c.batch),
                              targets = random_ids(c.batch * c.context, 3);
    Rng rng(5);
    model->prepare(inputs, targets, c.batch, rng);
    {
      const RematScope remat(c.remat);
      Tape tape;
      tape.backward(cross_entropy((*model)(inputs, c.batch), targets));
    }
    optimizer->step(1e-3);
    model->zero_grad();
  }
  const auto measured = static_cast<double>(pool_stats().bytes_peak - before);
  const double estimate = c.memory(kMany);
  EXPECT_GT(estimate, 0.8 * measured) << measured;
  EXPECT_LT(estimate, 1.2 * measured) << measured;
}

std::vector<std::string> names() {
  std::vector<std::string> all;
  for (const ModelKind& kind : model_kinds()) all.push_back(kind.name);
  for (const char* recurrent : {"rnn", "gru", "lstm"}) all.push_back(cat(recurrent, " stateful=yes"));
  for (const char* other : {"transformer", "conv", "lstm"}) all.push_back(cat(other, " precision=bf16"));
  for (const char* other : {"transformer", "encoder", "encoder-decoder", "conv", "transformer position=rotary",
                            "transformer feed-forward=swiglu", "transformer attention=linear"})
    all.push_back(cat(other, " remat=yes"));
  const auto each = [&](const std::string& setting, const auto& kinds) {
    for (const auto& kind : kinds) all.push_back(cat("transformer ", setting, "=", kind.name));
  };
  each("norm", norm_kinds());
  each("position", position_kinds());
  each("activation", activation_kinds());
  each("feed-forward", feed_forward_kinds());
  each("optimizer", optimizer_kinds());
  for (const AttentionKind& kind : attention_kinds())
    for (const char* more : {"", " position=rotary", " kv-heads=1 position=none"})
      all.push_back("transformer attention=" + kind.name + (kind.argument.empty() ? "" : ":5") + more);
  all.emplace_back("transformer attention=window:5 kv-heads=1 position=alibi");
  all.emplace_back("transformer attention=window:1 position=rotary");
  all.emplace_back("transformer attention=window:50 position=rotary");  // longer than the context
  return all;
}
INSTANTIATE_TEST_SUITE_P(Registered, Families, ::testing::ValuesIn(names()), [](const auto& test) {
  std::string name = test.param;
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  return name;
});

}  // namespace
}  // namespace headlight
