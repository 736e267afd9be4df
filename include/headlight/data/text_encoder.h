// A text of any size to token ids, a piece at a time: what is kept is the ids, four bytes a token, and nothing of the text.
//
// The vocabulary grows as characters come; at the end it is put in order (Vocabulary::of_text) and the ids with it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "headlight/data/vocabulary.h"

namespace headlight {

class TextEncoder {
 public:
  // With a vocabulary that is known, which no other character may leave; else with one of the text's own: its bytes, or
  // its characters.
  explicit TextEncoder(const Vocabulary& known);
  explicit TextEncoder(bool bytes);

  // Room for so many more tokens.
  void expect(Index tokens) { ids_.reserve(ids_.size() + static_cast<std::size_t>(tokens)); }
  // A file begins; messages count its bytes and characters, and begin with its name. Where the text so far does not end
  // with a line break, one comes between, unless the known vocabulary has none.
  void begin(const std::string& source);
  // Errors: not UTF-8; a character that the known vocabulary has not. The line names the place.
  void feed(std::string_view bytes);
  // The file ends. Error: within a character.
  void end();
  // As if the file had not begun, also in the middle of it.
  void undo();

  Index size() const { return static_cast<Index>(ids_.size()); }
  // The result, once. Error: no text at all came.
  struct Result {
    Vocabulary vocabulary;
    std::vector<std::int32_t> ids;
  };
  Result finish();

 private:
  void add(char32_t character);

  Vocabulary vocabulary_ = Vocabulary::bytes();
  bool bytes_, known_;
  std::vector<std::int32_t> ids_, id_of_;  // of every Unicode character: -1 where it has none
  std::u32string characters_;              // by id
  std::string source_, pending_;
  Index byte_ = 0, character_ = 0;  // of the file
  std::size_t ids_before_ = 0, characters_before_ = 0;
};

}  // namespace headlight
