// Texts of any size to tokens. What is kept are the bytes as they are, in memory or mapped from their files, and eight bytes
// for every two thousand of them, by which characters of several bytes are found; ids are made whenever they are read.
//
// One pass over the bytes, on all threads, checks them, finds their characters and their fingerprint.
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
  // With a vocabulary that is known, which no other character may leave; else with one of the texts' own: bytes, or the
  // characters that come, in code point order.
  explicit TextTokens(const Vocabulary& known);
  explicit TextTokens(bool bytes);
  ~TextTokens();
  TextTokens(TextTokens&&) noexcept;

  // From here on a byte order mark at the start of a text is a character like any other.
  void keep_marks();

  // Adds a text after those before it, without a UTF-8 byte order mark at its start unless tokens are bytes. Where they do not end with a line break one comes between, unless the known
  // vocabulary has none. Messages begin with `source`, and count its bytes (from 0) and characters (from 1).
  // Errors, after which it is as if nothing had been added: not UTF-8 (UTF-16 and UTF-32 are named); a character that the known vocabulary has not.
  void add(FileBytes text, const std::string& source);

  struct Result {
    Vocabulary vocabulary;
    TokenIds ids;
    // A hash of all bytes, whichever files they came from.
    std::uint64_t fingerprint = 0;
    std::vector<std::string> marked;  // the sources whose byte order mark was removed
  };
  // Once. Reading from these ids may fail: a mapped file became shorter, or changed so that it has other characters.
  // Error: no text at all.
  Result finish();

 private:
  class Source;
  std::shared_ptr<Source> source_;
};

}  // namespace headlight
