// Tests of EncoderDecoder: rows of pairs, padding, targets, greedy decoding, alignment, and learning to copy.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "headlight/autograd/tape.h"
#include "headlight/models/sequence_models.h"
#include "headlight/nn/gradcheck.h"
#include "headlight/ops/ops.h"
#include "headlight/optim/optimizer.h"
#include "headlight/training/evaluate.h"
#include "support/expect_error.h"

namespace headlight {
namespace {

constexpr Index kVocabulary = 8;
constexpr std::int32_t kIgnored = kIgnoredTarget;

TransformerConfig tiny(Index context = 10) {
  return {.vocabulary = kVocabulary, .context = context, .layers = 2, .heads = 2, .width = 16};
}

std::unique_ptr<EncoderDecoder> random_model(const TransformerConfig& config = tiny()) {
  seed_generator(3);
  auto model = std::make_unique<EncoderDecoder>(config);
  Rng rng(4);
  for (const NamedTensor& p : model->parameters())
    Tensor(p.value).copy_from(Tensor::normal(p.value.shape(), 0, 0.4, rng, p.value.dtype()));
  return model;
}

std::vector<double> row(const Tensor& logits, Index sequence, Index t) {
  return slice(slice(logits, 0, sequence, sequence + 1), 1, t, t + 1).to_vector();
}

TEST(EncoderDecoder, TheTargetDependsOnTheWholeSourceAndTheTargetsPast) {
  const auto owner = random_model();
  const EncoderDecoder& model = *owner;
  const NoGrad no_recording;
  const std::vector<std::int32_t> pair = {1, 3, 4, 5, 0, 6, 7, 2, 1, 3};
  const Tensor before = model(pair, 1);
  for (const std::size_t place : {1u, 2u, 3u}) {  // the source symbols
    std::vector<std::int32_t> other = pair;
    other[place] = 2;
    const Tensor after = model(other, 1);
    for (Index t = 0; t < 4; ++t) EXPECT_NE(row(after, 0, t), row(before, 0, t)) << place << " " << t;
  }
  for (std::size_t token = 0; token < 3; ++token) {  // token t of the target is an input of the rows after t
    std::vector<std::int32_t> other = pair;
    other[5 + token] = 3;
    const Tensor after = model(other, 1);
    for (Index t = 0; t < 4; ++t) {
      const bool same = row(after, 0, t) == row(before, 0, t);
      EXPECT_EQ(same, t <= static_cast<Index>(token)) << token << " " << t;
    }
  }
  std::vector<std::int32_t> other = pair;
  other[9] = 5;  // after the pair
  EXPECT_EQ(model(other, 1).to_vector(), before.to_vector());
}

// Neither other rows nor padding change a pair's logits: a mask hides the source's padding, causality the target's.
TEST(EncoderDecoder, PaddingIsInvisible) {
  const auto owner = random_model();
  const EncoderDecoder& model = *owner;
  const NoGrad no_recording;
  const std::vector<std::int32_t> rows = {1, 3, 4, 0, 6, 1, 2, 2, 2, 2, 1, 5, 6, 7, 2, 0, 3, 4, 5, 1};
  const Tensor both = model(rows, 2);
  const Tensor first = model(std::span(rows).first(6), 1);  // without padding
  for (Index t = 0; t < 2; ++t) {
    const std::vector<double> a = row(both, 0, t), b = row(first, 0, t);
    for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-5);
  }
  // encode() and decode() of the sequences without padding give the same logits.
  const std::vector<std::int32_t> source = {5, 6, 7, 2, kPairTab}, before = {kPairTab, 3, 4, 5};
  const Tensor memory = model.encode(source, 1, AttentionMask::none());
  const Tensor staged = model.decode(before, memory, AttentionMask::none());
  for (Index t = 0; t < 4; ++t) {
    const std::vector<double> a = row(both, 1, t), b = row(staged, 0, t);
    for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-5);
  }
}

TEST(EncoderDecoder, PrepareAlignsTargetsWithTheLogits) {
  const EncoderDecoder model(tiny());
  // Two windows of a text; targets are the next tokens. The second pair ends with the last target.
  std::vector<std::int32_t> inputs = {1, 3, 4, 0, 6, 7, 1, 5, 0, 3, 1, 3, 0, 6, 7, 2, 3, 4, 5, 6};
  std::vector<std::int32_t> targets = {3, 4, 0, 6, 7, 1, 5, 0, 3, 1, 3, 0, 6, 7, 2, 3, 4, 5, 6, 1};
  Rng rng(1);
  model.prepare(inputs, targets, 2, rng);
  const std::vector<std::int32_t> expected = {6,        7,        1,        kIgnored, kIgnored, kIgnored, kIgnored,
                                              kIgnored, kIgnored, kIgnored, 6,        7,        2,        3,
                                              4,        5,        6,        1,        kIgnored, kIgnored};
  EXPECT_EQ(targets, expected);
}

