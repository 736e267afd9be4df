// TextTokens: ids, fingerprints, invalid bytes, byte order marks, and files that change while in use.
#include "data/text_tokens.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/utf8.h"
#include "data/text_scan.h"
#include "headlight/base/random.h"
#include "os/file.h"
#include "support/expect_error.h"
#include "support/temporary_directory.h"

namespace headlight {
namespace {

using Ids = std::vector<std::int32_t>;

// Characters of one to four bytes, with long stretches of ASCII between.
std::string mixed_text(std::size_t bytes, std::uint64_t seed) {
  Rng rng(seed);
  const char* wide[] = {"é", "ж", "日", "€", "🙂", "\xF4\x8F\xBF\xBF"};
  std::string text;
  while (text.size() < bytes) {
    if (rng.below(40) == 0)
      for (Index i = rng.below(3000); i >= 0; --i) text += static_cast<char>('a' + rng.below(26));
    else text += rng.below(3) == 0 ? std::string(1, static_cast<char>(rng.below(128))) : wide[rng.below(6)];
  }
  return text;
}

TextTokens::Result tokens_of(const std::vector<std::string>& texts, TextTokens reader = TextTokens(false)) {
  for (const std::string& text : texts) reader.add(FileBytes::of(text), "text");
  return reader.finish();
}

// A quarter of a megabyte is a thread's share, four megabytes are looked at together: this has several of both.
TEST(TextTokens, AreThoseOfTheVocabulary) {
  for (const std::size_t size : {1u, 7u, 100u, 5000u, 4'500'000u}) {
    const std::string text = mixed_text(size, size);
    const Vocabulary vocabulary = Vocabulary::of_text(text, "text");
    const TextTokens::Result r = tokens_of({text});
    EXPECT_EQ(r.vocabulary.characters(), vocabulary.characters());
    const Ids wanted = vocabulary.encode(text, "text");
    ASSERT_EQ(r.ids.size(), wanted.size());
    EXPECT_TRUE(r.ids.copy() == wanted);
    Rng rng(1);
    for (int i = 0; i < 2000; ++i) {
      const Index first = rng.below(static_cast<Index>(wanted.size()));
      const Index last = std::min(static_cast<Index>(wanted.size()), first + rng.below(200));
      ASSERT_EQ(r.ids.copy(first, last), Ids(wanted.begin() + first, wanted.begin() + last)) << first;
    }
  }
}

// Most cells of 2048 bytes end within a character.
TEST(TextTokens, CharactersMayCrossTheEndOfACell) {
  std::string text = "a";
  for (int i = 0; i < 3000; ++i) text += "日";
  const TextTokens::Result r = tokens_of({text});
  ASSERT_EQ(r.ids.size(), 3001u);
  for (std::size_t i = 0; i < r.ids.size(); ++i) ASSERT_EQ(r.ids[i], i == 0 ? 0 : 1) << i;
}

TEST(TextTokens, OfSeveralTextsAreOneText) {
  const std::string a = mixed_text(9000, 1), b = mixed_text(3000, 2), c = "plain\n";
  const std::string joined = a + (a.back() == '\n' ? "" : "\n") + b + (b.back() == '\n' ? "" : "\n") + c + c;
  const TextTokens::Result one = tokens_of({joined}), many = tokens_of({a, b, c, c});
  EXPECT_EQ(many.vocabulary.characters(), one.vocabulary.characters());
  EXPECT_EQ(many.ids.copy(), one.ids.copy());
  EXPECT_EQ(many.fingerprint, one.fingerprint) << "whichever files it is in";
  for (std::size_t cut = 1; cut < 40; ++cut) {
    const std::string line(cut, 'x');
    EXPECT_EQ(tokens_of({line + "\n", "é", line}).fingerprint, tokens_of({line + "\né\n" + line}).fingerprint) << cut;
    EXPECT_NE(tokens_of({line + "\n", line}).fingerprint, tokens_of({line, line + "x"}).fingerprint) << cut;
  }
  for (Index first = 0; first < static_cast<Index>(many.ids.size()) - 50; first += 37)
    ASSERT_EQ(many.ids.copy(first, first + 50), one.ids.copy(first, first + 50));
  EXPECT_EQ(tokens_of({"ab", "b"}, TextTokens(Vocabulary::of_characters(U"ab", "v"))).ids.copy(), (Ids{0, 1, 1}))
      << "no line break where the vocabulary has none";
}

TEST(TextTokens, OfBytesAreTheBytes) {
  const std::string text("\xFF\x00\n\x80z", 5);
  const TextTokens::Result r = tokens_of({text, "a"}, TextTokens(true));
  EXPECT_EQ(r.ids.copy(), (Ids{255, 0, 10, 128, 'z', '\n', 'a'}));
  EXPECT_TRUE(r.vocabulary.is_bytes());
  EXPECT_EQ(r.ids[3], 128);
}

TEST(TextTokens, FingerprintTellsTextsApart) {
  const std::string text = mixed_text(3'000'000, 3);
  const std::uint64_t known = tokens_of({text}).fingerprint;
  EXPECT_EQ(tokens_of({text}).fingerprint, known);
  std::string other = text;
  other.insert(0, 1, '\0');
  EXPECT_NE(tokens_of({other}).fingerprint, known);
  other = text + "x";
  EXPECT_NE(tokens_of({other}).fingerprint, known);
  EXPECT_NE(tokens_of({"abc"}).fingerprint, tokens_of({"acb"}).fingerprint);
  EXPECT_NE(tokens_of({"aaaaaaaab"}).fingerprint, tokens_of({"baaaaaaaa"}).fingerprint);
}

// The shares of the threads are checked each by itself; where they meet nothing may slip through.
TEST(TextTokens, FindTheFirstByteThatIsNotUtf8) {
  constexpr std::size_t kShare = 1 << 18;
  const std::string good = mixed_text(2 * kShare + 500, 4);
  Rng rng(5);
  for (int round = 0; round < 60; ++round) {
    std::string text = good;
    const std::size_t at = round % 2 == 0 ? kShare - 6 + static_cast<std::size_t>(rng.below(12))
                                          : static_cast<std::size_t>(rng.below(static_cast<Index>(text.size())));
    for (std::size_t i = at; i < std::min(text.size(), at + 1 + static_cast<std::size_t>(rng.below(6))); ++i)
      text[i] = static_cast<char>(rng.below(3) == 0 ? 0x80 : rng.below(256));
    const auto problem = find_invalid_utf8(text);
    BytesHash hash;
    const TextScan scan = scan_text(FileBytes::of(text), 0, true, hash);
    ASSERT_EQ(scan.problem.has_value(), problem.has_value()) << round;
    if (!problem) continue;
    EXPECT_EQ(scan.problem->offset, problem->offset) << round;
    const std::string error = error_of([&] { tokens_of({text}); });
    EXPECT_EQ(error.rfind(cat("text: byte ", problem->offset, " is not UTF-8 (", problem->reason, ")"), 0), 0u)
        << error;
  }
  EXPECT_TRUE(
      contains(error_of([] { tokens_of({"ab\xE9"}); }), "byte 2 is not UTF-8 (0xE9 begins a character that is cut"));
}

TEST(TextTokens, ARefusedTextLeavesNoTrace) {
  TextTokens reader(false);
  reader.add(FileBytes::of("ab"), "a");
  EXPECT_TRUE(contains(error_of([&] { reader.add(FileBytes::of("xyz\xFF"), "b"); }), "b: byte 3"));
  reader.add(FileBytes::of("c\n"), "c");
  const TextTokens::Result r = reader.finish();
  EXPECT_EQ(r.vocabulary.decode(r.ids.copy()), "ab\nc\n");
  EXPECT_EQ(r.vocabulary.characters(), U"\nabc");
  EXPECT_EQ(r.fingerprint, tokens_of({"ab\nc\n"}).fingerprint);
}

TEST(TextTokens, NameWhatTheModelDoesNotKnow) {
  const Vocabulary known = Vocabulary::of_text("abcé日\n", "known");
  const auto refusal = [&](const std::string& text) { return error_of([&] { tokens_of({text}, TextTokens(known)); }); };
  EXPECT_TRUE(contains(refusal("abé日ж"), "text: character 5 'ж' is not in this model's vocabulary (6 characters)"));
  EXPECT_TRUE(contains(refusal("axb"), "text: character 2 'x'"));
  EXPECT_EQ(refusal("é日cba"), "(no error)");
  EXPECT_TRUE(contains(error_of([&] { tokens_of({""}); }), "text: the text is empty"));
}

// ---- byte order marks, and other encodings ----

TextTokens::Result marked_tokens(TextTokens reader, const std::vector<std::string>& texts) {
  for (std::size_t i = 0; i < texts.size(); ++i) reader.add(FileBytes::of(texts[i]), cat("text", i));
  return reader.finish();
}

TEST(ByteOrderMark, AtTheStartOfATextIsRemoved) {
  const std::string mark(kByteOrderMark);
  const TextTokens::Result plain = tokens_of({"aé", "b"});
  const TextTokens::Result r = marked_tokens(TextTokens(false), {mark + "aé", mark + "b"});
  EXPECT_EQ(r.vocabulary.characters(), U"\nabé");
  EXPECT_EQ(r.ids.copy(), plain.ids.copy());
  EXPECT_EQ(r.fingerprint, plain.fingerprint);
  EXPECT_EQ(r.marked, (std::vector<std::string>{"text0", "text1"}));
  EXPECT_TRUE(plain.marked.empty());
  // One alone, and elsewhere than at the start.
  EXPECT_EQ(marked_tokens(TextTokens(false), {mark, "ab"}).vocabulary.characters(), U"ab");
  EXPECT_EQ(marked_tokens(TextTokens(false), {mark + "a" + mark}).vocabulary.characters(), U"a\uFEFF");
  EXPECT_TRUE(contains(error_of([&] { marked_tokens(TextTokens(false), {mark}); }), "text0: the text is empty"));
  EXPECT_TRUE(contains(error_of([&] { marked_tokens(TextTokens(false), {mark + "a\xFF"}); }), "text0: byte 4 is not"))
      << "counted from the start of the file";
}

TEST(ByteOrderMark, IsKeptWhereTokensAreBytesOrARunHasItAsACharacter) {
  const std::string mark(kByteOrderMark);
  EXPECT_EQ(marked_tokens(TextTokens(true), {mark + "a"}).ids.size(), 4u);
  const Vocabulary known = Vocabulary::of_text(mark + "ab", "known");
  EXPECT_EQ(marked_tokens(TextTokens(known), {mark + "ab"}).ids.size(), 2u);
  TextTokens reader(known);
  reader.keep_byte_order_marks();
  const TextTokens::Result r = marked_tokens(std::move(reader), {mark + "ab"});
  EXPECT_EQ(r.ids.size(), 3u);
  EXPECT_TRUE(r.marked.empty());
  const Vocabulary without = Vocabulary::of_text("ab", "known");
  EXPECT_EQ(marked_tokens(TextTokens(without), {mark + "ab"}).ids.size(), 2u);
}

TEST(OtherEncodings, AreNamedWithTheCommandThatConverts) {
  const auto refusal = [](const std::string& text, bool bytes = false) {
    return error_of([&] { marked_tokens(TextTokens(bytes), {text}); });
  };
  const auto line = [](const char* name) {
    return cat("text0: is not UTF-8 but ", name, "; convert it: iconv -f ", name, " -t UTF-8");
  };
  // "Hi é日" in each, with and without a mark.
  const auto encoded = [](int size, bool big, bool mark) {
    std::string text;
    for (const char32_t c : std::u32string(mark ? U"\uFEFFHi é日" : U"Hi, é日"))
      for (int i = 0; i < size; ++i) text += static_cast<char>(c >> 8 * (big ? size - 1 - i : i));
    return text;
  };
  for (const bool big : {false, true}) {
    EXPECT_EQ(refusal(encoded(2, big, true)), line("UTF-16"));
    EXPECT_EQ(refusal(encoded(4, big, true)), line("UTF-32"));
    EXPECT_EQ(refusal(encoded(2, big, false)), line(big ? "UTF-16BE" : "UTF-16LE"));
    EXPECT_EQ(refusal(encoded(4, big, false)), line(big ? "UTF-32BE" : "UTF-32LE"));
    EXPECT_EQ(refusal(encoded(2, big, true), true), "(no error)") << "bytes are bytes";
  }
  for (const std::string& text : {std::string("a\0b", 3), std::string(40, '\0'), std::string("abcd\0\0\0\0", 8)})
    EXPECT_EQ(refusal(text), "(no error)") << "zero bytes, but of no such text";
}

class TextOnDisk : public testing::Test {
 protected:
  void write(const std::string& text) {
    std::ofstream(path_, std::ios::binary) << text;
  }  // the same file, not a new one
  TextTokens::Result tokens(Index disk_from, bool of_bytes = false) {
    TextTokens reader(of_bytes);
    FileBytes bytes(path_, disk_from);
    on_disk_ = bytes.is_on_disk();
    reader.add(std::move(bytes), path_);
    return reader.finish();
  }
  const TemporaryDirectory directory_;
  const std::string path_ = directory_ / "text";
  bool on_disk_ = false;
};

TEST_F(TextOnDisk, IsLikeOneInMemory) {
  for (const std::string& text : {mixed_text(2'500'000, 6), std::string(700'000, 'a') + "b"}) {
    write(text);
    const TextTokens::Result held = tokens(1 << 30), on_disk = tokens(1);
    if (!on_disk_) GTEST_SKIP() << "this system reads every file into memory";
    EXPECT_EQ(on_disk.ids.copy(), held.ids.copy());
    EXPECT_EQ(on_disk.vocabulary.decode(on_disk.ids.copy()), text);
    EXPECT_EQ(on_disk.fingerprint, held.fingerprint);
    write_file_atomically(path_, "another file of this name");
    EXPECT_EQ(on_disk.ids.copy(), held.ids.copy()) << "a file that is replaced stays as it was";
  }
}

TEST_F(TextOnDisk, ThatChangesIsAnErrorAndNoCrash) {
  const std::string text = mixed_text(1'000'000, 7);
  write(text);
  const TextTokens::Result r = tokens(1), shortened = tokens(1), bytes = tokens(1, true);
  if (!on_disk_) GTEST_SKIP() << "this system reads every file into memory";
  std::filesystem::resize_file(path_, 5000);
  for (int i = 0; i < 2; ++i)
    EXPECT_TRUE(contains(error_of([&] { shortened.ids.copy(); }), cat(path_, ": was truncated while in use")));
  EXPECT_TRUE(contains(error_of([&] { bytes.ids.copy(600'000, 600'005); }), "was truncated while in use"));
  write(std::string(text.size(), '\xFF'));
  EXPECT_TRUE(contains(error_of([&] { r.ids.copy(0, 5); }), "changed while it was in use: byte 0"));
  write(std::string(text.size(), '\x80'));  // no character begins anywhere
  EXPECT_TRUE(contains(error_of([&] { r.ids.copy(100'000, 100'005); }), "changed while it was in use"));
  write(text);
  EXPECT_EQ(tokens(1).ids.copy(), r.ids.copy());
  // Characters that became longer: the bytes that were read do not contain all of them.
  write(std::string(10'000, 'a'));
  const TextTokens::Result ascii = tokens(1);
  write(std::string(9'995, 'a') +
        "aa\xC3\xA9"
        "a");
  EXPECT_TRUE(contains(error_of([&] { ascii.ids.copy(9'990, 10'000); }), "changed while it was in use: byte 9997"));
}

TEST(TokenIds, ArePartsOfParts) {
  const TokenIds all(Ids{0, 1, 2, 3, 4, 5, 6, 7});
  const TokenIds part = all.part(2, 7).part(1, 4);
  EXPECT_EQ(part.copy(), (Ids{3, 4, 5}));
  EXPECT_EQ(part[1], 4);
  EXPECT_TRUE(all.part(3, 3).empty());
  EXPECT_TRUE(TokenIds().copy().empty());
  for (const auto& places : {std::pair<Index, Index>{-1, 2}, {2, 1}, {0, 4}})
    EXPECT_TRUE(contains(error_of([&] { part.copy(places.first, places.second); }), "are outside a text of 3"))
        << places.first;
  EXPECT_TRUE(contains(error_of([&] { TokenIds().part(0, 1); }), "are outside a text of 0 tokens"));
}

TEST_F(TextOnDisk, ItsMarkIsRemovedAndPlacesStillFit) {
  const std::string text = mixed_text(20000, 9);
  write(cat(kByteOrderMark, text));
  const TextTokens::Result r = tokens(1);
  if (!on_disk_) GTEST_SKIP() << "this system reads every file into memory";
  EXPECT_EQ(r.vocabulary.decode(r.ids.copy()), text);
  EXPECT_EQ(r.fingerprint, tokens_of({text}).fingerprint);
  const auto size = static_cast<Index>(r.ids.size());
  EXPECT_EQ(r.ids.copy(size - 1, size), tokens_of({text}).ids.copy(size - 1, size));
}

}  // namespace
}  // namespace headlight
