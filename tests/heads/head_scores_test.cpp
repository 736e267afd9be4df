#include "headlight/heads/head_scores.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "headlight/nn/probe.h"
#include "support/expect_error.h"

namespace headlight {
namespace {

const Role& role(const std::string& name) {
  for (const Role& r : basic_roles())
    if (r.name == name) return r;
  ADD_FAILURE() << "no role " << name;
  return basic_roles()[0];
}

// Where query t of a role looks in a text of characters.
class Looking {
 public:
  explicit Looking(const std::string& text)
      : vocabulary_(Vocabulary::of_text(text + "\n ", "text")),
        ids_(vocabulary_.encode(text, "text")),
        spaces_(space_tokens(vocabulary_)),
        breaks_(line_break_tokens(vocabulary_)) {}
  RoleText text() const { return {ids_, &spaces_, &breaks_, evidence}; }
  RoleText text(std::size_t first, std::size_t count) const {
    return {std::span(ids_).subspan(first, count), &spaces_, &breaks_};
  }
  std::span<const std::int32_t> ids() const { return ids_; }
  std::vector<Index> keys(const std::string& name, Index t) const {
    std::vector<Index> keys;
    role(name).keys(text(), t, keys);
    return keys;
  }
  std::vector<std::int32_t> evidence;  // of what each query predicts

