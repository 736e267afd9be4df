// One pass over the bytes of a text: validates UTF-8, collects and counts characters, and hashes the bytes.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/utf8.h"
#include "os/file_bytes.h"

namespace headlight {

// A set of Unicode code points: one bit each.
class CharacterSet {
 public:
  void add(char32_t character) {
    if (character < 128) ascii_[character / 64] |= bit(character);
    else {
      if (wide_.empty()) wide_.resize(0x110000 / 64);
      wide_[character / 64] |= bit(character);
    }
  }
  void add(const CharacterSet& other);
  bool has(char32_t character) const {
    if (character < 128) return (ascii_[character / 64] & bit(character)) != 0;
    return !wide_.empty() && (wide_[character / 64] & bit(character)) != 0;
  }
  // In ascending order.
  std::u32string characters() const;

 private:
  static std::uint64_t bit(char32_t character) { return std::uint64_t{1} << (character % 64); }
  std::array<std::uint64_t, 2> ascii_{};
  std::vector<std::uint64_t> wide_;  // empty until a character past U+007F is added
};

// A hash of a byte stream that does not depend on how the stream is divided into pieces. The hash is a polynomial
// modulo 2^64 whose coefficients are the stream's mixed 8-byte words. Words are aligned to the start of the stream, so
// a piece may begin in the middle of a word.
class BytesHash {
 public:
  // The partial hash of a piece's words that begin in first .. last - 1. Words begin at the offsets head, head + 8, ...
  // of `bytes`; a word that does not fit into `bytes` is left out.
  struct Words {
    std::uint64_t value = 0, count = 0;
    static Words of(std::string_view bytes, std::size_t first, std::size_t last, std::size_t head);
  };
  // How many more bytes complete the word that earlier bytes began: 0..7.
  std::size_t head() const { return (8 - pending_.size()) % 8; }
  void add(std::string_view bytes);
  // The same for whole words. Precondition: head() is 0.
  void add(const Words& words);
  std::uint64_t value() const;

 private:
  std::uint64_t value_ = 0, words_ = 0;
  std::string pending_;  // the incomplete last word: 0..7 bytes
};

struct TextScan {
  static constexpr std::size_t kCell = 2048;  // bytes

  // The first invalid sequence, with its offset in the file; if there is one, the other members are incomplete.
  std::optional<Utf8Problem> problem;
  Index characters = 0;
  // before[i]: how many characters begin before byte kCell * i. Empty if every character is a single byte.
  std::vector<Index> before;
  CharacterSet set;
};
// Scans the bytes from offset `start` to the end with all threads, and adds them to `hash`. If `characters` is false,
// hashes the bytes without decoding them. Errors: as for FileBytes::read.
TextScan scan_text(const FileBytes& text, std::size_t start, bool characters, BytesHash& hash);

}  // namespace headlight