TEST(EncoderDecoder, GradientsWithPaddingAndBothNormOrders) {
  const DTypeScope doubles(DType::kFloat64);
  for (const bool pre_norm : {true, false}) {
    TransformerConfig c = tiny(7);
    c.layers = 1;
    c.width = 4;
    c.pre_norm = pre_norm;
    c.tied = pre_norm;
    const auto owner = random_model(c);
    const EncoderDecoder& model = *owner;
    const std::vector<std::int32_t> ids = {1, 3, 0, 6, 7, 1, 2, 1, 5, 6, 7, 0, 3, 1};
    const std::vector<std::int32_t> targets = {6, 7, 1,        kIgnored, kIgnored, kIgnored, kIgnored,
                                               3, 1, kIgnored, kIgnored, kIgnored, kIgnored, kIgnored};
    const GradcheckOptions options{.tolerance = 1e-5, .step = 1e-5};
    const GradcheckResult result = gradcheck(
        model, [&](std::span<const Tensor>) { return cross_entropy(model(ids, 2), targets); }, {}, options);
    EXPECT_TRUE(result) << result.message;
  }
}

TEST(EncoderDecoder, AlignmentHoldsTheCrossAttentionOfEachHead) {
  const auto owner = random_model();
  const EncoderDecoder& model = *owner;
  const std::vector<std::int32_t> source = {3, 4, 5}, target = {6, 7};
  const Tensor weights = model.alignment(source, target);
  ASSERT_EQ(to_text(weights.shape()), "[2,2,3,4]");
  for (Index l = 0; l < 2; ++l)
    for (Index h = 0; h < 2; ++h)
      for (Index t = 0; t < 3; ++t) {
        double sum = 0;
        for (Index s = 0; s < 4; ++s) sum += weights.at({l, h, t, s});
        EXPECT_NEAR(sum, 1, 1e-5);
      }
  EXPECT_NE(slice(weights, 0, 0, 1).to_vector(), slice(weights, 0, 1, 2).to_vector());
}

TEST(EncoderDecoder, RefusesWhatItCannotRead) {
  const EncoderDecoder model(tiny());
  const std::vector<std::int32_t> none = {1, 3, 4, 5};
  EXPECT_EQ(error_of([&] { model(none, 1); }),
            "encoder-decoder: sequence 0 of the batch has no tab; separate source and target by id 0");
  const std::vector<std::int32_t> source(9, 3);
  EXPECT_TRUE(contains(error_of([&] { model.translate(source); }), "a source of 9 tokens leaves no room"));
  TransformerConfig one = tiny();
  one.vocabulary = 1;
  EXPECT_TRUE(contains(error_of([&] { EncoderDecoder small(one); }), "a vocabulary of 1"));
  one = tiny();
  one.position = "alibi";
  EXPECT_TRUE(contains(error_of([&] { EncoderDecoder small(one); }), "alibi positions"));
}

// Reverses sequences of 1 to 4 tokens, and finds by greedy decoding exactly the targets that evaluate() counts.
TEST(EncoderDecoder, LearnsToReverse) {
  TransformerConfig c = tiny(11);
  c.layers = 1;
  c.width = 32;
  c.heads = 4;
  seed_generator(1);
  EncoderDecoder model(c);
  AdamW optimizer(model.parameters(), {});
  Rng rng(5);
  const auto pair = [&] {
    std::vector<std::int32_t> source;
    for (Index n = 1 + rng.below(4); n > 0; --n) source.push_back(static_cast<std::int32_t>(2 + rng.below(6)));
    return source;
  };
  TokenText text;
  std::vector<std::int32_t> ids = {kPairEnd};
  for (int i = 0; i < 400; ++i) {
    const std::vector<std::int32_t> source = pair();
    text.starts.push_back(static_cast<Index>(ids.size()) - 1);
    ids.insert(ids.end(), source.begin(), source.end());
    ids.push_back(kPairTab);
    ids.insert(ids.end(), source.rbegin(), source.rend());
    ids.push_back(kPairEnd);
  }
  text.ids = TokenIds(ids);
  Batch batch;
  const auto train = [&](int steps) {
    for (int step = 0; step < steps; ++step) {
      random_documents(text, c.context, 32, rng, batch);
      model.prepare(batch.inputs, batch.targets, batch.rows, rng);
      Tape tape;
      tape.backward(cross_entropy(model(batch.inputs, batch.rows), batch.targets));
      optimizer.step(3e-3);
      model.zero_grad();
    }
  };
  const auto translated = [&] {
    Index exact = 0;
    for (const Index start : text.starts) {
      const auto from = ids.begin() + start + 1, tab = std::find(from, ids.end(), kPairTab);
      const std::vector<std::int32_t> source(from, tab), reversed(source.rbegin(), source.rend());
      exact += model.translate(source) == reversed ? 1 : 0;
    }
    return exact;
  };
  train(60);
  const Evaluation early = evaluate(model, text);
  EXPECT_EQ(early.windows.size(), 400u);
  EXPECT_GT(early.exact, 0);
  EXPECT_LT(early.exact, 400);
  EXPECT_EQ(translated(), early.exact);
  train(600);
  const Evaluation late = evaluate(model, text);
  EXPECT_LT(late.loss, 0.1);
  EXPECT_GT(late.exact, 380);
}

}  // namespace
}  // namespace headlight
