// Reads the files of tests/fuzz/corpus: each bad-* must fail with the expected one-line error, each good-* must be
// accepted. Add every input that a fuzzer finds to tests/fuzz/corpus.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include "fuzz/readers.h"
#include "headlight/base/random.h"
#include "os/file.h"
#include "os/folder.h"
#include "support/expect_error.h"

namespace headlight::tests {
namespace {

const std::string kCorpus = HEADLIGHT_SOURCE_DIR "/tests/fuzz/corpus";

// expected.txt has one line per file: "json/bad-nan: line 1, column 2: ...".
std::map<std::string, std::string> expected_lines() {
  std::map<std::string, std::string> expected;
  std::istringstream text(read_file(HEADLIGHT_SOURCE_DIR "/tests/fuzz/expected.txt"));
  for (std::string line; std::getline(text, line);) {
    const std::size_t colon = line.find(": ");
    EXPECT_NE(colon, std::string::npos) << line;
    if (colon != std::string::npos) expected[line.substr(0, colon)] = line.substr(colon + 2);
  }
  return expected;
}

TEST(Corpus, EveryReaderHasGoodAndBadFiles) {
  std::vector<std::string> names;
  for (const Reader& reader : readers()) names.push_back(reader.name);
  std::sort(names.begin(), names.end());
  EXPECT_EQ(list_directory(kCorpus), names);
  for (const std::string& name : names) {
    int good = 0, bad = 0;
    for (const std::string& file : list_directory(cat(kCorpus, "/", name))) {
      good += file.rfind("good-", 0) == 0;
      bad += file.rfind("bad-", 0) == 0;
    }
    EXPECT_GE(good, 1) << name;
    EXPECT_GE(bad, 5) << name;
  }
}

TEST(Corpus, BadFilesAreRefusedInOneLineAndGoodOnesRead) {
  const std::map<std::string, std::string> expected = expected_lines();
  std::set<std::string> seen;
  for (const Reader& reader : readers()) {
    for (const std::string& file : list_directory(cat(kCorpus, "/", reader.name))) {
      const std::string name = cat(reader.name, "/", file);
      SCOPED_TRACE(name);
      const std::string line = refusal(reader, read_file(cat(kCorpus, "/", name)));
      if (file.rfind("good-", 0) == 0) {
        EXPECT_EQ(line, "");
        continue;
      }
      EXPECT_EQ(file.rfind("bad-", 0), 0u) << "the name must begin with good- or bad-";
      seen.insert(name);
      const auto wanted = expected.find(name);
      if (wanted == expected.end()) ADD_FAILURE() << "not in expected.txt; the error is: " << line;
      else EXPECT_TRUE(contains(line, wanted->second));
    }
  }
  for (const auto& [name, part] : expected) EXPECT_TRUE(seen.count(name)) << name << " has no file";
}

// A file bad-N... fails check N of headlight/formats/safetensors.h.
TEST(Corpus, EveryCheckOfSafetensorsHasAFile) {
  std::set<char> checks;
  for (const std::string& file : list_directory(kCorpus + "/safetensors"))
    if (file.rfind("bad-", 0) == 0) checks.insert(file[4]);
  EXPECT_EQ(std::string(checks.begin(), checks.end()), "123456789");
}

// Changes, truncates and repeats bytes at random: a short version of the fuzzers, in every test run.
TEST(Corpus, DamagedFilesAreReadOrRefused) {
  Rng rng(9);
  for (const Reader& reader : readers()) {
    for (const std::string& file : list_directory(cat(kCorpus, "/", reader.name))) {
      const std::string before = read_file(cat(kCorpus, "/", reader.name, "/", file));
      for (int i = 0; i < 20 && !before.empty(); ++i) {
        std::string bytes = before;
        const auto place = static_cast<std::size_t>(rng.below(static_cast<Index>(bytes.size())));
        if (i % 4 == 0) bytes.resize(place);
        else if (i % 4 == 1) bytes.insert(place, bytes.substr(place / 2, 40));
        else bytes[place] = static_cast<char>(rng.below(256));
        EXPECT_NO_THROW(refusal(reader, bytes)) << reader.name << "/" << file << " " << i;
      }
    }
  }
}

}  // namespace
}  // namespace headlight::tests
