// The expert study of a hand-made oracle model, for which every correct result is known.
#include "heads/sources/expert_study.h"

#include <cmath>

#include "chorus_oracle.h"
#include "headlight/autograd/tape.h"
#include "heads/sources/head_circuits.h"
#include "support/expect_error.h"

namespace headlight {
namespace {

constexpr double kNear = 1e-3;

void expect_rows(const std::vector<Estimates>& measured, const Matrix& expected, const char* what) {
  ASSERT_EQ(measured.size(), expected.size());
  for (std::size_t h = 0; h < expected.size(); ++h)
    for (std::size_t e = 0; e < expected[h].size(); ++e) {
      EXPECT_NEAR(measured[h][e].mean, expected[h][e], kNear) << what << " of head " << h << ", expert " << e;
      EXPECT_LE(measured[h][e].low, measured[h][e].mean + 1e-9);
      EXPECT_GE(measured[h][e].high, measured[h][e].mean - 1e-9);
    }
}

TEST_F(Oracle, PredictsTheTrueProbabilities) {
  const std::vector<float> losses = token_losses(*model_, windows_);
  const std::vector<double> truth = windows_.of_targets(std::span<const double>(data_.validation_log_probability));
  Index measured = 0;
  for (std::size_t p = 0; p < losses.size(); ++p) {
    if (!experts_.counts(static_cast<Index>(p))) continue;
    ASSERT_NEAR(static_cast<double>(losses[p]), -truth[p], 2e-3);
    ++measured;
  }
  EXPECT_EQ(measured, 64 * (kContext - kRetentionFrom));
}

TEST_F(Oracle, GivesTheIdealMatrices) {
  const ExpertStudy study = study_experts(*model_, data_, windows_, {.untrained = 1, .subspaces = 8});
  expect_rows({study.retention.whole, study.retention.none}, {{1, 1, 1, 1, 1}, {1, 0, 0, 0, 0}}, "retention");
  expect_rows(study.retention.parts, {{1, 0, 1, 1, 1}, {1, 1, 0, 1, 1}, {1, 1, 1, 0, 1}, {1, 1, 1, 1, 0}}, "retention");
  const Matrix diagonal = {{0, 1, 0, 0, 0}, {0, 0, 1, 0, 0}, {0, 0, 0, 1, 0}, {0, 0, 0, 0, 1}};
  ASSERT_TRUE(study.direct && study.tables);
  expect_rows(study.direct->by_expert, diagonal, "direct logits");
  expect_rows(study.patching.heads, diagonal, "patching");
  for (std::size_t e = 1; e < 5; ++e) {
    EXPECT_NEAR(study.patching.whole[e].mean, 1, kNear);
    EXPECT_GT(study.patching.swaps[e], 200);
  }
  EXPECT_EQ(study.patching.swaps[0], 0) << "needs no attention";
  EXPECT_NEAR(study.index, 1, kNear);
  EXPECT_EQ(study.experts_with_one_head(), 4u);
  for (std::size_t h = 0; h < 4; ++h) {
    EXPECT_GT(study.direct->to_target[h], 0.1);
    for (std::size_t e = 0; e < 5; ++e) {
      const TableMatch& match = study.tables->match[h][e];
      if (e == h + 1) {
        EXPECT_NEAR(study.attention[h][e].attention, 1, e == 4 ? 1e-6 : 0.2);
        EXPECT_NEAR(match.correlation, 1, kNear);
        EXPECT_EQ(match.p, 0.001);
      } else {
        EXPECT_LT(std::abs(match.correlation), 0.6);
      }
      EXPECT_GT(match.null_95, 0);
      EXPECT_LT(match.null_95, 0.5);
    }
  }
  // The baselines: random subspaces share every source; an untrained model has no source to lose.
  ASSERT_EQ(study.index_subspaces.size(), 2u);
  ASSERT_EQ(study.index_untrained.size(), 1u);
  for (const double index : study.index_subspaces) EXPECT_LT(index, 0.3);
  EXPECT_LT(study.index_untrained[0], 0.05);
  for (const Interval& k : study.untrained[0].whole) EXPECT_NEAR(k.mean, 0, 0.1);
  const std::vector<std::string> sentences = head_sentences(study);
  EXPECT_EQ(sentences[1],
            "L0H1 attends to the symbol three back (attention 1.00); ablating it removes 100% of that source and "
            "nothing else.");
}

// Two heads share one source, and one source has none.
class SharedOracle : public ChorusOracle {
 protected:
  SharedOracle() { make({{{"back-1", 0.25}, {"back-1", 0.75}, {"topic"}, {"digit", 0.5}}}); }
};

TEST_F(SharedOracle, SharesAreFound) {
  const ExpertStudy study = study_experts(*model_, data_, windows_, {.untrained = 0, .subspaces = 0});
  expect_rows({study.retention.whole}, {{1, 1, 0, 1, 0.5}}, "retention");
  expect_rows(study.retention.parts, {{1, 0.75, 0, 1, 0.5}, {1, 0.25, 0, 1, 0.5}, {1, 1, 0, 0, 0.5}, {1, 1, 0, 1, 0}},
              "retention");
  expect_rows(study.direct->by_expert, {{0, 0.25, 0, 0, 0}, {0, 0.75, 0, 0, 0}, {0, 0, 0, 1, 0}, {0, 0, 0, 0, 0.5}},
              "direct logits");
  for (std::size_t h = 0; h < 4; ++h) {
    EXPECT_NEAR(study.patching.heads[h][1].mean, h == 0 ? 0.25 : h == 1 ? 0.75 : 0, kNear);
    EXPECT_NEAR(study.patching.heads[h][4].mean, h == 3 ? 1 : 0, kNear) << "a share of the effect on the whole model";
  }
  EXPECT_NEAR(study.patching.whole[4].mean, 0.5, kNear);
  EXPECT_EQ(study.experts_with_one_head(), 2u) << "topic and digit";
  EXPECT_TRUE(std::isnan(study.lost(0, 2).mean)) << "nothing to lose";
  EXPECT_NEAR(study.lost(3, 4).mean, 1, kNear);
  const std::vector<std::size_t> sources = {1, 1, 3, 4};
  for (std::size_t h = 0; h < 4; ++h) {
    EXPECT_EQ(study.main_source(h), sources[h]) << "never a source that the model does not use";
    for (std::size_t e = 0; e < 5; ++e) EXPECT_EQ(study.loses(h, e), e == sources[h]) << h << " " << e;
  }
  const std::vector<std::string> sentences = head_sentences(study);
  EXPECT_TRUE(contains(sentences[0], "removes 25% of that source and nothing else.")) << sentences[0];
}

TEST_F(SharedOracle, AHeadThatDoesNothingIsSaidToDoNothing) {
  make({{{"back-1"}, {"back-3"}, {"topic"}, {"digit"}, {"back-3", 0}}});
  const ExpertStudy study = study_experts(*model_, data_, windows_, {.untrained = 0, .subspaces = 0});
  const std::string sentence = head_sentences(study)[4];
  EXPECT_TRUE(contains(sentence, "; ablating it removes less than 10% of any source.")) << sentence;
  EXPECT_EQ(study.tables->match[4][2].correlation, 0);
}

// Two layers: a copying head in layer 0 and an induction head in layer 1 carry one source together.
class InductionOracle : public ChorusOracle {
 protected:
  InductionOracle() : ChorusOracle("chorus-induction") {
    make({{{"back-1"}, {"topic"}, {"digit"}, {kCopy}}, {{"induction"}}});
  }
};

TEST_F(InductionOracle, BothHeadsOfACircuitAreFound) {
  const std::vector<float> losses = token_losses(*model_, windows_);
  const std::vector<double> truth = windows_.of_targets(std::span<const double>(data_.validation_log_probability));
  for (std::size_t p = 0; p < losses.size(); ++p)
    if (experts_.counts(static_cast<Index>(p))) {
      ASSERT_NEAR(static_cast<double>(losses[p]), -truth[p], 2e-3);
    }
  const ExpertStudy study = study_experts(*model_, data_, windows_, {.untrained = 0, .subspaces = 0});
  ASSERT_EQ(study.experts[4].name, "induction");
  expect_rows({study.retention.whole, study.retention.none}, {{1, 1, 1, 1, 1}, {1, 0, 0, 0, 0}}, "retention");
  expect_rows(study.retention.parts,
              {{1, 0, 1, 1, 1}, {1, 1, 0, 1, 1}, {1, 1, 1, 0, 1}, {1, 1, 1, 1, 0}, {1, 1, 1, 1, 0}}, "retention");
  EXPECT_NEAR(study.index, 1, kNear) << "each head serves one source";
  EXPECT_EQ(study.experts_with_one_head(), 3u) << "induction has two";
  ASSERT_TRUE(study.direct);
  EXPECT_NEAR(study.direct->by_expert[4][4].mean, 1, kNear);
  EXPECT_NEAR(study.patching.heads[4][4].mean, 1, kNear);
  for (std::size_t e = 0; e < 5; ++e)
    EXPECT_NEAR(study.direct->by_expert[3][e].mean, 0, kNear) << "it writes no logits";
  const std::vector<std::string> sentences = head_sentences(study);
  EXPECT_TRUE(contains(sentences[3], "L0H3 attends to the symbol one back (attention 1.00); ablating it removes 100%"))
      << sentences[3];
  EXPECT_TRUE(contains(sentences[4], "ablating it removes 100% of that source and nothing else.")) << sentences[4];
}

TEST_F(Oracle, RegressionFindsTheCoefficients) {
  const Bootstrap bootstrap(windows_.size(), 1, 50);
  const ExpertRegression regression(experts_, bootstrap);
  const std::vector<double> truth = {0.5, -1, 0, 2, 0.25};
  const std::size_t width = experts_.next().size(), places = windows_.inputs().size();
  std::vector<double> scores(places * width);
  for (std::size_t p = 0; p < places; ++p) {
    for (std::size_t c = 0; c < width; ++c) {
      double& score = scores[p * width + c];
      // Scores that depend on the position alone, and scores at unmeasured positions, have no effect.
      score = std::sin(static_cast<double>(p % kContext * 31 + c));
      if (!experts_.counts(static_cast<Index>(p))) score = 100 * std::sin(static_cast<double>(p + c));
      for (std::size_t e = 0; e < truth.size(); ++e)
        if (const Index at = experts_.evidence(e, static_cast<Index>(p)); at >= 0)
          score += truth[e] * experts_.row(e, windows_.inputs()[static_cast<std::size_t>(at)])[c];
    }
  }
  const Estimates k = regression.fit(scores);
  for (std::size_t e = 0; e < truth.size(); ++e) {
    EXPECT_NEAR(k[e].mean, truth[e], 1e-9);
    EXPECT_NEAR(k[e].low, truth[e], 1e-9);
    EXPECT_NEAR(k[e].high, truth[e], 1e-9);
  }
  Rng rng(3);
  for (double& score : scores) score += rng.normal();
  const Estimates noisy = regression.fit(scores);
  for (std::size_t e = 0; e < truth.size(); ++e) {
    EXPECT_NEAR(noisy[e].mean, truth[e], 0.15);
    EXPECT_LT(noisy[e].low, noisy[e].mean);
    EXPECT_GT(noisy[e].high, noisy[e].mean);
    EXPECT_LT(noisy[e].high - noisy[e].low, 0.3);
  }
}

TEST(TableMatch, IsPearsonOfCenteredTables) {
  // [[1,2],[3,5]] centered over rows and columns is +-0.25; every centered 2 x 2 table is +-x.
  EXPECT_NEAR(match_tables(std::vector<double>{1, 2, 3, 5}, std::vector<double>{0, 0, 0, 1}, 2, 1).correlation, 1,
              1e-12);
  EXPECT_NEAR(match_tables(std::vector<double>{1, 2, 3, 5}, std::vector<double>{0, 1, 0, 0}, 2, 1).correlation, -1,
              1e-12);
  EXPECT_EQ(match_tables(std::vector<double>{1, 2, 3, 4}, std::vector<double>{0, 0, 0, 1}, 2, 1).correlation, 0)
      << "the centered table is 0";
  EXPECT_EQ(match_tables(std::vector<double>{1, 2, 3}, std::vector<double>{1, 2, 3}, 3, 1).p, 1) << "a single row";
  // A table compared with itself and with an unrelated table: for 12 x 12 tables, the null distribution has a standard
  // deviation of about 1/11.
  Rng rng(2);
  std::vector<double> a, b;
  for (int i = 0; i < 144; ++i) a.push_back(rng.normal()), b.push_back(rng.normal());
  const TableMatch same = match_tables(a, a, 12, 1), other = match_tables(a, b, 12, 1);
  EXPECT_NEAR(same.correlation, 1, 1e-12);
  EXPECT_EQ(same.p, 0.001);
  EXPECT_NEAR(same.null_95, 1.645 / 11, 0.04);
  EXPECT_GT(other.p, 0.02);
}

// In a model of one attention layer, the logits are the sum of the contributions of the heads and of the embedding.
TEST_F(Oracle, DirectLogitsAddUpToTheModels) {
  Rng rng(4);
  for (const std::string kind : {"layer", "rms"}) {
    TransformerConfig config{.vocabulary = kSymbols, .context = kContext, .layers = 1, .heads = 3, .width = 12};
    config.hidden = 0;
    config.norm = kind;
    config.bias = false;
    TransformerLM model(config);
    for (const NamedTensor& p : model.parameters()) {
      const bool shift = p.name.find("norm") != std::string::npos && p.name.ends_with("bias");
      Tensor(p.value).copy_from(Tensor::normal(p.value.shape(), 0, shift ? 0 : 0.6, rng));
    }
    const std::vector<double> whole = symbol_logits(model, experts_);
    const std::vector<std::vector<double>> heads = direct_logits(model, experts_);
    const NoGrad no_recording;
    const std::size_t width = experts_.next().size();
    std::size_t place = 0;
    for (const HeadWindows::Piece& piece : windows_.pieces()) {
      const Tensor before = model.embed(piece.batch.inputs, piece.batch.rows), after = model.run_block(0, before);
      for (std::size_t i = 0; i < piece.batch.inputs.size(); ++i, ++place) {
        double mean_before = 0, mean_after = 0, squares = 0;
        const float *x = before.data<float>() + i * 12, *y = after.data<float>() + i * 12;
        for (Index c = 0; c < 12 && kind == "layer"; ++c) {
          mean_before += static_cast<double>(x[c]) / 12;
          mean_after += static_cast<double>(y[c]) / 12;
        }
        for (Index c = 0; c < 12; ++c) squares += std::pow(static_cast<double>(y[c]) - mean_after, 2) / 12;
        std::vector<double> logits;
        double mean = 0;
        for (const std::int32_t id : experts_.next()) {
          double logit = 0;
          for (Index c = 0; c < 12; ++c)
            logit += model.tokens->weight.value().at({id, c}) * model.norm->step()->gamma->value().at({c}) *
                     (static_cast<double>(x[c]) - mean_before) / std::sqrt(squares + 1e-5);
          logits.push_back(logit);
          mean += logit / static_cast<double>(width);
        }
        for (std::size_t c = 0; c < width; ++c) {
          double sum = logits[c] - mean;
          for (const std::vector<double>& head : heads) sum += head[place * width + c];
          ASSERT_NEAR(sum, whole[place * width + c], 1e-4);
        }
      }
    }
  }
}

TEST_F(Oracle, WhatCannotBeMeasured) {
  RunData plain = data_;
  plain.validation_experts.clear();
  EXPECT_TRUE(contains(error_of([&] { ExpertWindows(plain, windows_); }), "the text has no experts; use"));
  const HeadWindows brief(data_.validation, 8, 4);
  EXPECT_TRUE(contains(error_of([&] { ExpertWindows(data_, brief); }), "use a longer context"));
  EXPECT_TRUE(contains(error_of([&] { experts_.row(0, 99); }), "token 99 is not a symbol"));
  TransformerConfig post{.vocabulary = kSymbols, .context = kContext, .layers = 1, .heads = 2, .width = 8};
  post.pre_norm = false;
  const TransformerLM model(post);
  EXPECT_TRUE(contains(error_of([&] { output_circuit(model, {0, 0}); }), "post-norm"));
  const ExpertStudy study = study_experts(model, data_, windows_, {.untrained = 0, .subspaces = 0});
  EXPECT_FALSE(study.tables || study.direct);
  EXPECT_TRUE(to_json(study).find("heads") != nullptr);
}

}  // namespace
}  // namespace headlight
