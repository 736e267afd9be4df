// Compares the UTF-8 decoder with the encoder, exhaustively up to three bytes, and the streaming decoder with Unicode's
// table.
#include "base/utf8.h"

#include <gtest/gtest.h>

#include "headlight/base/random.h"
#include "support/expect_error.h"

namespace headlight {
namespace {

bool is_scalar(char32_t c) { return c <= 0x10FFFF && !(c >= 0xD800 && c <= 0xDFFF); }

TEST(Utf8, EveryCharacterRoundTrips) {
  std::u32string all;
  for (char32_t c = 0; c <= 0x10FFFF; ++c)
    if (is_scalar(c)) all += c;
  const std::string bytes = encode_utf8(all);
  EXPECT_EQ(bytes.size(), 0x80u + 2 * 0x780 + 3 * (0xF800 - 0x800) + 4 * 0x100000);
  EXPECT_EQ(decode_utf8(bytes, "all"), all);
}

TEST(Utf8, KnownBytes) {
  EXPECT_EQ(encode_utf8(U'A'), "A");
  EXPECT_EQ(encode_utf8(U'\u00E9'), "\xC3\xA9");
  EXPECT_EQ(encode_utf8(U'\u65E5'), "\xE6\x97\xA5");
  EXPECT_EQ(encode_utf8(U'\U0001F642'), "\xF0\x9F\x99\x82");
  EXPECT_EQ(encode_utf8(U'\U0010FFFF'), "\xF4\x8F\xBF\xBF");
}

TEST(Utf8, InvalidCodePointsAreNotEncoded) {
  for (const char32_t c : {0xD800u, 0xDBFFu, 0xDC00u, 0xDFFFu, 0x110000u, 0xFFFFFFFFu})
    EXPECT_TRUE(contains(error_of([=] { encode_utf8(c); }), "is not a Unicode character"));
}

// A sequence of up to three bytes is valid exactly if it encodes characters. Of the sequences of four bytes, those with
// a lead byte from F0 on are tested.
TEST(Utf8, ValidExactlyWhenItIsAnEncoding) {
  int misread = 0;
  std::vector<bool> valid2(1 << 16), valid3(1 << 24);
  std::vector<bool> valid4(1 << 24);  // index: low bits of the lead byte (F0..F4), then six bits of each other byte
  for (char32_t c = 0x80; c <= 0x10FFFF; ++c) {
    if (!is_scalar(c)) continue;
    const std::string bytes = encode_utf8(c);
    char32_t read = 0;
    if (read_utf8(bytes.data(), bytes.data() + bytes.size(), read) != bytes.size() || read != c) ++misread;
    std::uint32_t packed = 0;
    for (const char byte : bytes) packed = (packed << 8) | static_cast<unsigned char>(byte);
    if (bytes.size() == 2) valid2[packed] = true;
    if (bytes.size() == 3) valid3[packed] = true;
    if (bytes.size() == 4) {
      valid4[((packed >> 24) & 0xF) << 18 | ((packed >> 16) & 0x3F) << 12 | ((packed >> 8) & 0x3F) << 6 |
             (packed & 0x3F)] = true;
    }
  }
  int disagreeing = 0;
  const auto is_valid = [&](std::uint32_t packed, int size) {
    char bytes[4];
    for (int i = 0; i < size; ++i) bytes[i] = static_cast<char>(packed >> (8 * (size - 1 - i)));
    const bool valid = !find_invalid_utf8(std::string_view(bytes, static_cast<std::size_t>(size)));
    // read_utf8() must agree with find_invalid_utf8().
    const char* at = bytes;
    char32_t character = 0;
    while (const std::size_t length = read_utf8(at, bytes + size, character)) at += length;
    disagreeing += (at == bytes + size) != valid;
    return valid;
  };
  int wrong = 0;
  for (std::uint32_t b = 0; b < 256; ++b) wrong += is_valid(b, 1) != (b < 0x80);
  for (std::uint32_t p = 0; p < 1u << 16; ++p) {
    const bool ascii = p < 0x8000 && (p & 0xFF) < 0x80;
    wrong += is_valid(p, 2) != (ascii || valid2[p]);
  }
  // Skip sequences whose first byte is ASCII (below 0x80): their rest is a sequence of two bytes, tested above.
  for (std::uint32_t p = 0x800000; p < 1u << 24; ++p) {
    const bool two_and_ascii = valid2[p >> 8] && (p & 0xFF) < 0x80;
    wrong += is_valid(p, 3) != (two_and_ascii || valid3[p]);
  }
  for (std::uint32_t lead = 0xF0; lead <= 0xFF; ++lead) {
    for (std::uint32_t i = 0; i < 1u << 18; ++i) {
      const std::uint32_t packed =
          lead << 24 | (0x80 | i >> 12) << 16 | (0x80 | (i >> 6 & 0x3F)) << 8 | 0x80 | (i & 0x3F);
      wrong += is_valid(packed, 4) != (lead < 0xF8 && valid4[(lead & 0xF) << 18 | i]);
    }
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(disagreeing, 0);
  EXPECT_EQ(misread, 0);
}

struct BadCase {
  std::string_view bytes;
  Index offset;
  const char* reason;
};

TEST(Utf8, NamesByteAndReason) {
  const BadCase cases[] = {
      {"ab\x80", 2, "0x80 is a continuation byte without a first byte"},
      {"\xBF", 0, "is a continuation byte"},
      {"\xC0\x80", 0, "overlong"},
      {"\xC1\xBF", 0, "overlong"},
      {"\xE0\x9F\xBF", 0, "overlong"},
      {"\xF0\x8F\xBF\xBF", 0, "overlong"},
      {"x\xED\xA0\x80", 1, "0xED begins a surrogate"},
      {"\xED\xBF\xBF", 0, "surrogate"},
      {"\xF4\x90\x80\x80", 0, "past U+10FFFF"},
      {"\xF5\x80\x80\x80", 0, "past U+10FFFF"},
      {"\xF8\x88\x80\x80\x80", 0, "never occurs"},
      {"\xFF", 0, "never occurs"},
      {"\xC3", 0, "cut short"},
      {"na\xC3\xAFve \xE9t\xE9", 7, "0xE9 begins a character that is cut short"},
      {"\xE6\x97", 0, "cut short"},
      {"\xE6\x97z", 0, "cut short"},
      {"ok\xF0\x9F\x99", 2, "cut short"},
  };
  for (const BadCase& bad : cases) {
    const auto problem = find_invalid_utf8(bad.bytes);
    ASSERT_TRUE(problem) << bad.reason;
    EXPECT_EQ(problem->offset, bad.offset) << problem->reason;
    EXPECT_TRUE(contains(problem->reason, bad.reason));
    const std::string line = error_of([&] { decode_utf8(bad.bytes, "my.txt"); });
    EXPECT_TRUE(contains(line, cat("my.txt: byte ", bad.offset, ": not UTF-8: ")));
    EXPECT_TRUE(contains(line, "iconv"));
  }
  EXPECT_FALSE(find_invalid_utf8(""));
  EXPECT_EQ(decode_utf8("", "nothing"), U"");
  EXPECT_EQ(decode_utf8(std::string_view("a\0b", 3), "zero"), std::u32string_view(U"a\0b", 3));
}

TEST(Utf8Stream, PiecesGiveWhatTheWholeGives) {
  const std::u32string text = U"a\u00E9\u65E5\U0001F642\r\n z";
  const std::string bytes = encode_utf8(text);
  for (std::size_t first = 0; first <= bytes.size(); ++first) {
    for (std::size_t second = first; second <= bytes.size(); ++second) {
      Utf8Stream stream;
      std::u32string got = stream.feed(bytes.substr(0, first));
      EXPECT_TRUE(text.starts_with(got));
      got += stream.feed(bytes.substr(first, second - first));
      got += stream.feed(bytes.substr(second));
      EXPECT_EQ(stream.pending(), 0);
      EXPECT_EQ(got + stream.finish(), text);
    }
  }
}

// The examples of Unicode 15, section 3.9 (U+FFFD substitution of maximal subparts), and further cases of the same
// rule.
TEST(Utf8Stream, ReplacesEachMaximalSubpart) {
  const std::pair<std::string_view, std::u32string_view> cases[] = {
      {"\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41", U"\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFDA"},
      {"\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41", U"\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFDA"},
      {"\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42", U"\uFFFD\uFFFD\uFFFD\uFFFD\uFFFDA\uFFFD\uFFFDB"},
      {"\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", U"\uFFFD\uFFFD\uFFFD\uFFFDA"},
      {"ok\xF0\x9F\x99", U"ok\uFFFD"},
  };
  for (const auto& [bytes, expected] : cases) {
    Utf8Stream whole;
    const std::u32string fed = whole.feed(bytes);
    EXPECT_EQ(fed + whole.finish(), expected);
    Utf8Stream by_byte;
    std::u32string got;
    for (const char byte : bytes) {
      got += by_byte.feed(std::string_view(&byte, 1));
      EXPECT_LE(by_byte.pending(), 3);
    }
    EXPECT_EQ(got + by_byte.finish(), expected);
    EXPECT_EQ(by_byte.finish(), U"") << "after the end the stream is as new";
  }
}

TEST(Utf8Stream, RandomBytesNeverBreakIt) {
  Rng random(7);
  Utf8Stream stream;
  for (int i = 0; i < 20000; ++i) {
    std::string bytes;
    for (Index n = random.below(6); n > 0; --n) bytes += static_cast<char>(random.below(256));
    for (const char32_t c : stream.feed(bytes)) EXPECT_TRUE(is_scalar(c));
    EXPECT_LE(stream.pending(), 3);
  }
}

TEST(Printable, ShowsOrNamesACharacter) {
  const std::pair<char32_t, const char*> cases[] = {
      {U'a', "'a'"},
      {U' ', "' '"},
      {U'\u00E9', "'\xC3\xA9'"},
      {U'\n', "'\\n'"},
      {U'\t', "'\\t'"},
      {U'\r', "'\\r'"},
      {U'\'', "'\\''"},
      {U'\\', "'\\\\'"},
      {U'\a', "U+0007"},
      {U'\0', "U+0000"},
      {0x7F, "U+007F"},
      {0x9B, "U+009B"},
      {0xA0, "U+00A0"},
      {0x301, "U+0301"},
      {0x200B, "U+200B"},
      {0x202E, "U+202E"},
      {0xFEFF, "U+FEFF"},
      {0xD800, "U+D800"},
      {0xE000, "U+E000"},
      {0x10FFFF, "U+10FFFF"},
      {0x110000, "U+110000"},
      {0x1F642, "'\xF0\x9F\x99\x82'"},
  };
  for (const auto& [character, text] : cases) EXPECT_EQ(printable(character), text);
  for (char32_t c = 0; c < 0x120000; ++c) EXPECT_FALSE(find_invalid_utf8(printable(c))) << code_point_name(c);
}

}  // namespace
}  // namespace headlight
