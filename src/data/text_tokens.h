// TextTokens: encodes texts of any size as one sequence of token ids.
//
// The texts stay in memory or on the disk (os/file_bytes.h); each read of ids encodes them again. For texts with
// multi-byte characters, a table of 8 bytes for every 2048 bytes of text finds a character by its index. Each text is
// scanned once, on all threads (data/text_scan.h).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "headlight/data/token_ids.h"
#include "headlight/data/vocabulary.h"
#include "os/file_bytes.h"

namespace headlight {

class TextTokens {
 public:
  // The first constructor encodes with a known vocabulary; other characters are errors. The second takes the vocabulary
  // from the texts: all bytes, or the characters that occur, in code point order.
  explicit TextTokens(const Vocabulary& known);
  explicit TextTokens(bool bytes);
  ~TextTokens();
  TextTokens(TextTokens&&) noexcept;

  // From now on, keeps byte order marks at the start of texts as ordinary characters.
  void keep_byte_order_marks();

  // Appends a text. Removes a UTF-8 byte order mark at its start, unless tokens are bytes or keep_byte_order_marks()
  // was called. If the previous text does not end with a line break, inserts one, unless the known vocabulary has none.
  // Error messages begin with `source`; they count bytes from 0 and characters from 1. After an error, nothing is
  // added. Errors: invalid UTF-8 (for UTF-16 and UTF-32, the message names the encoding); a character outside the known
  // vocabulary.
  void add(FileBytes text, const std::string& source);

  struct Result {
    Vocabulary vocabulary;
    TokenIds ids;
    // A hash of all bytes, independent of how they are divided into files.
    std::uint64_t fingerprint = 0;
    std::vector<std::string> marked;  // the sources whose byte order mark was removed
  };
  // May be called once. Reading the ids can fail later, if a file on the disk is truncated or its characters change.
  // Error: no text, or only empty texts.
  Result finish();

 private:
  class Source;
  std::shared_ptr<Source> source_;
};

}  // namespace headlight
