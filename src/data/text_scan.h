// One pass over the bytes of a text: whether they are UTF-8, which characters there are, where they are, and a hash.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "os/file_bytes.h"

namespace headlight {

// A set of Unicode characters.
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
  // Ascending.
  std::u32string characters() const;

 private:
  static std::uint64_t bit(char32_t character) { return std::uint64_t{1} << (character % 64); }
  std::array<std::uint64_t, 2> ascii_{};
  std::vector<std::uint64_t> wide_;  // as long as no character needs it: empty
};

// A hash of bytes that come one after the other, however they are cut into pieces: the polynomial of their mixed words of
// eight bytes, modulo 2^64. Words are counted from the beginning of all, so a piece may begin within one.
class BytesHash {
 public:
  // The words that begin in first .. last - 1 at places that are `head` and a multiple of eight, and lie within `bytes`.
  struct Words {
    std::uint64_t value = 0, count = 0;
    static Words of(std::string_view bytes, std::size_t first, std::size_t last, std::size_t head);
  };
  // How many bytes of the next piece still belong to a word that was begun.
  std::size_t head() const { return (8 - pending_.size()) % 8; }
  // A piece, of which the words after its head are hashed already.
  void add(std::string_view piece, const Words& words);
  std::uint64_t value() const;

 private:
  void append(const Words& words);

  std::uint64_t value_ = 0, words_ = 0;
  std::string pending_;  // less than a word
};

struct TextScan {
  static constexpr std::size_t kCell = 2048;

  Index bad = -1;  // where the bytes stop being UTF-8; what follows is then not filled in
  Index characters = 0;
  // How many characters begin before byte kCell * i, for i = 0, 1, ... Empty where all are of one byte.
  std::vector<Index> before;
  CharacterSet set;
  BytesHash::Words words;
};
// On all threads. Without `characters` bytes are only hashed: the words after `head`, see above. What is mapped is given back
// as it is done with. Errors: those of FileBytes::check.
TextScan scan_text(const FileBytes& text, bool characters, std::size_t head);

// Where character number `index` begins, by the table above; the size of the bytes, or past it, if there is none.
std::size_t find_character(std::string_view bytes, const std::vector<Index>& before, Index index);

}  // namespace headlight