 private:
  Vocabulary vocabulary_;
  std::vector<std::int32_t> ids_;
  std::vector<bool> spaces_, breaks_;
};

using Keys = std::vector<Index>;

TEST(Roles, Previous) {
  const Looking at("abcdef");
  EXPECT_EQ(at.keys("previous", 0), Keys{});
  for (Index t = 1; t < 6; ++t) EXPECT_EQ(at.keys("previous", t), Keys{t - 1});
}

TEST(Roles, Offsets) {
  const Looking at(std::string(40, 'x'));
  for (Index k = 2; k <= 16; ++k)
    for (Index t = 0; t < 40; ++t) EXPECT_EQ(at.keys(cat("offset-", k), t), t >= k ? Keys{t - k} : Keys{});
}

TEST(Roles, First) {
  const Looking at(std::string(12, 'x'));
  for (Index t = 0; t < 12; ++t) EXPECT_EQ(at.keys("first", t), t >= 8 ? Keys{0} : Keys{}) << t;
}

TEST(Roles, SameCharacter) {
  const Looking at("abacab");
  EXPECT_EQ(at.keys("same char", 0), Keys{});
  EXPECT_EQ(at.keys("same char", 1), Keys{});
  EXPECT_EQ(at.keys("same char", 2), Keys{0});
  EXPECT_EQ(at.keys("same char", 3), Keys{});
  EXPECT_EQ(at.keys("same char", 4), (Keys{0, 2}));
  EXPECT_EQ(at.keys("same char", 5), Keys{1});
}

TEST(Roles, Induction) {
  const Looking at("abcxabyab");
  EXPECT_EQ(at.keys("induction", 1), Keys{}) << "nothing earlier";
  EXPECT_EQ(at.keys("induction", 4), Keys{}) << "the a before it was preceded by nothing, this one by x";
  EXPECT_EQ(at.keys("induction", 5), Keys{2}) << "c followed the first ab";
  EXPECT_EQ(at.keys("induction", 8), (Keys{2, 6})) << "c and y followed ab";
}

TEST(Roles, Evidence) {
  Looking at("abcabc");
  EXPECT_EQ(at.keys("evidence", 3), Keys{}) << "the truth is not known";
  at.evidence = {0, 0, 3, 3, 1, 9};
  EXPECT_EQ(at.keys("evidence", 0), Keys{}) << "no evidence";
  EXPECT_EQ(at.keys("evidence", 2), Keys{0}) << "predicts the second a: the first stands 3 before it";
  EXPECT_EQ(at.keys("evidence", 3), Keys{1});
  EXPECT_EQ(at.keys("evidence", 4), Keys{}) << "the query itself is not looked back at";
  EXPECT_EQ(at.keys("evidence", 5), Keys{}) << "before the window";
}

TEST(Roles, LastSpace) {
  const Looking at("ab cd\tef\ngh");
  EXPECT_EQ(at.keys("last space", 1), Keys{}) << "none before";
  EXPECT_EQ(at.keys("last space", 2), Keys{}) << "the space itself is not before itself";
  EXPECT_EQ(at.keys("last space", 3), Keys{}) << "one place back is the previous character";
  EXPECT_EQ(at.keys("last space", 4), Keys{2});
  EXPECT_EQ(at.keys("last space", 5), Keys{2});
  EXPECT_EQ(at.keys("last space", 7), Keys{5}) << "a tab is white space";
  EXPECT_EQ(at.keys("last space", 10), Keys{8}) << "a line break is white space";
}

TEST(Roles, LineStart) {
  const Looking at("ab\ncdefghijklm\nx");
  EXPECT_EQ(at.keys("line start", 1), Keys{}) << "where the first line began is not known";
  EXPECT_EQ(at.keys("line start", 10), Keys{}) << "seven places back";
  EXPECT_EQ(at.keys("line start", 11), Keys{3});
  EXPECT_EQ(at.keys("line start", 14), Keys{3}) << "a line break ends its own line";
  EXPECT_EQ(at.keys("line start", 15), Keys{});
}

TEST(Roles, NeverLookAhead) {
  const Looking at("the cat sat on\nthe mat, and the hat\nwas there; so was the rat.\n");
  for (const Role& r : basic_roles())
    for (Index t = 0; t < static_cast<Index>(at.ids().size()); ++t)
      for (const Index j : at.keys(r.name, t)) EXPECT_TRUE(j >= 0 && j < t) << r.name << " " << t;
}

TEST(Roles, OfBytesKnowWhiteSpaceToo) {
  const auto spaces = space_tokens(Vocabulary::bytes()), breaks = line_break_tokens(Vocabulary::bytes());
  ASSERT_EQ(spaces.size(), 256u);
  EXPECT_EQ(std::count(spaces.begin(), spaces.end(), true), 6);  // \t \n \v \f \r and the space
  EXPECT_EQ(std::count(breaks.begin(), breaks.end(), true), 2);
  EXPECT_TRUE(spaces[' '] && spaces['\n'] && breaks['\n'] && !breaks[' ']);
}

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

HeadScores scores_of(const Tensor& weights, const Looking& at) {
  HeadScores scores(1, weights.size(1), basic_roles().size());
  add_scores(scores, 0, weights, at.text(), basic_roles());
  finish_scores(scores);
  return scores;
}

TEST(HeadScores, AreOneForTheRoleAndZeroForChance) {
  Looking at("the cat sat on the mat, and the hat\nwas there; so was the rat.\n\n");
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
    const RoleScore& self = scores.at(0, kSelfHead, r);
    EXPECT_EQ(self.attention, 0);
    EXPECT_NEAR(self.kappa(), -self.chance / (1 - self.chance), 1e-12) << "less than chance";
  }
}

// Uniform attention gives "previous" 1 / (t+1) at query t: in sum over t = 1 .. T-1 the harmonic number H_T less 1
// (0.271 T at T = 4, 0.0585 T at T = 64). The mean is over the T-1 queries that have a previous character.
TEST(HeadScores, ChanceOfPreviousIsHarmonic) {
  for (const auto& [length, share] : {std::pair{Index{4}, 0.2708}, {Index{64}, 0.0585}}) {
    const Looking at(std::string(static_cast<std::size_t>(length), 'x'));
    const RoleScore s = scores_of(attention(1, 4, length, four_heads), at).at(0, kUniformHead, index_of("previous"));
    double harmonic = 0;
    for (Index n = 1; n <= length; ++n) harmonic += 1 / static_cast<double>(n);
    EXPECT_EQ(s.queries, length - 1);
    EXPECT_NEAR(s.chance, (harmonic - 1) / static_cast<double>(length - 1), 1e-9);
    EXPECT_NEAR(s.chance * static_cast<double>(length - 1) / static_cast<double>(length), share, 5e-5);
  }
}

TEST(HeadScores, ChanceOfManyKeysCountsThemAll) {
  const Looking at("aaab");
  const RoleScore s = scores_of(attention(1, 4, 4, four_heads), at).at(0, kUniformHead, index_of("same char"));
  EXPECT_EQ(s.queries, 2) << "t = 1 and 2";
  EXPECT_NEAR(s.chance, (1 / 2.0 + 2 / 3.0) / 2, 1e-9);
  EXPECT_NEAR(s.attention, s.chance, 1e-6);
}

TEST(HeadScores, WithoutQueriesAreNothing) {
  const Looking at("abc");
  const HeadScores scores = scores_of(attention(1, 4, 3, four_heads), at);
  for (const char* name : {"first", "same char", "line start", "offset-3"}) {
    EXPECT_EQ(scores.at(0, 0, index_of(name)).queries, 0) << name;
    EXPECT_EQ(scores.at(0, 0, index_of(name)).kappa(), 0) << name;
  }
}

TEST(HeadScores, OfABatchAreTheMeanOverItsQueries) {
  // The same 24 characters as one batch of two windows of 12 and as two batches of one: the same sums.
  const Looking at("a cat on a mat\nand a cat");
  const auto give = [](Index h, Index t, float* row) {
    for (Index j = 0; j <= t; ++j) row[j] = static_cast<float>(1 + (h + j * 7 + t * 3) % 5);
  };
  const Tensor both = attention(2, 3, 12, give), one = attention(1, 3, 12, give);
  HeadScores together(2, 3, basic_roles().size()), apart(2, 3, basic_roles().size());
  add_scores(together, 1, both, at.text(0, 24), basic_roles());
  for (const std::size_t first : {0u, 12u}) add_scores(apart, 1, one, at.text(first, 12), basic_roles());
  finish_scores(together);
  finish_scores(apart);
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
  ScoreHeads() : vocabulary_(Vocabulary::of_text(kText, "text")), text_{vocabulary_.encode(kText, "text"), {}} {
    config_.vocabulary = vocabulary_.size();
    config_.context = 16;
    config_.layers = 2;
    config_.heads = 2;
    config_.width = 8;
    seed_generator(3);
    model_ = std::make_unique<CharTransformer>(config_);
  }
  const std::string kText =
      "the cat sat on the mat, and the hat\nwas there; so was the rat.\nthe end of the tale is near.\n";
  Vocabulary vocabulary_;
  TokenText text_;
  TransformerConfig config_;
  std::unique_ptr<CharTransformer> model_;
};

TEST_F(ScoreHeads, OfATinyModel) {
  const HeadScores scores = score_heads(*model_, vocabulary_, text_, basic_roles());
  EXPECT_EQ(scores.layers(), 2);
  EXPECT_EQ(scores.heads(), 2);
  for (Index layer = 0; layer < 2; ++layer) {
    for (Index head = 0; head < 2; ++head) {
      const RoleScore& s = scores.at(layer, head, index_of("previous"));
      EXPECT_EQ(s.queries, 15 * 5) << "five whole windows in 92 characters";
      EXPECT_NEAR(s.kappa(), 0, 0.05) << "untrained attention is nearly uniform";
      EXPECT_NE(s.kappa(), 0);
    }
  }
  EXPECT_EQ(score_heads(*model_, vocabulary_, text_, basic_roles(), 2).at(0, 0, index_of("previous")).queries, 30);
}

// The evidence of token i is asked for by the query before it, in whichever window that stands.
TEST_F(ScoreHeads, EvidenceIsThatOfThePredictedToken) {
  std::vector<std::int32_t> evidence(text_.ids.size(), 0);
  evidence[5] = 3;        // query 4 of the first window looks at 2
  evidence[16 + 16] = 2;  // query 15 of the second window looks at 14
  evidence[16 + 17] = 5;  // query 0 of the third window: beyond its beginning
  const HeadScores scores = score_heads(*model_, vocabulary_, text_, basic_roles(), 64, evidence);
  const RoleScore& s = scores.at(0, 0, index_of("evidence"));
  EXPECT_EQ(s.queries, 2);
  EXPECT_NEAR(s.chance, (1.0 / 5 + 1.0 / 16) / 2, 1e-12);
  EXPECT_EQ(score_heads(*model_, vocabulary_, text_, basic_roles()).at(0, 0, index_of("evidence")).queries, 0);
}

// The same scores from the attention of each window by itself.
TEST_F(ScoreHeads, AreThoseOfTheModelsOwnAttention) {
  struct First : Probe {
    Tensor weights;
    Tensor see(const std::string& name, const Tensor& x) override {
      if (name == "blocks.1.attn.weights") weights = x;
      return x;
    }
  };
  const auto spaces = space_tokens(vocabulary_), breaks = line_break_tokens(vocabulary_);
  HeadScores by_hand(2, 2, basic_roles().size());
  for (std::size_t start = 0; start < 80; start += 16) {
    First probe;
    const auto ids = std::span(text_.ids).subspan(start, 16);
    (*model_)(ids, 1);
    add_scores(by_hand, 1, probe.weights, {ids, &spaces, &breaks}, basic_roles());
  }
  finish_scores(by_hand);
  const HeadScores scores = score_heads(*model_, vocabulary_, text_, basic_roles());
  for (Index head = 0; head < 2; ++head)
    for (std::size_t r = 0; r < basic_roles().size(); ++r)
      EXPECT_NEAR(scores.at(1, head, r).kappa(), by_hand.at(1, head, r).kappa(), 1e-6) << basic_roles()[r].name;
}

TEST_F(ScoreHeads, LeaveNoTrace) {
  const Rng::State before = generator().state();
  const UntrainedScores untrained(config_, vocabulary_, text_, basic_roles(), 3);
  EXPECT_EQ(generator().state(), before);
  // The highest of several is at least that of the first.
  seed_generator(1);
  const HeadScores first = score_heads(CharTransformer(config_), vocabulary_, text_, basic_roles());
  const UntrainedScores alone(config_, vocabulary_, text_, basic_roles(), 1);
  for (Index layer = 0; layer < 2; ++layer) {
    for (std::size_t r = 0; r < basic_roles().size(); ++r) {
      const double highest = std::max(first.at(layer, 0, r).kappa(), first.at(layer, 1, r).kappa());
      EXPECT_EQ(alone.highest_kappa(layer, r), highest);
      EXPECT_GE(untrained.highest_kappa(layer, r), highest);
    }
  }
}

TEST_F(ScoreHeads, NeedAWholeWindow) {
  text_.ids.resize(15);
  EXPECT_TRUE(contains(error_of([&] { score_heads(*model_, vocabulary_, text_, basic_roles()); }),
                       "heads: the text has 15 tokens, fewer than the context of 16"));
}

TEST(HeadName, NumbersLayerAndHead) { EXPECT_EQ(head_name(2, 11), "L2H11"); }

}  // namespace
}  // namespace headlight
