// Every reader of files that somebody else may have written, as one function of bytes. The fuzzers (make fuzz) feed them
// what libFuzzer makes up, fuzz_test the files of tests/fuzz/corpus.
#pragma once

#include <string>
#include <vector>

namespace headlight::tests {

struct Reader {
  const char* name;  // of its fuzzer and of its folder in corpus/
  // Reads, and uses what it read. Throws Error for what is refused, std::logic_error when something is wrong with the reader.
  void (*read)(const std::string& bytes);
};

const std::vector<Reader>& readers();
const Reader& reader_named(const std::string& name);

// What the reader says: the line of its Error, or "" when it took the bytes.
// Throws std::logic_error when that is more than a line; lets every exception but Error through.
std::string refusal(const Reader& reader, const std::string& bytes);

}  // namespace headlight::tests
