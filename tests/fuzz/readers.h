// Every reader of untrusted files, as a function of the file's bytes. The fuzzers (make fuzz) call them with inputs
// from libFuzzer, and fuzz_test calls them with the files of tests/fuzz/corpus.
#pragma once

#include <string>
#include <vector>

namespace headlight::tests {

struct Reader {
  const char* name;  // the name of its fuzzer and of its folder in corpus/
  // Parses the bytes and uses the result. Throws Error for invalid input, and std::logic_error for a bug in the reader.
  void (*read)(const std::string& bytes);
};

const std::vector<Reader>& readers();
const Reader& reader_named(const std::string& name);

// The reader's error message, or "" if it accepts the bytes. Throws std::logic_error if the message has several lines.
// Exceptions other than Error propagate.
std::string refusal(const Reader& reader, const std::string& bytes);

}  // namespace headlight::tests
