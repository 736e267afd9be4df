// Invalid grammars: each error gives the file, line and column and says how to fix it; no grammar crashes or hangs.
#include <gtest/gtest.h>

#include <cmath>

#include "corpora/grammar/grammar.h"
#include "headlight/base/error.h"
#include "headlight/base/random.h"
#include "headlight/corpora/corpus.h"

namespace headlight {
namespace {

std::string error_of(const std::string& text) {
  try {
    Grammar::parse(text, "my.grammar");
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

struct Bad {
  const char* text;
  const char* place;    // line:column
  const char* message;  // part of the message
};

TEST(GrammarErrors, NameLineAndColumn) {
  const Bad cases[] = {
      {"", "1:1", "there is no rule"},
      {"# nothing\n\n", "3:1", "there is no rule"},
      {"tale = \"a\" other", "1:12", "the rule 'other' is undefined; define it: other = ..."},
      {"words n = a | b\nlet x : n\ntale = $x x \".\"", "3:11", "write the variable as $x"},
      {"tale = \"a\n\"", "1:8", "no closing '\"'"},
      {"tale = \"a\\q\"", "1:10", "unknown escape"},
      {"tale = \"a\\", "1:10", "unknown escape"},
      {"tale = \"caf\xc3\xa9\"", "1:12", "ASCII"},
      {"tale = \"a\" ; \"b\"", "1:12", "unexpected ';'"},
      {"tale = \"a\" @", "1:12", "unexpected '@'"},
      {"tale =\n\"a\"", "2:1", "empty alternative"},
      {"tale = \"a\"\n| \"b\"", "2:1", "expected a rule, 'words' or 'let', found '|'"},
      {" tale = \"a\"", "1:2", "first column"},
      {"tale \"a\"", "1:6", "expected '='"},
      {"tale = 0: \"a\"", "1:8", "not positive"},
      {"tale = -2: \"a\"", "1:8", "not positive"},
      {"tale = 0.0000000001: \"a\"", "1:8", "out of range"},
      {"tale = 99999999999999999999999: \"a\"", "1:8", "out of range"},
      {"tale = 2 \"a\"", "1:10", "expected ':' after a weight"},
      {"tale = \"a\" 2: \"b\"", "1:12", "a weight belongs at the start"},
      {"tale = \"a\" | | \"b\"", "1:14", "empty alternative"},
      {"tale = (\"a\"", "1:12", "expected ')'"},
      {"tale = \"a\")", "1:11", "unexpected ')'"},
      {"tale = t: u: \"a\"", "1:11", "two tags on one item"},
      {"tale = \"a\" t:", "1:14", "expected an item after the tag 't'"},
      {"tale = \"a\"\ntale = \"b\"", "2:1", "defined twice"},
      {"tale = \"a\"\nother = \"b\"", "2:1", "unreachable"},
      {"tale = \"a\" | \"b\" tale\nx = y\ny = \"c\" x | \"d\"", "2:1", "unreachable"},
      {"tale = \"a\" tale", "1:1", "never ends"},
      {"tale = \"a\" b\nb = \"x\" c | \"y\" b\nc = \"z\" b", "1:1", "never ends"},
      {"tale = tale \"a\" | \"b\"", "1:8", "left recursion: the rule 'tale'"},
      {"tale = \"b\" x\nx = \"c\" | (\"\" | \"d\") y\ny = x \"e\"", "2:22", "left recursion: the rule 'x'"},
      {"tale = \"\" | \"a\"", "1:1", "may be empty"},
      {"words n / s = a / \"\" | b / x\nlet v : n\ntale = $v.s", "3:1", "may be empty"},
      {"tale = 9: \"a\" tale tale | \"b\"", "1:1", "too long"},
      {"tale = \"a\" tale tale | \"b\"", "1:1", "too long"},
      {"tale = $x", "1:8", "the variable 'x' is undefined"},
      {"let x : n\ntale = $x", "1:9", "the list 'n' is undefined"},
      {"words n = a | b\nlet x : n\ntale = $x.he", "3:8", "has no form 'he'"},
      {"words n = a | b\nlet x : n\ntale = \"a\"", "2:5", "never mentioned"},
      {"words n = a | b\ntale = \"a\"", "1:7", "no variable uses the list"},
      {"words n = a\nlet x, y : n\ntale = $x $y", "2:8", "more variables than words"},
      {"words n = a | b\nlet x, x : n\ntale = $x", "2:8", "defined twice"},
      {"words n = a\nwords n = b\ntale = \"a\"", "2:7", "defined twice"},
      {"words n = a | b | a\nlet x : n\ntale = $x", "1:19", "occurs twice"},
      {"words n = \"\" | b\nlet x : n\ntale = $x", "1:11", "must not be empty"},
      {"words n / he / he = a / b / c\ntale = \"a\"", "1:16", "named twice"},
      {"words n / he = a / b | c\nlet x : n\ntale = $x", "2:1", "expected '/' before the form 'he'"},
      {"words n / he = a / he | b / he\nlet x : n\ntale = $x.he $x", "3:8", "mention $x first"},
      {"words n / he = a / he | b / he\nlet x : n\ntale = (\"p\" $x | \"q\") r\nr = \"-\" $x.he", "4:9",
       "mention $x first"},
      {"words n / he = a / he | b / he\nlet x : n\ntale = $x r | r\nr = \"-\" $x.he", "4:9", "mention $x first"},
  };
  for (const Bad& bad : cases) {
    const std::string error = error_of(bad.text);
    const std::string start = cat("my.grammar:", bad.place, ": ");
    EXPECT_EQ(error.compare(0, start.size(), start), 0) << bad.text << "\n  " << error << "\n  wanted " << start;
    EXPECT_NE(error.find(bad.message), std::string::npos)
        << bad.text << "\n  " << error << "\n  wanted " << bad.message;
    EXPECT_EQ(error.find('\n'), std::string::npos) << error;
  }
}

TEST(GrammarErrors, FormsOfAVariableBoundOnEveryPathAreAllowed) {
  EXPECT_EQ(error_of("words n / he = a / he | b / he\nlet x : n\ntale = (\"p\" $x | $x) r\nr = \"-\" $x.he | s "
                     "$x.he\ns = \"t\" s | $x"),
            "no error");
}

TEST(GrammarErrors, Limits) {
  const auto repeat = [](Index n, const auto& piece) {
    std::string text;
    for (Index i = 0; i < n; ++i) text += piece(i);
    return text;
  };
  const auto parens = [&](Index n) {
    return "tale = " + std::string(static_cast<std::size_t>(n), '(') + "\"a\"" +
           std::string(static_cast<std::size_t>(n), ')');
  };
  EXPECT_EQ(error_of(parens(kMaxGrammarNesting)), "no error");
  EXPECT_NE(error_of(parens(kMaxGrammarNesting + 1)).find("nested more than"), std::string::npos);
  EXPECT_NE(error_of(std::string(1 << 19, '(')).find("found '('"), std::string::npos);
  EXPECT_NE(error_of("tale = " + std::string(1 << 19, '(')).find("nested more than"), std::string::npos);
  EXPECT_NE(error_of(std::string(static_cast<std::size_t>(kMaxGrammarBytes) + 1, ' ')).find("bytes"),
            std::string::npos);
  EXPECT_NE(
      error_of("tale = " + repeat(kMaxGrammarItems, [](Index) { return std::string("\"a\" "); })).find("more than"),
      std::string::npos);
  EXPECT_NE(
      error_of("tale = \"a\"" + repeat(kMaxGrammarTags, [](Index i) { return cat(" t", i, ":\"b\""); })).find("tags"),
      std::string::npos);
  EXPECT_NE(error_of("let " + repeat(kMaxGrammarVariables + 1, [](Index i) { return cat(i ? "," : "", "v", i); }))
                .find("variables"),
            std::string::npos);
  EXPECT_NE(error_of("words n" + repeat(kMaxGrammarForms, [](Index i) { return cat("/f", i); }) + " = a").find("forms"),
            std::string::npos);
  EXPECT_NE(error_of("words n = x" + repeat(kMaxGrammarEntries, [](Index i) { return cat("|a", i); }))
                .find("words in a list"),
            std::string::npos);
  EXPECT_NE(error_of(std::string(100, 'a') + " = \"x\"").find("64"), std::string::npos);
  const auto chain = [&](Index n) {
    return repeat(n, [&](Index i) { return cat("r", i, " = \"a\" r", i + 1, "\n"); }) + cat("r", n, " = \"a\"\n");
  };
  EXPECT_EQ(error_of(chain(kMaxGrammarRules - 1)), "no error");
  EXPECT_NE(error_of(chain(kMaxGrammarRules)).find("rules and groups"), std::string::npos);
  // The same chain of rules, defined in the order for which the fixed-point sweeps are slowest.
  std::string backwards = "r0 = \"a\" r1\n";
  for (Index i = kMaxGrammarRules - 1; i > 0; --i) {
    backwards += i + 1 == kMaxGrammarRules ? cat("r", i, " = \"a\"\n") : cat("r", i, " = \"a\" r", i + 1, "\n");
  }
  EXPECT_EQ(error_of(backwards), "no error");
}

TEST(GrammarErrors, FlippedBytesNeverCrash) {
  const std::string tales(builtin_grammar_text("tales"));
  Rng rng(2024);
  int sound = 0, refused = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string text = tales;
    const Index flips = 1 + rng.below(4);
    for (Index i = 0; i < flips; ++i) {
      char& c = text[static_cast<std::size_t>(rng.below(static_cast<Index>(text.size())))];
      switch (rng.below(3)) {
        case 0:
          c = static_cast<char>(static_cast<unsigned char>(rng.below(256)));
          break;
        case 1:
          c = tales[static_cast<std::size_t>(rng.below(static_cast<Index>(tales.size())))];
          break;
        default:
          c = "\"'()|:$.=/ \n2"[rng.below(13)];
          break;
      }
    }
    if (rng.below(8) == 0) text.resize(static_cast<std::size_t>(rng.below(static_cast<Index>(text.size()))));
    try {
      const Grammar grammar = Grammar::parse(text, "flipped");
      const TracedText made = generate(grammar, 300, 1);
      for (const double p : made.log_probability) ASSERT_TRUE(std::isfinite(p)) << round;
      ++sound;
    } catch (const Error& error) {
      const std::string what = error.what();
      ASSERT_EQ(what.compare(0, 8, "flipped:"), 0) << what;
      ++refused;
    }
  }
  EXPECT_GT(sound, 300);
  EXPECT_GT(refused, 300);
}

}  // namespace
}  // namespace headlight
