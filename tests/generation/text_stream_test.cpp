// TextStream: whole characters, invalid bytes and the stop text, for input in pieces of any size.
#include "generation/text_stream.h"

#include <gtest/gtest.h>

#include <vector>

namespace headlight {
namespace {

// The text shown after each byte.
std::vector<std::string> fed(TextStream& stream, const std::string& text) {
  std::vector<std::string> shown;
  for (const char byte : text) shown.push_back(stream.feed(std::string(1, byte)));
  return shown;
}

TEST(TextStream, ShowsWholeCharacters) {
  TextStream stream;
  EXPECT_EQ(fed(stream, "aé🙂日"), (std::vector<std::string>{"a", "", "é", "", "", "", "🙂", "", "", "日"}));
  EXPECT_EQ(stream.feed("x\xF0\x9F"), "x");
  EXPECT_EQ(stream.finish(), "\xF0\x9F");
  EXPECT_EQ(stream.finish(), "");
}

TEST(TextStream, PassesInvalidBytes) {
  for (const std::string bytes : {"\xFF\xFE", "\x80\x80\x80\x80", "\xC1", "\xF5", "a\xE9z", "\xC3\xC3z"}) {
    TextStream stream;
    std::string shown = stream.feed(bytes);
    EXPECT_EQ(shown + stream.finish(), bytes);
  }
  TextStream stream;
  EXPECT_EQ(stream.feed("\xFF\xFE"), "\xFF\xFE") << "not the beginning of a character";
}

TEST(TextStream, EndsBeforeTheStopText) {
  TextStream stream("abac");
  EXPECT_EQ(fed(stream, "xabab"), (std::vector<std::string>{"x", "", "", "", "ab"}));
  EXPECT_FALSE(stream.stopped());
  EXPECT_EQ(fed(stream, "acz"), (std::vector<std::string>{"", "", ""}));
  EXPECT_TRUE(stream.stopped());
  EXPECT_EQ(stream.finish(), "");
  EXPECT_EQ(stream.feed("ab"), "") << "finish() resets the stream";
  EXPECT_EQ(stream.finish(), "ab") << "an incomplete stop text";
  TextStream once("é.");
  EXPECT_EQ(once.feed("one é. two é."), "one ");
  EXPECT_TRUE(once.stopped());
}

TEST(TextStream, LosesNothingForPiecesOfAnySize) {
  const std::string text = "aabaabaaabé日aab🙂aaba", stop = "aaab";
  const std::string wanted = text.substr(0, text.find(stop));
  for (std::size_t a = 0; a <= text.size(); ++a)
    for (std::size_t b = a; b <= text.size(); ++b) {
      TextStream stream(stop), free;
      std::string shown, all;
      for (const std::string& piece : {text.substr(0, a), text.substr(a, b - a), text.substr(b)}) {
        shown += stream.feed(piece);
        all += free.feed(piece);
      }
      EXPECT_TRUE(stream.stopped());
      EXPECT_EQ(shown + stream.finish(), wanted) << a << " " << b;
      EXPECT_EQ(all + free.finish(), text) << a << " " << b;
    }
}

}  // namespace
}  // namespace headlight
