// Vocabulary: encoding, decoding, and errors that name the offending character or byte.
#include "headlight/data/vocabulary.h"

#include <gtest/gtest.h>

#include "support/expect_error.h"

namespace headlight {
namespace {

using Ids = std::vector<std::int32_t>;

TEST(Vocabulary, HoldsEachCharacterOnceInCodePointOrder) {
  const Vocabulary v = Vocabulary::of_text("🙂b日aéb\r\n", "text");
  EXPECT_EQ(v.characters(), U"\n\rabé日🙂");
  EXPECT_EQ(v.size(), 7);
  EXPECT_FALSE(v.is_bytes());
}

TEST(Vocabulary, EncodesAndDecodesEveryCharacter) {
  const std::string text = "Line\r\none é日🙂 \t\xEF\xBB\xBF two\n";
  const Vocabulary v = Vocabulary::of_text(text, "text");
  const Ids ids = v.encode(text, "text");
  EXPECT_EQ(ids.size(), 21u) << "one token a character, however many bytes";
  EXPECT_EQ(v.decode(ids), text);
  EXPECT_EQ(v.encode("", "text"), Ids{});
  EXPECT_EQ(v.decode(Ids{}), "");
  for (std::int32_t id = 0; id < v.size(); ++id) EXPECT_EQ(v.encode(v.piece(id), "text"), Ids{id});
}

TEST(Vocabulary, NamesACharacterItDoesNotHave) {
  const Vocabulary v = Vocabulary::of_text("abcdefg日", "text");
  EXPECT_EQ(error_of([&] { v.encode("abcdefé", "prompt"); }),
            "prompt: character 7 'é' is not in this model's vocabulary (8 characters); use only characters of the "
            "vocabulary");
  EXPECT_EQ(error_of([&] { v.encode("日日x", "prompt"); }),
            "prompt: character 3 'x' is not in this model's vocabulary (8 characters); use only characters of the "
            "vocabulary");
  EXPECT_TRUE(contains(error_of([&] { v.encode("\n", "prompt"); }), "character 1 '\\n' is not"));
}

TEST(Vocabulary, NamesTheByteThatIsNotUtf8AndTheWayOut) {
  const std::string bad = "d\xC3\xA9j\xE0 vu";  // é in UTF-8, à in Latin-1
  for (const std::string& line : {error_of([&] { Vocabulary::of_text(bad, "my.txt"); }),
                                  error_of([&] { Vocabulary::of_text("abc", "x").encode(bad, "my.txt"); })}) {
    EXPECT_TRUE(contains(line, "my.txt: byte 4 is not UTF-8 (0xE0 begins a character that is cut short)"));
    EXPECT_TRUE(contains(line, "--tokens byte"));
  }
}

TEST(Vocabulary, RefusesNothingAndRepetition) {
  EXPECT_TRUE(contains(error_of([] { Vocabulary::of_text("", "my.txt"); }), "my.txt: the text is empty"));
  EXPECT_TRUE(contains(error_of([] { Vocabulary::of_characters(U"", "config"); }), "config: the vocabulary is empty"));
  EXPECT_TRUE(contains(error_of([] { Vocabulary::of_characters(U"abéa", "config"); }),
                       "config: the vocabulary has 'a' twice; remove one"));
}

TEST(Vocabulary, KeepsTheOrderItIsGiven) {
  const Vocabulary v = Vocabulary::of_characters(U"za", "config");
  EXPECT_EQ(v.encode("az", "x"), (Ids{1, 0}));
  EXPECT_EQ(v.name(0), "'z'");
}

TEST(Vocabulary, OfBytesTakesAnything) {
  const Vocabulary v = Vocabulary::bytes();
  EXPECT_TRUE(v.is_bytes());
  EXPECT_EQ(v.size(), 256);
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  const Ids ids = v.encode(all, "x");
  for (int byte = 0; byte < 256; ++byte) EXPECT_EQ(ids[static_cast<std::size_t>(byte)], byte);
  EXPECT_EQ(v.decode(ids), all);
  EXPECT_EQ(v.name(10), "0x0A");
  EXPECT_EQ(v.name(255), "0xFF");
}

TEST(Vocabulary, RefusesTokensThatAreNotThere) {
  const Vocabulary v = Vocabulary::of_text("ab", "x");
  for (const std::int32_t id : {-1, 2, 1000}) {
    EXPECT_TRUE(contains(error_of([&] { v.piece(id); }), cat("token ", id, " is outside 0 to 1")));
    EXPECT_TRUE(contains(error_of([&] { v.name(id); }), cat("token ", id, " is outside 0 to 1")));
  }
  EXPECT_TRUE(contains(error_of([] { Vocabulary::bytes().piece(256); }), "token 256 is outside 0 to 255"));
}

}  // namespace
}  // namespace headlight
