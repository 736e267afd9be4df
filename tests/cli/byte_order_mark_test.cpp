// Tests of UTF-8 byte order marks and UTF-16 in every kind of text input.
#include "base/utf8.h"
#include "cli/tiny_run.h"
#include "headlight/corpora/corpus.h"

namespace headlight {
namespace {

class ByteOrderMarks : public TinyRun {
 protected:
  std::string file(const std::string& name, const std::string& text) {
    write_file_atomically(directory_ / name, text);
    return directory_ / name;
  }
  static std::string in_utf16(const std::string& text) {
    std::string bytes = "\xFF\xFE";
    for (const char c : text) (bytes += c) += '\0';
    return bytes;
  }
  static std::string line_of(const std::string& name) {
    return cat("notice  ", name, ": the byte order mark (U+FEFF) at the start is removed\n");
  }
  std::string weights(const std::string& run) const { return read_file(run + "/model.safetensors"); }
  const std::string mark_ = std::string(kByteOrderMark);
};

TEST_F(ByteOrderMarks, AreRemovedAndReportedForEverySource) {
  const std::string marked = file("marked.txt", mark_ + text_), out = directory_ / "out";
  Words words = train(out);
  words[2] = marked;
  const Result r = run_program(words);
  ASSERT_EQ(r.code, 0) << r.err;
  EXPECT_TRUE(contains(r.err, line_of(marked))) << r.err;
  EXPECT_TRUE(weights(out) == weights(finished()));
  // Standard input.
  words[2] = "-";
  const Result piped = run_program(words + Words{"--force"}, {.input = marked});
  EXPECT_TRUE(contains(piped.err, line_of("standard input"))) << piped.err;
  EXPECT_TRUE(weights(out) == weights(run_));
  // Two files.
  const std::string a = file("a.txt", mark_ + text_.substr(0, 1200)), b = file("b.txt", mark_ + text_.substr(1200));
  words[2] = a;
  const Result two = run_program(words + Words{"--force", "--data", b});
  EXPECT_TRUE(contains(two.err, line_of(a + " and 1 more file"))) << two.err;
  // Other commands: the text of eval and heads, and prompts.
  for (const Words& command : {Words{"eval", run_}, Words{"heads", run_, "--windows", "4", "--subspaces", "0"}}) {
    const Result plain = run_program(command + Words{"--data", data_, "--json"});
    const Result with = run_program(command + Words{"--data", marked, "--json"});
    EXPECT_EQ(with.code, 0) << with.err;
    EXPECT_TRUE(contains(with.err, line_of(marked))) << with.err;
    EXPECT_FALSE(contains(plain.err, "byte order mark"));
  }
  const std::string prompt = file("prompt", mark_ + "the\n"), same = file("same", "the\n");
  for (const Words& command : {Words{"sample", run_, "-", "--seed", "1"}, Words{"chat", run_, "--seed", "1"}}) {
    const Result with = run_program(command, {.input = prompt});
    EXPECT_EQ(with.code, 0) << with.err;
    EXPECT_TRUE(contains(with.err, line_of("standard input"))) << with.err;
    EXPECT_EQ(with.out, run_program(command, {.input = same}).out);
  }
  // A grammar.
  const std::string grammar(builtin_grammar_text("tales"));
  const Result drawn = run_program({"corpus", "--grammar", file("m.grammar", mark_ + grammar)});
  EXPECT_EQ(drawn.code, 0) << drawn.err;
  EXPECT_EQ(drawn.out, run_program({"corpus", "tales"}).out);
}

TEST_F(ByteOrderMarks, AreKeptAsBytes) {
  const std::string marked = file("marked.txt", mark_ + text_);
  Words words = train(directory_ / "out", {"--tokens", "byte"});
  words[2] = marked;
  const Result r = run_program(words);
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_FALSE(contains(r.err, "byte order mark"));
  EXPECT_FALSE(contains(read_file(directory_ / "out/config.json"), "byte_order_marks"));
}

// A file with one mark at its start and one inside, and runs of earlier versions that kept both marks.
TEST_F(ByteOrderMarks, ARunKeepsItsTreatmentOfMarks) {
  const std::string text = text_.substr(0, 1200) + mark_ + text_.substr(1200), out = directory_ / "out";
  const std::string marked = file("marked.txt", mark_ + text);
  Words words = train(out);
  words[2] = marked;
  ASSERT_EQ(run_program(words).code, 0);
  EXPECT_TRUE(contains(read_file(out + "/config.json"), "\"byte_order_marks\": \"removed\""));
  const auto goes_on = [&] {
    const Result r = run_program({"train", "--resume", "--out", out, "--steps", "12"});
    EXPECT_EQ(r.code, 0) << r.err;
    EXPECT_EQ(run_program({"eval", out}).code, 0);
  };
  goes_on();
  // Imitates a run of an earlier version, which kept the mark as text: trains on two marks and removes the first.
  write_file_atomically(marked, mark_ + mark_ + text_);
  ASSERT_EQ(run_program(words + Words{"--force"}).code, 0);
  write_file_atomically(marked, mark_ + text_);
  std::string config = read_file(out + "/config.json");
  const std::string key = "\"byte_order_marks\"";
  const std::size_t at = config.rfind(',', config.find(key));
  config.erase(at, config.find_first_of("\n", config.find(key)) - at);
  write_file_atomically(out + "/config.json", config);
  goes_on();
}

TEST_F(ByteOrderMarks, Utf16IsNamedWithTheCommandThatConverts) {
  const std::string path = file("two words.txt", in_utf16(text_)), out = directory_ / "out";
  const std::string advice =
      cat(path, ": is not UTF-8 but UTF-16; convert it: iconv -f UTF-16 -t UTF-8 '", path, "' > '", path, ".utf8'");
  Words words = train(out);
  words[2] = path;
  expect_refused(words, 1, advice);
  EXPECT_FALSE(path_exists(out));
  expect_run_kept({"eval", finished(), "--data", path}, 1, advice);
  expect_run_kept({"heads", run_, "--data", path}, 1, advice);
  expect_refused({"corpus", "--grammar", path}, 1, advice);
  expect_refused({"train", "--grammar", path, "--out", out}, 1, advice);
  words[2] = "-";
  const std::string piped = "standard input: is not UTF-8 but UTF-16; convert it: iconv -f UTF-16 -t UTF-8\n";
  expect_refused(words, 1, piped, {.input = path});
  expect_refused({"sample", run_, "-"}, 1, piped, {.input = path});
  // In a folder, such a file is skipped.
  make_directories(directory_ / "folder");
  file("folder/a.txt", text_);
  file("folder/b.txt", in_utf16(text_));
  file("folder/c.txt", std::string("\xFE\xFF\x65\xE5", 4));  // a character without a zero byte
  words[2] = directory_ / "folder";
  const Result folder = run_program(words);
  EXPECT_EQ(folder.code, 0) << folder.err;
  for (const char* part : {"b.txt (UTF-16)", "c.txt (UTF-16)"}) EXPECT_TRUE(contains(folder.err, part)) << folder.err;
  // The command in the error message works.
  if (std::system(cat("iconv -f UTF-16 -t UTF-8 '", path, "' > '", path, ".utf8' 2>/dev/null").c_str()) != 0)
    GTEST_SKIP() << "iconv is not there";
  EXPECT_EQ(read_file(path + ".utf8"), text_);
}

}  // namespace
}  // namespace headlight
