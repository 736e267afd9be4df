// Role definitions on hand-made texts.
#include <gtest/gtest.h>

#include <algorithm>

#include "looking.h"

namespace headlight {
namespace {

TEST(Roles, Previous) {
  const RoleKeys at("abcdef");
  EXPECT_EQ(at.keys("previous", 0), Keys{});
  for (Index t = 1; t < 6; ++t) EXPECT_EQ(at.keys("previous", t), Keys{t - 1});
}

TEST(Roles, Offsets) {
  const RoleKeys at(std::string(40, 'x'));
  for (Index k = 2; k <= 16; ++k)
    for (Index t = 0; t < 40; ++t) EXPECT_EQ(at.keys(cat("offset-", k), t), t >= k ? Keys{t - k} : Keys{});
}

TEST(Roles, First) {
  const RoleKeys at(std::string(12, 'x'));
  for (Index t = 0; t < 12; ++t) EXPECT_EQ(at.keys("first", t), t >= 8 ? Keys{0} : Keys{}) << t;
}

TEST(Roles, Duplicate) {
  const RoleKeys at("abacab");
  EXPECT_EQ(at.keys("duplicate", 0), Keys{});
  EXPECT_EQ(at.keys("duplicate", 1), Keys{});
  EXPECT_EQ(at.keys("duplicate", 2), Keys{0});
  EXPECT_EQ(at.keys("duplicate", 3), Keys{});
  EXPECT_EQ(at.keys("duplicate", 4), (Keys{0, 2}));
  EXPECT_EQ(at.keys("duplicate", 5), Keys{1});
}

TEST(Roles, Induction) {
  const RoleKeys at("abcxabyab");
  EXPECT_EQ(at.keys("induction", 1), Keys{}) << "nothing earlier";
  EXPECT_EQ(at.keys("induction", 4), Keys{}) << "the a before it was preceded by nothing, this one by x";
  EXPECT_EQ(at.keys("induction", 5), Keys{2}) << "c followed the first ab";
  EXPECT_EQ(at.keys("induction", 8), (Keys{2, 6})) << "c and y followed ab";
}

TEST(Roles, Evidence) {
  RoleKeys at("abcabc");
  EXPECT_EQ(at.keys("evidence", 3), Keys{}) << "the truth is not known";
  at.evidence = {0, 0, 3, 3, 1, 9};
  EXPECT_EQ(at.keys("evidence", 0), Keys{}) << "no evidence";
  EXPECT_EQ(at.keys("evidence", 2), Keys{0}) << "predicts the second a: the first stands 3 before it";
  EXPECT_EQ(at.keys("evidence", 3), Keys{1});
  EXPECT_EQ(at.keys("evidence", 4), Keys{}) << "the query itself is not looked back at";
  EXPECT_EQ(at.keys("evidence", 5), Keys{}) << "before the window";
}

TEST(Roles, LastSpace) {
  const RoleKeys at("ab cd\tef\ngh");
  EXPECT_EQ(at.keys("last space", 1), Keys{}) << "none before";
  EXPECT_EQ(at.keys("last space", 2), Keys{}) << "the space itself is not before itself";
  EXPECT_EQ(at.keys("last space", 3), Keys{}) << "one place back is the previous character";
  EXPECT_EQ(at.keys("last space", 4), Keys{2});
  EXPECT_EQ(at.keys("last space", 5), Keys{2});
  EXPECT_EQ(at.keys("last space", 7), Keys{5}) << "a tab is white space";
  EXPECT_EQ(at.keys("last space", 10), Keys{8}) << "a line break is white space";
}

TEST(Roles, LineStart) {
  const RoleKeys at("ab\ncdefghijklm\nx");
  EXPECT_EQ(at.keys("line start", 1), Keys{}) << "where the first line began is not known";
  EXPECT_EQ(at.keys("line start", 10), Keys{}) << "seven places back";
  EXPECT_EQ(at.keys("line start", 11), Keys{3});
  EXPECT_EQ(at.keys("line start", 14), Keys{3}) << "a line break ends its own line";
  EXPECT_EQ(at.keys("line start", 15), Keys{});
}

TEST(Roles, SelfAndLocal) {
  const RoleKeys at("abcdefg");
  EXPECT_EQ(at.keys("self", 0), Keys{}) << "no choice";
  EXPECT_EQ(at.keys("self", 3), Keys{3});
  EXPECT_EQ(at.keys("local", 3), Keys{});
  EXPECT_EQ(at.keys("local", 6), (Keys{2, 3, 4, 5}));
}

TEST(Roles, OfTheWord) {
  const RoleKeys at("ab cdef-g");
  EXPECT_EQ(at.keys("word start", 4), Keys{}) << "one place back";
  EXPECT_EQ(at.keys("word start", 5), Keys{3});
  EXPECT_EQ(at.keys("this word", 6), (Keys{3, 4, 5}));
  EXPECT_EQ(at.keys("this word", 7), Keys{}) << "in no word";
  EXPECT_EQ(at.keys("word start", 8), Keys{}) << "a new word";
}

TEST(Roles, SameWord) {
  const RoleKeys at("cats, catty scat, cat");
  EXPECT_EQ(at.keys("same word", 7), Keys{}) << "two characters";
  EXPECT_EQ(at.keys("same word", 8), (Keys{0, 1, 2, 3})) << "the copy and what followed it";
  EXPECT_EQ(at.keys("same word", 9), Keys{}) << "catt is new";
  EXPECT_EQ(at.keys("same word", 20), (Keys{0, 1, 2, 3, 6, 7, 8, 9})) << "not within scat";
}

TEST(Roles, Opener) {
  const RoleKeys at("a (b [cd] e) \"fgh\" ij");
  EXPECT_EQ(at.keys("opener", 4), Keys{}) << "two places back";
  EXPECT_EQ(at.keys("opener", 8), Keys{2}) << "the inner one is closed";
  EXPECT_EQ(at.keys("opener", 7), Keys{}) << "the inner one is open, two places back";
  EXPECT_EQ(at.keys("opener", 11), Keys{}) << "closed by the query itself";
  EXPECT_EQ(at.keys("opener", 16), Keys{13});
  EXPECT_EQ(at.keys("opener", 20), Keys{}) << "a quotation mark opens and closes";
}

TEST(Roles, Newline) {
  const RoleKeys at("ab\ncdefghijklm");
  EXPECT_EQ(at.keys("newline", 9), Keys{});
  EXPECT_EQ(at.keys("newline", 10), Keys{2});
}

TEST(Roles, Classes) {
  const RoleKeys at("aB1,e");
  EXPECT_EQ(at.keys("vowels", 4), Keys{0}) << "earlier ones";
  EXPECT_EQ(at.keys("capitals", 4), Keys{1});
  EXPECT_EQ(at.keys("digits", 4), Keys{2});
  EXPECT_EQ(at.keys("punctuation", 4), Keys{3});
}

TEST(Roles, ForATextWhoseTruthIsKnown) {
  const std::vector<std::string> rules{"plain", "copy"};
  EXPECT_EQ(roles_for(false, rules).size(), basic_roles().size() - 1);
  const std::vector<Role> roles = roles_for(true, rules);
  ASSERT_EQ(roles.size(), basic_roles().size() + 2);
  EXPECT_EQ(roles.back().name, "evidence of copy");
  const std::vector<std::int32_t> ids{1, 2, 3, 1}, evidence{0, 0, 3, 2};
  const std::vector<std::uint8_t> rule{0, 0, 1, 0};
  const RoleText text{ids, nullptr, evidence, rule};
  Keys keys;
  roles.back().keys(text, 2, keys);
  EXPECT_EQ(keys, Keys{0});
  keys.clear();
  roles.back().keys(text, 3, keys);
  EXPECT_EQ(keys, Keys{}) << "written by another rule";
}

TEST(Roles, NeverLookAhead) {
  const RoleKeys at("the cat sat on\nthe mat, and the hat\nwas there; so was the rat.\n");
  for (const Role& r : basic_roles())
    for (Index t = 0; t < static_cast<Index>(at.ids().size()); ++t)
      for (const Index j : at.keys(r.name, t)) EXPECT_TRUE(j >= 0 && (j < t || r.name == "self")) << r.name << " " << t;
}

TEST(Roles, OfBytesKnowWhiteSpaceToo) {
  const TokenClasses of(Vocabulary::bytes());
  ASSERT_EQ(of.space.size(), 256u);
  EXPECT_EQ(std::count(of.space.begin(), of.space.end(), true), 6);  // \t \n \v \f \r and the space
  EXPECT_EQ(std::count(of.line_break.begin(), of.line_break.end(), true), 2);
  EXPECT_TRUE(of.space[' '] && of.space['\n'] && of.line_break['\n'] && !of.line_break[' ']);
  EXPECT_EQ(of.opener[')'], '(');
  EXPECT_EQ(of.opener['"'], '"');
  EXPECT_EQ(of.opener['('], -1);
  EXPECT_EQ(std::count(of.opener.begin(), of.opener.end(), -1), 252) << "of ASCII ) ] } and the quotation mark";
  EXPECT_EQ(std::count(of.vowel.begin(), of.vowel.end(), true), 10);
  EXPECT_EQ(std::count(of.capital.begin(), of.capital.end(), true), 26);
  EXPECT_EQ(std::count(of.digit.begin(), of.digit.end(), true), 10);
  EXPECT_EQ(std::count(of.punctuation.begin(), of.punctuation.end(), true), 32);
}

}  // namespace
}  // namespace headlight
