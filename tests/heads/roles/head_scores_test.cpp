// Role scores of hand-made attention and of a tiny model.
#include "heads/roles/head_scores.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "headlight/nn/hook.h"
#include "looking.h"
#include "support/expect_error.h"

namespace headlight {
namespace {

// Attention [B,H,T,T] where query t of head h gives all its weight as `give` says.
template <class Give>
Tensor attention(Index batch, Index heads, Index length, const Give& give) {
  Tensor a = Tensor::zeros({batch, heads, length, length});
  for (Index b = 0; b < batch; ++b)
    for (Index h = 0; h < heads; ++h)
      for (Index t = 0; t < length; ++t) give(h, t, a.data<float>() + ((b * heads + h) * length + t) * length);
  return a;
}

constexpr Index kPreviousHead = 0, kFifthHead = 1, kUniformHead = 2, kSelfHead = 3;

void four_heads(Index h, Index t, float* row) {
  if (h == kPreviousHead) row[std::max<Index>(0, t - 1)] = 1;
  if (h == kFifthHead) row[std::max<Index>(0, t - 5)] = 1;
  if (h == kUniformHead)
    for (Index j = 0; j <= t; ++j) row[j] = 1 / static_cast<float>(t + 1);
  if (h == kSelfHead) row[t] = 1;
}

std::size_t index_of(const std::string& name) { return static_cast<std::size_t>(&role(name) - basic_roles().data()); }

HeadScores scores_of(const Tensor& weights, const RoleKeys& at) {
  HeadScores scores(1, weights.size(1), basic_roles().size());
  const RoleMasks masks(basic_roles(), at.text(), weights.size(2));
  add_scores(scores, 0, weights, masks, 0);
  finish_scores(scores);
  return scores;
}

TEST(HeadScores, AreOneForTheRoleAndZeroForChance) {
  RoleKeys at("The cat (7) sat on the mat, and the hat\nwas there; so was \"the rat.\n\n");
  at.evidence.assign(at.ids().size(), 3);
  const auto length = static_cast<Index>(at.ids().size());
  const HeadScores scores = scores_of(attention(1, 4, length, four_heads), at);
  EXPECT_NEAR(scores.at(0, kPreviousHead, index_of("previous")).kappa(), 1, 1e-6);
  EXPECT_NEAR(scores.at(0, kFifthHead, index_of("offset-5")).kappa(), 1, 1e-6);
  EXPECT_LT(scores.at(0, kFifthHead, index_of("previous")).kappa(), 0.05);
  EXPECT_LT(scores.at(0, kPreviousHead, index_of("offset-5")).kappa(), 0);
  for (std::size_t r = 0; r < basic_roles().size(); ++r) {
    const RoleScore& uniform = scores.at(0, kUniformHead, r);
    EXPECT_NEAR(uniform.kappa(), 0, 1e-6) << basic_roles()[r].name;
    EXPECT_NEAR(uniform.attention, uniform.chance, 1e-6) << basic_roles()[r].name;
    EXPECT_GT(uniform.queries, 0) << basic_roles()[r].name;
    EXPECT_EQ(uniform.compared, 0) << "no other window";
    EXPECT_TRUE(std::isnan(uniform.kappa_content()));
    const RoleScore& self = scores.at(0, kSelfHead, r);
    EXPECT_EQ(self.attention, basic_roles()[r].name == "self" ? 1 : 0);
    if (basic_roles()[r].name == "self") continue;
    EXPECT_NEAR(self.kappa(), -self.chance / (1 - self.chance), 1e-12) << "less than chance";
  }
  EXPECT_NEAR(scores.evenness(0, kUniformHead), 1, 1e-6);
  EXPECT_EQ(scores.evenness(0, kSelfHead), 0);
  EXPECT_EQ(scores.at(0, kFifthHead, index_of("offset-5")).top, 1);
  EXPECT_LT(scores.at(0, kFifthHead, index_of("previous")).top, 0.02) << "at place 1 it looks at 0";
}

// The mask of one window over the attention of another.
TEST(HeadScores, ElsewhereIsWhatPositionAloneExplains) {
  // A head that finds copies, in two windows whose copies stand apart; and one that looks five back, whatever the text.
  const RoleKeys at(
      "abcdefghijak"
      "abcdefghijkb");
  const auto finds = [&](Index h, Index t, float* row) {
    if (h == 1) return void(row[std::max<Index>(0, t - 5)] = 1);
    row[t == 10 || t == 11 ? 0 : t] = 1;
  };
  HeadScores scores(1, 2, basic_roles().size());
  add_scores(scores, 0, attention(2, 2, 12, finds), RoleMasks(basic_roles(), at.text(), 12), 0);
  finish_scores(scores);
  const RoleScore& copies = scores.at(0, 0, index_of("duplicate"));
  // The first window's copy (query 10, key 0) is found by both windows; the second's (query 11, key 1) by neither.
  EXPECT_EQ(copies.queries, 2);
  EXPECT_EQ(copies.compared, 2);
  EXPECT_EQ(copies.attention, 0.5);
  EXPECT_EQ(copies.elsewhere, 0.5);
  EXPECT_EQ(copies.kappa_content(), 0) << "all of it is position";
  const RoleScore& back = scores.at(0, 1, index_of("offset-5"));
  EXPECT_EQ(back.elsewhere, 1);
  EXPECT_EQ(back.kappa_content(), 0);
}

// Uniform attention gives "previous" 1 / (t+1) at query t: in sum over t = 1 .. T-1 the harmonic number H_T less 1
// (0.271 T at T = 4, 0.0585 T at T = 64). The mean is over the T-1 queries that have a previous character.
TEST(HeadScores, ChanceOfPreviousIsHarmonic) {
  for (const auto& [length, share] : {std::pair{Index{4}, 0.2708}, {Index{64}, 0.0585}}) {
    const RoleKeys at(std::string(static_cast<std::size_t>(length), 'x'));
    const RoleScore s = scores_of(attention(1, 4, length, four_heads), at).at(0, kUniformHead, index_of("previous"));
    double harmonic = 0;
    for (Index n = 1; n <= length; ++n) harmonic += 1 / static_cast<double>(n);
    EXPECT_EQ(s.queries, length - 1);
    EXPECT_NEAR(s.chance, (harmonic - 1) / static_cast<double>(length - 1), 1e-9);
    EXPECT_NEAR(s.chance * static_cast<double>(length - 1) / static_cast<double>(length), share, 5e-5);
  }
}

TEST(HeadScores, ChanceOfManyKeysCountsThemAll) {
  const RoleKeys at("aaab");
  const RoleScore s = scores_of(attention(1, 4, 4, four_heads), at).at(0, kUniformHead, index_of("duplicate"));
  EXPECT_EQ(s.queries, 2) << "t = 1 and 2";
  EXPECT_NEAR(s.chance, (1 / 2.0 + 2 / 3.0) / 2, 1e-9);
  EXPECT_NEAR(s.attention, s.chance, 1e-6);
}

// With a window, uniform attention over the visible keys is at chance level for every role.
TEST(HeadScores, ChanceCountsTheKeysInTheWindow) {
  const RoleKeys at("the cat sat on the mat, and the hat was there\n");
  const auto length = static_cast<Index>(at.ids().size());
  const auto uniform = [](Index, Index t, float* row) {
    const Index seen = std::min<Index>(t + 1, 3);
    for (Index j = t + 1 - seen; j <= t; ++j) row[j] = 1 / static_cast<float>(seen);
  };
  HeadScores scores(1, 1, basic_roles().size(), 3);
  add_scores(scores, 0, attention(1, 1, length, uniform), RoleMasks(basic_roles(), at.text(), length), 0);
  finish_scores(scores);
  for (std::size_t r = 0; r < basic_roles().size(); ++r) {
    EXPECT_NEAR(scores.at(0, 0, r).attention, scores.at(0, 0, r).chance, 1e-6) << basic_roles()[r].name;
    EXPECT_NEAR(scores.at(0, 0, r).kappa(), 0, 1e-6) << basic_roles()[r].name;
  }
  EXPECT_NEAR(scores.at(0, 0, index_of("previous")).chance,
              (1 / 2.0 + static_cast<double>(length - 2) / 3) / static_cast<double>(length - 1), 1e-6);
  EXPECT_EQ(scores.at(0, 0, index_of("offset-5")).chance, 0);
  EXPECT_NEAR(scores.evenness(0, 0), 1, 1e-6);
}

TEST(HeadScores, WithoutQueriesAreNothing) {
  const RoleKeys at("abc");
  const HeadScores scores = scores_of(attention(1, 4, 3, four_heads), at);
  for (const char* name : {"first", "duplicate", "line start", "offset-3"}) {
    EXPECT_EQ(scores.at(0, 0, index_of(name)).queries, 0) << name;
    EXPECT_EQ(scores.at(0, 0, index_of(name)).kappa(), 0) << name;
  }
}

TEST(HeadScores, OfABatchAreTheMeanOverItsQueries) {
  // The same 24 characters as one batch of two windows of 12 and as two batches of one: the same sums.
  const RoleKeys at("a cat on a mat\nand a cat");
  const auto give = [](Index h, Index t, float* row) {
    for (Index j = 0; j <= t; ++j) row[j] = static_cast<float>(1 + (h + j * 7 + t * 3) % 5);
  };
  const Tensor both = attention(2, 3, 12, give), one = attention(1, 3, 12, give);
  const RoleMasks masks(basic_roles(), at.text(0, 24), 12);
  HeadScores together(2, 3, basic_roles().size()), first(2, 3, basic_roles().size()), second = first;
  add_scores(together, 1, both, masks, 0);
  add_scores(first, 1, one, masks, 0);
  add_scores(second, 1, one, masks, 1);
  for (HeadScores* scores : {&together, &first, &second}) finish_scores(*scores);
  const HeadScores apart = merged(first, second);
  for (Index h = 0; h < 3; ++h) {
    for (std::size_t r = 0; r < basic_roles().size(); ++r) {
      EXPECT_NEAR(together.at(1, h, r).attention, apart.at(1, h, r).attention, 1e-9);
      EXPECT_NEAR(together.at(1, h, r).chance, apart.at(1, h, r).chance, 1e-12);
      EXPECT_EQ(together.at(1, h, r).queries, apart.at(1, h, r).queries);
      EXPECT_EQ(together.at(0, h, r).queries, 0) << "the other layer";
    }
  }
  EXPECT_EQ(together.at(1, 0, index_of("previous")).queries, 22) << "the second window knows nothing of the first";
}

class ScoreHeads : public testing::Test {
 protected:
  ScoreHeads()
      : vocabulary_(Vocabulary::of_text(kText, "text")),
        classes_(vocabulary_),
        text_{vocabulary_.encode(kText, "text"), {}} {
    config_.vocabulary = vocabulary_.size();
    config_.context = 16;
    config_.layers = 2;
    config_.heads = 2;
    config_.width = 8;
    seed_generator(3);
    model_ = std::make_unique<TransformerLM>(config_);
  }
  HeadScores scores(Index most = 64, std::span<const std::int32_t> evidence = {}) {
    const HeadWindows windows(text_, 16, most);
    const std::vector<std::int32_t> of_targets = windows.of_targets(evidence);
    return score_heads(*model_, windows,
                       RoleMasks(basic_roles(), {windows.inputs(), &classes_, of_targets}, windows.context()));
  }
  const std::string kText =
      "the cat sat on the mat, and the hat\nwas there; so was the rat.\nthe end of the tale is near.\n";
  Vocabulary vocabulary_;
  TokenClasses classes_;
  TokenText text_;
  TransformerConfig config_;
  std::unique_ptr<TransformerLM> model_;
};

TEST_F(ScoreHeads, OfATinyModel) {
  const HeadScores all = scores();
  EXPECT_EQ(all.layers(), 2);
  EXPECT_EQ(all.heads(), 2);
  for (Index layer = 0; layer < 2; ++layer) {
    for (Index head = 0; head < 2; ++head) {
      const RoleScore& s = all.at(layer, head, index_of("previous"));
      EXPECT_EQ(s.queries, 15 * 5) << "five whole windows in 92 characters";
      EXPECT_NEAR(s.kappa(), 0, 0.05) << "untrained attention is nearly uniform";
      EXPECT_NE(s.kappa(), 0);
      EXPECT_GT(all.evenness(layer, head), 0.99);
      EXPECT_LE(all.evenness(layer, head), 1 + 1e-6);
    }
  }
  EXPECT_EQ(scores(2).at(0, 0, index_of("previous")).queries, 30);
}

// The evidence of token i is asked for by the query before it, in whichever window that stands.
TEST_F(ScoreHeads, EvidenceIsThatOfThePredictedToken) {
  std::vector<std::int32_t> evidence(text_.ids.size(), 0);
  evidence[5] = 3;        // query 4 of the first window looks at 2
  evidence[16 + 16] = 2;  // query 15 of the second window looks at 14
  evidence[16 + 17] = 5;  // query 0 of the third window: beyond its beginning
  const HeadScores found = scores(64, evidence);
  const RoleScore& s = found.at(0, 0, index_of("evidence"));
  EXPECT_EQ(s.queries, 2);
  EXPECT_NEAR(s.chance, (1.0 / 5 + 1.0 / 16) / 2, 1e-12);
  EXPECT_EQ(scores().at(0, 0, index_of("evidence")).queries, 0);
}

// The same scores from the attention of each window by itself.
TEST_F(ScoreHeads, AreThoseOfTheModelsOwnAttention) {
  struct First : Hook {
    Tensor weights;
    Tensor on_activation(const HookSite& site, const Tensor& x) override {
      if (site == HookSite{1, HookSite::Kind::kAttentionWeights}) weights = x;
      return x;
    }
  };
  HeadScores by_hand(2, 2, basic_roles().size());
  for (std::size_t start = 0; start < 80; start += 16) {
    First hook;
    const std::vector<std::int32_t> ids = text_.ids.copy(static_cast<Index>(start), static_cast<Index>(start) + 16);
    (*model_)(ids, 1);
    add_scores(by_hand, 1, hook.weights, RoleMasks(basic_roles(), {ids, &classes_}, 16), 0);
  }
  finish_scores(by_hand);
  const HeadScores found = scores();
  for (Index head = 0; head < 2; ++head)
    for (std::size_t r = 0; r < basic_roles().size(); ++r)
      EXPECT_NEAR(found.at(1, head, r).kappa(), by_hand.at(1, head, r).kappa(), 1e-6) << basic_roles()[r].name;
}

// S~ is the mask of window w over the attention of window (w+1) mod N, however the windows are cut into pieces.
TEST_F(ScoreHeads, ElsewhereIsTheNextWindow) {
  struct Weights : Hook {
    Tensor weights;
    Tensor on_activation(const HookSite& site, const Tensor& x) override {
      if (site == HookSite{1, HookSite::Kind::kAttentionWeights}) weights = x;
      return x;
    }
  };
  // Attention far from uniform.
  Rng rng(2);
  for (const NamedTensor& p : model_->parameters())
    Tensor(p.value).copy_from(Tensor::normal(p.value.shape(), 0.5, 0.6, rng));
  for (const Index count : {2, 3, 5}) {
    for (const Index tokens : {Index{1}, HeadWindows::kBatchTokens}) {
      SCOPED_TRACE(cat(count, " windows, batches of ", tokens));
      const HeadWindows windows(text_, 16, count, tokens);
      const RoleMasks masks(basic_roles(), {windows.inputs(), &classes_}, 16);
      Weights hook;
      const HeadScores found = score_heads(*model_, windows, masks);
      (*model_)(windows.inputs(), count);
      for (Index head = 0; head < 2; ++head) {
        for (std::size_t r = 0; r < basic_roles().size(); ++r) {
          double sum = 0;
          for (const RoleMasks::Query& q : masks.queries(r))
            for (const std::int32_t j : masks.keys(q)) sum += hook.weights.at({(q.window + 1) % count, head, q.t, j});
          const RoleScore& s = found.at(1, head, r);
          EXPECT_EQ(s.compared, s.queries);
          const auto queries = static_cast<double>(std::max<Index>(1, s.queries));
          EXPECT_NEAR(s.elsewhere, sum / queries, 1e-5) << basic_roles()[r].name;
        }
      }
    }
  }
}

TEST_F(ScoreHeads, NeedAWholeWindow) {
  text_.ids = text_.ids.part(0, 15);
  EXPECT_TRUE(contains(error_of([&] { scores(); }), "heads: the text has 15 tokens, fewer than the context of 16"));
}

TEST_F(ScoreHeads, HalvesShareTheWindowsOut) {
  const HeadWindows windows(text_, 16, 64);
  EXPECT_EQ(windows.half(0).size() + windows.half(1).size(), windows.size());
  EXPECT_EQ(windows.half(0).predictions() + windows.half(1).predictions(), windows.predictions());
  std::vector<std::int32_t> both = windows.half(0).inputs(), second = windows.half(1).inputs();
  both.insert(both.end(), second.begin(), second.end());
  EXPECT_EQ(both, windows.inputs());
  EXPECT_EQ(HeadWindows(text_, 16, 1).half(0).size(), 1) << "a lone window is both halves";
}

TEST(HeadName, NumbersLayerAndHead) { EXPECT_EQ(head_name(2, 11), "L2H11"); }

TEST(HeadName, IsReadBack) {
  TransformerConfig config;
  config.layers = 2;
  config.heads = 3;
  EXPECT_EQ(parse_head("L1H2", config), (HeadId{1, 2}));
  for (const char* wrong : {"L2H0", "L0H3", "l0h0", "L0", "", "L00H0", "L0H0 ", "L-1H0", "L99999999999999999999H0"})
    EXPECT_TRUE(contains(error_of([&] { parse_head(wrong, config); }), "no such head; use L0H0 to L1H2")) << wrong;
  config.layer_heads = {0, 1};
  EXPECT_EQ(all_heads(config), (std::vector<HeadId>{{1, 0}}));
  EXPECT_THROW(parse_head("L0H0", config), Error);
}

}  // namespace
}  // namespace headlight
