// Attention labels: each condition by itself, mixed labels, groups of roles, and the study that uses labels.
#include "heads/roles/head_labels.h"

#include <algorithm>

#include "heads/study/head_study.h"
#include "heads/tiny_model.h"

namespace headlight {
namespace {

std::size_t index_of(const std::string& name) {
  for (std::size_t r = 0; r < basic_roles().size(); ++r)
    if (basic_roles()[r].name == name) return r;
  ADD_FAILURE() << name;
  return 0;
}

// Heads made by hand on four windows of a text, and the labels they get.
class Labels : public testing::Test {
 protected:
  static constexpr Index kLength = 48;
  Labels() {
    std::string text;
    const char* words[] = {"cat ", "house ", "tree ", "(red) ", "lamp ", "stone ", "bird ", "river "};
    Rng rng(2);
    while (text.size() < 4 * kLength) text += words[rng.below(8)];
    text.resize(4 * kLength);
    vocabulary_ = Vocabulary::of_text(text, "text");
    ids_ = vocabulary_.encode(text, "text");
    classes_ = std::make_unique<TokenClasses>(vocabulary_);
    masks_ = std::make_unique<RoleMasks>(basic_roles(), RoleText{ids_, classes_.get()}, kLength);
  }
  // Attention: `share` spread over the keys of a role where it has any, the rest over all.
  Tensor attention(const std::vector<std::pair<std::string, double>>& shares, Index begin, Index end) const {
    Tensor a = Tensor::zeros({end - begin, 1, kLength, kLength});
    std::vector<double> rest(static_cast<std::size_t>((end - begin) * kLength), 1.0);
    for (const auto& [name, share] : shares)
      for (const RoleMasks::Query& q : masks_->queries(index_of(name), begin, end)) {
        const Index row = (q.window - begin) * kLength + q.t;
        for (const std::int32_t j : masks_->keys(q))
          a.data<float>()[row * kLength + j] += static_cast<float>(share / static_cast<double>(q.count));
        rest[static_cast<std::size_t>(row)] -= share;
      }
    for (std::size_t row = 0; row < rest.size(); ++row) {
      const Index i = static_cast<Index>(row), t = i % kLength;
      for (Index j = 0; j <= t; ++j)
        a.data<float>()[i * kLength + j] += static_cast<float>(rest[row] / static_cast<double>(t + 1));
    }
    return a;
  }
  HeadLabel label(const std::vector<std::pair<std::string, double>>& first,
                  const std::vector<std::pair<std::string, double>>& second, double threshold = 0.1) const {
    std::vector<HeadScores> halves(2, HeadScores(1, 1, basic_roles().size()));
    add_scores(halves[0], 0, attention(first, 0, 2), *masks_, 0);
    add_scores(halves[1], 0, attention(second, 2, 4), *masks_, 2);
    for (HeadScores& half : halves) finish_scores(half);
    return label_head(merged(halves[0], halves[1]), halves, 0, 0, basic_roles(), *masks_, threshold);
  }
  HeadLabel label(const std::vector<std::pair<std::string, double>>& shares, double threshold = 0.1) const {
    return label(shares, shares, threshold);
  }

  Vocabulary vocabulary_ = Vocabulary::bytes();
  std::vector<std::int32_t> ids_;
  std::unique_ptr<TokenClasses> classes_;
  std::unique_ptr<RoleMasks> masks_;
};

TEST_F(Labels, AreGivenToHeadsThatPlayARole) {
  for (const char* name :
       {"self", "previous", "offset-3", "first", "local", "word start", "last space", "this word", "induction"}) {
    const HeadLabel found = label({{name, 0.9}});
    EXPECT_EQ(found.name(basic_roles()), name) << found.reason << " " << basic_roles()[found.best].name;
  }
}

TEST_F(Labels, NeedKappa) {
  EXPECT_TRUE(label({{"previous", 0.45}}).labelled);
  EXPECT_EQ(label({{"previous", 0.38}}).reason, "kappa");
  const HeadLabel even = label({});
  EXPECT_EQ(even.reason, "kappa");
  EXPECT_TRUE(even.uniform);
  EXPECT_FALSE(label({{"previous", 0.9}}).uniform);
}

TEST_F(Labels, NeedAMargin) {
  const HeadLabel mixed = label({{"offset-7", 0.48}, {"offset-2", 0.45}});
  EXPECT_TRUE(mixed.labelled && mixed.mixed());
  EXPECT_EQ(mixed.name(basic_roles()), "mixed: offset-2 + offset-7");
  EXPECT_EQ(basic_roles()[mixed.best].name, "offset-7");
  EXPECT_EQ(label({{"offset-2", 0.45}, {"offset-7", 0.38}}).reason, "margin") << "the second is none by itself";
  EXPECT_EQ(label({{"offset-2", 0.55}, {"offset-7", 0.42}}).name(basic_roles()), "offset-2");
}

TEST_F(Labels, AreMixedOfAFewRolesAtMost) {
  const std::vector<std::pair<std::string, double>> three = {
      {"offset-2", 0.33}, {"offset-7", 0.33}, {"offset-12", 0.33}};
  EXPECT_EQ(label(three).reason, "kappa") << "none reaches 0.4";
  EXPECT_TRUE(label({{"offset-2", 0.48}, {"offset-7", 0.45}}, 0.3).mixed());
  EXPECT_EQ(label({{"offset-2", 0.48}, {"offset-7", 0.45}}, 0.45).reason, "untrained") << "each has to pass";
  EXPECT_EQ(label({{"offset-2", 0.48}, {"offset-7", 0.45}}, {{"offset-2", 0.9}}).reason, "halves");
}

// Roles of which each query plays one: more than kMaxMixed of them make no label.
TEST(MixedLabels, HaveAtMostThreeParts) {
  constexpr Index kLength = 12;
  const std::vector<std::int32_t> ids(60 * kLength, 0);
  std::vector<Role> roles;
  for (Index k = 0; k < 4; ++k)
    roles.push_back({cat("role ", k), "",
                     [k](const RoleText&, Index t, std::vector<Index>& keys) {
                       if (t >= 8 && t - 8 == k) keys.push_back(k + 1);
                     },
                     cat("family ", k)});
  const RoleMasks masks(roles, {ids, nullptr}, kLength);
  const auto label = [&](std::size_t parts) {
    Tensor a = Tensor::zeros({60, 1, kLength, kLength});
    for (Index b = 0; b < 60; ++b)
      for (Index t = 0; t < kLength; ++t) {
        const bool plays = t >= 8 && t - 8 < static_cast<Index>(parts);
        a.data<float>()[(b * kLength + t) * kLength + (plays ? t - 7 : t)] = 1;
      }
    HeadScores scores(1, 1, roles.size());
    add_scores(scores, 0, a, masks, 0);
    finish_scores(scores);
    return best_role(scores, 0, 0, roles, masks);
  };
  EXPECT_EQ(label(1).name(roles), "role 0");
  EXPECT_EQ(label(3).name(roles), "mixed: role 0 + role 1 + role 2");
  EXPECT_EQ(label(4).reason, "margin");
  EXPECT_EQ(label(4).name(roles), "");
}

// Two names of one place: the first of the list names it, and neither is a rival of the other.
TEST(RoleGroups, AreNamedByTheirSimplestMember) {
  constexpr Index kLength = 32;
  const std::vector<std::int32_t> ids(4 * kLength, 0);
  const auto role = [](const char* name, Index from, Index wide) {
    return Role{name, "",
                [from, wide](const RoleText&, Index t, std::vector<Index>& keys) {
                  for (Index j = t - 10 - wide; t >= from && j <= t - 10; ++j) keys.push_back(j);
                },
                name};
  };
  // Windows of keys ten places back: "b" shares 9 of 10 keys with "a" and "c" 5 of 15.
  const std::vector<Role> roles = {role("a", 20, 8), role("b", 20, 9), role("c", 20, 4), role("other queries", 31, 8)};
  const RoleMasks masks(roles, {ids, nullptr}, kLength);
  EXPECT_TRUE(masks.alike(0, 1) && masks.alike(1, 0));
  EXPECT_FALSE(masks.alike(0, 2)) << "Jaccard 5 / 9";
  EXPECT_TRUE(masks.alike(0, 3)) << "the same keys on the queries they share";
}

// Eight of nine keys are shared: Jaccard 8 / 10, and neither is a special case of the other.
TEST(RoleGroups, AHeadThatPlaysOneOfAGroupHasTheGroupsName) {
  constexpr Index kLength = 40;
  const std::vector<std::int32_t> ids(4 * kLength, 0);
  const auto role = [](const char* name, Index last) {
    return Role{name, "",
                [last](const RoleText&, Index t, std::vector<Index>& keys) {
                  for (Index j = t - last - 8; t >= 25 && j <= t - last; ++j) keys.push_back(j);
                },
                name};
  };
  std::vector<Role> roles = {role("simple", 10), role("special", 11)};
  const RoleMasks masks(roles, {ids, nullptr}, kLength);
  ASSERT_TRUE(masks.alike(0, 1));
  ASSERT_FALSE(masks.special_case(0, 1) || masks.special_case(1, 0));
  Tensor a = Tensor::zeros({4, 1, kLength, kLength});
  for (Index row = 0; row < 4 * kLength; ++row) {
    const Index t = row % kLength;
    float* weights = a.data<float>() + row * kLength;
    if (t < 25) weights[t] = 1;
    for (Index j = t - 19; t >= 25 && j <= t - 10; ++j) weights[j] = j == t - 10 ? 0.08f : j == t - 19 ? 0.12f : 0.1f;
  }
  HeadScores scores(1, 1, roles.size());
  add_scores(scores, 0, a, masks, 0);
  finish_scores(scores);
  EXPECT_GT(scores.at(0, 0, 1).kappa(), scores.at(0, 0, 0).kappa());
  EXPECT_EQ(best_role(scores, 0, 0, roles, masks).name(roles), "simple");
  roles[0].content = true;
  EXPECT_EQ(best_role(scores, 0, 0, roles, masks).name(roles), "special") << "position is simpler than content";
}

TEST_F(Labels, NeedMoreThanUntrainedHeads) {
  EXPECT_TRUE(label({{"previous", 0.8}}, 0.75).labelled);
  EXPECT_EQ(label({{"previous", 0.8}}, 0.85).reason, "untrained");
}

TEST_F(Labels, NeedBothHalves) {
  EXPECT_EQ(label({{"previous", 0.9}}, {{"offset-5", 0.05}}).reason, "halves");
  EXPECT_EQ(label({{"previous", 0.95}}, {{"previous", 0.30}, {"offset-4", 0.3}}).reason, "halves");
}

// A role of content that position explains as well is none: each word starts at the same place of every window.
TEST_F(Labels, OfContentNeedMoreThanPosition) {
  std::string text;
  for (int i = 0; i < 32; ++i) text += i % 3 == 0 ? "abcde " : i % 3 == 1 ? "fghij " : "klmno ";
  vocabulary_ = Vocabulary::of_text(text, "text");
  ids_ = vocabulary_.encode(text, "text");
  classes_ = std::make_unique<TokenClasses>(vocabulary_);
  masks_ = std::make_unique<RoleMasks>(basic_roles(), RoleText{ids_, classes_.get()}, kLength);
  EXPECT_EQ(label({{"word start", 0.95}}).reason, "content");
}

TEST_F(Labels, PreferTheSpecialCase) {
  EXPECT_TRUE(masks_->special_case(index_of("previous"), index_of("local")));
  EXPECT_FALSE(masks_->special_case(index_of("local"), index_of("previous")));
  EXPECT_TRUE(masks_->special_case(index_of("word start"), index_of("this word")));
  EXPECT_FALSE(masks_->special_case(index_of("previous"), index_of("first")));
  EXPECT_FALSE(masks_->special_case(index_of("previous"), index_of("offset-2")));
}

TEST(UntrainedKappas, AreSmallRepeatableAndLeaveNoTrace) {
  const std::string text =
      "the cat sat on the mat, and the hat was there; so was the rat. the end of the tale is near.";
  const Vocabulary vocabulary = Vocabulary::of_text(text, "text");
  const TokenClasses classes(vocabulary);
  const HeadWindows windows({vocabulary.encode(text, "text"), {}}, 16, 8);
  const RoleMasks masks(basic_roles(), {windows.inputs(), &classes}, 16);
  TransformerConfig config;
  config.vocabulary = vocabulary.size();
  config.context = 16;
  config.layers = 2;
  config.heads = 2;
  config.width = 8;
  const TransformerLM model(config);
  const Rng::State before = generator().state();
  const std::vector<double> kappas = untrained_kappas(model, windows, masks, 4);
  EXPECT_EQ(generator().state(), before);
  ASSERT_EQ(kappas.size(), 4u);
  for (const double kappa : kappas) {
    EXPECT_GT(kappa, 0);
    EXPECT_LT(kappa, 0.1);
  }
  EXPECT_EQ(untrained_kappas(model, windows, masks, 4), kappas);
  EXPECT_NE(kappas[0], kappas[1]);
}

using Study = TinyModel;

TEST_F(Study, IsWholeAndConsistent) {
  RunData data;
  data.source = "text";
  data.vocabulary = vocabulary_;
  data.validation = text_;
  StudyOptions options;
  options.untrained = 2;
  options.untrained_ablated = 1;
  options.subspaces = 4;
  options.random_orders = 3;
  const HeadStudy study = study_heads(*model_, data, options);
  ASSERT_EQ(study.heads.size(), 6u);
  EXPECT_EQ(study.subsets[0].name, "all");
  EXPECT_EQ(study.specialization_subspaces.size(), 2u) << "four subspaces are two rotations of three heads";
  EXPECT_EQ(study.specialization_untrained.size(), 1u);
  EXPECT_EQ(study.prunable_random.size(), 3u);
  EXPECT_FALSE(study.truth_known);
  const std::vector<float> before = token_losses(*model_, windows_);
  EXPECT_NEAR(study.loss[0], mean_loss(before), 1e-9);
  const HeadMeans means(*model_, windows_);
  const AblateHeads hook(means, {{1, 1}});
  EXPECT_NEAR(study.heads[4].mean[0].mean, mean_loss(token_losses(*model_, windows_)) - study.loss[0], 1e-6);
  const double redundancy = study.redundancy[1][4][0].mean;
  const AblateHeads with(means, {{0, 1}, {1, 1}});
  const double both = mean_loss(token_losses(*model_, windows_)) - study.loss[0];
  EXPECT_NEAR(redundancy, both - study.heads[1].mean[0].mean - study.heads[4].mean[0].mean, 1e-5);
  const Json json = to_json(study);
  EXPECT_EQ(json.find("heads")->if_array()->size(), 6u);
  EXPECT_NO_THROW(json_text(json));
}

}  // namespace
}  // namespace headlight
