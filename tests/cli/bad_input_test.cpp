// Tests of bad texts, output paths and checkpoints: a one-line error, the right exit code, and no lost files.
#include <sys/stat.h>

#include "cli/tiny_run.h"
#include "headlight/base/random.h"
#include "headlight/data/vocabulary.h"
#include "headlight/formats/safetensors.h"

namespace headlight {
namespace {

class BadInput : public TinyRun {
 protected:
  static bool ordinary_user_can_run() {
    Surroundings s;
    s.ordinary_user = true;
    return run_program({"--version"}, s).code == 0;
  }
  std::string file(const std::string& name, const std::string& bytes) {
    write_file_atomically(directory_ / name, bytes);
    return directory_ / name;
  }
  // The text is refused both for a new run and for a run with --force, and no file is created or changed.
  void expect_text_refused(const std::string& path, const std::string& part, const Words& more = {}) {
    const std::string out = directory_ / "new";
    Words words = train(out, more);
    words[2] = path;
    expect_refused(words, 1, part);
    EXPECT_FALSE(path_exists(out));
    words[4] = finished();
    words.push_back("--force");
    expect_run_kept(words, 1, part);
  }
};

TEST_F(BadInput, Texts) {
  expect_text_refused(directory_ / "missing.txt", "missing.txt: cannot be read: no such file");
  make_directories(directory_ / "empty");
  expect_text_refused(directory_ / "empty", "the folder contains no text file");
  expect_text_refused(file("empty.txt", ""), "empty.txt: the file is empty");
  expect_text_refused(file("short.txt", "short"),
                      "short.txt: the training part has 5 tokens, but a context of 8 needs at least 9");
  expect_text_refused(file("short2.txt", std::string(40, 'x')), "the validation part has 4 tokens");
  expect_text_refused(file("latin.txt", text_ + "d\xE9j\xE0 vu" + text_),
                      cat("latin.txt: byte ", text_.size() + 1, " is not UTF-8"));
  expect_text_refused(file("latin.txt", text_ + "d\xE9j\xE0 vu" + text_), "--tokens byte");
  EXPECT_EQ(run_program(train(directory_ / "bytes", {"--tokens", "byte"})).code, 0);
}

TEST_F(BadInput, UnreadableText) {
  if (!ordinary_user_can_run()) GTEST_SKIP() << "an ordinary user may not run the program where it was built";
  chmod(data_.c_str(), 0);
  chmod(directory_.path().c_str(), 0777);
  expect_refused(train(directory_ / "new"), 1, "tales.txt: cannot be read: permission denied", {.ordinary_user = true});
}

TEST_F(BadInput, GrammarsNameLineAndColumn) {
  const std::string grammar = file("my.grammar", "tale = \"a\" nothing \"\\n\"\n");
  expect_refused({"corpus", "--grammar", grammar}, 1, "my.grammar:1:12: ");
  expect_refused({"train", "--grammar", grammar, "--out", directory_ / "new"}, 1, "my.grammar:1:12: ");
  expect_refused({"corpus", "--grammar", directory_ / "none"}, 1, "none: cannot be read");
}

TEST_F(BadInput, Places) {
  const std::string in_the_way = file("file", "precious");
  expect_refused(train(in_the_way), 1, "cannot contain the run, because it is a file; choose another --out");
  expect_refused(train(in_the_way, {"--force"}), 1, "cannot contain the run, because it is a file");
  expect_refused(train(in_the_way + "/below"), 1, "cannot be created: ");
  EXPECT_EQ(read_file(in_the_way), "precious");
  expect_refused(train("/proc/headlight-run"), 1, "/proc/headlight-run: cannot be created: ");
  if (!ordinary_user_can_run()) GTEST_SKIP() << "an ordinary user may not run the program where it was built";
  const std::string closed = directory_ / "closed";
  make_directories(closed);
  chmod(closed.c_str(), 0555);
  chmod(directory_.path().c_str(), 0755);
  expect_refused(train(closed + "/run"), 1, "permission denied", {.ordinary_user = true});
  expect_refused(train(closed), 1, "permission denied", {.ordinary_user = true});
  EXPECT_TRUE(files_of(closed).empty());
}

TEST_F(BadInput, AnExistingRunIsKept) {
  expect_run_kept(train(finished()), 1, "already contains a run; add --resume to continue it, --force to start over");
  expect_run_kept(train(finished(), {"--no-force"}), 2, "no such flag");
  expect_run_kept(train(finished(), {"--force", "--resume"}), 2, "cannot both be given");
  expect_run_kept(train(finished(), {"--force", "--lr", "-1"}), 2, "--lr -1");
  expect_run_kept({"train", "--data", data_, "--out", finished(), "--resume", "--width", "16"}, 2, "the run in ");
  expect_run_kept(train(finished(), {"--resume", "--seed", "2"}), 2, "--seed 2: the run in ");
  expect_run_kept({"train", "--resume", "--out", finished(), "--preset", "cpu"}, 2,
                  "--resume and --preset cannot both be given");
  expect_run_kept({"train", "--resume", "--out", finished(), "--data", file("other.txt", text_ + "t")}, 1,
                  "was trained on a text that differs from");
}

TEST_F(BadInput, WhatIsNoRunIsNeverReplaced) {
  const std::string out = directory_ / "other";
  make_directories(out);
  for (const char* name : {"model.safetensors", "log.jsonl", "state.safetensors"}) {
    write_file_atomically(out + "/" + name, "precious");
    expect_refused(train(out, {"--force"}), 1, cat("contains ", name, " but no run; move this file away"));
    EXPECT_EQ(read_file(out + "/" + name), "precious");
    remove_file(out + "/" + name);
  }
  write_file_atomically(out + "/config.json", "{\"name\":\"a web page\"}");
  expect_refused(train(out), 1, "already contains a run");
  expect_refused(train(out, {"--force"}), 1, "config.json: does not belong to a run, and --force replaces only runs");
  EXPECT_EQ(read_file(out + "/config.json"), "{\"name\":\"a web page\"}");
}

TEST_F(BadInput, NoRun) {
  const std::string none = directory_ / "none";
  for (const char* command : {"sample", "eval", "heads"}) {
    expect_refused({command, none}, 1, "none: no such run; train it with: headlight train --out ");
    expect_refused({command, directory_.path()}, 1, "is not a run (config.json is missing)");
    expect_refused({command, data_}, 1, "is not a run (config.json is missing)");
  }
  expect_refused({"train", "--resume", "--out", none}, 1, "none: no such run; train it with");
  EXPECT_FALSE(path_exists(none));
}

TEST_F(BadInput, Prompts) {
  // This text contains all characters of the run's text, so of_text() gives the run's vocabulary.
  const auto size = Vocabulary::of_text(text_, "text").size();
  expect_run_kept({"sample", finished(), "--prompt", "the boé"}, 1,
                  cat("prompt: character 7 'é' is not in this model's vocabulary (", size,
                      " characters); use only characters of the vocabulary\n"));
  expect_run_kept({"sample", finished(), "--prompt", "\xFF"}, 1, "prompt: byte 0 is not UTF-8");
  expect_run_kept({"eval", finished(), "--data", file("other.txt", "the box é")}, 1,
                  "other.txt: character 9 'é' is not in");
  expect_run_kept({"eval", finished(), "--data", file("one.txt", "t")}, 1, "the text has only one character");
  expect_run_kept({"eval", finished(), "--data", file("none.txt", "")}, 1, "none.txt: the file is empty");
  expect_run_kept({"heads", finished(), "--data", file("few.txt", "the")}, 1, "fewer than the context of 8");
}

TEST_F(BadInput, ATextThatChanged) {
  finished();
  file("tales.txt", text_ + "the box.\n");
  expect_run_kept({"train", "--resume", "--out", run_}, 1, "the run was trained on a text that differs from ");
  expect_run_kept({"eval", run_}, 1, "differs from the text that the run was trained on");
  remove_file(data_);
  expect_run_kept({"train", "--resume", "--out", run_}, 1, "tales.txt: cannot be read");
  // A file that was moved still counts as the same text.
  const Result r = run_program({"train", "--resume", "--out", run_, "--data", file("moved.txt", text_)});
  EXPECT_EQ(r.code, 0) << r.err;
}

// ---- checkpoints ----------------------------------------------------------------------------------------------------

class Damaged : public BadInput {
 protected:
  // Runs a command on a copy of the run in which one file has these bytes, and expects it to be refused.
  void expect_damage_refused(const char* name, const std::string& bytes, const Words& command,
                             const std::string& part = "") {
    write_file_atomically(finished() + "/" + name, bytes);
    const Files before = files_of(run_);
    Words words = command;
    words.push_back(command[0] == "train" ? "--out=" + run_ : run_);
    expect_refused(words, 1, part);
    EXPECT_TRUE(before == files_of(run_)) << shown(words);
  }
  // A command that reads the file detects every kind of damage.
  void expect_all_damage_refused(const char* name, const Words& command) {
    const std::string good = read_file(finished() + "/" + name), path = run_ + "/" + name;
    for (const std::size_t length :
         {std::size_t{0}, std::size_t{7}, std::size_t{8}, std::size_t{100}, good.size() / 2, good.size() - 1})
      expect_damage_refused(name, good.substr(0, length), command, path);
    expect_damage_refused(name, good + "x", command, path);
    expect_damage_refused(name, "not a checkpoint at all, but long enough to look like one", command, path);
    expect_damage_refused(name, std::string(1000, '\0'), command, path);
    Rng rng(17);
    for (int i = 0; i < 25; ++i) {
      std::string flipped = good;
      // Flip a bit in the header, which ends where the data begins, or anywhere in the file.
      const Index limit =
          i % 2
              ? static_cast<Index>(good.size())
              : 8 + static_cast<Index>(static_cast<unsigned char>(good[0]) + 256 * static_cast<unsigned char>(good[1]));
      const auto at = static_cast<std::size_t>(rng.below(limit));
      flipped[at] = static_cast<char>(flipped[at] ^ (1 << rng.below(8)));
      SCOPED_TRACE(cat("byte ", at));
      expect_damage_refused(name, flipped, command, path);
    }
    write_file_atomically(path, good);
  }
};

TEST_F(Damaged, WeightsAreNoticed) {
  expect_all_damage_refused("model.safetensors", {"sample"});
  expect_damage_refused("model.safetensors", "x", {"eval"}, "model.safetensors");
  expect_damage_refused("model.safetensors", "x", {"heads"}, "model.safetensors");
}

TEST_F(Damaged, StateIsNoticed) {
  expect_all_damage_refused("state.safetensors", {"train", "--resume"});
  expect_damage_refused("state.safetensors", "x", {"eval", "--last"}, "state.safetensors");
}

TEST_F(Damaged, ConfigurationIsNoticed) {
  const std::string good = read_file(finished() + "/config.json");
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return at == std::string::npos ? text : text.replace(at, from.size(), to);
  };
  struct Case {
    std::string bytes, part;
  };
  const std::vector<Case> cases = {
      {"", "config.json"},
      {good.substr(0, good.size() / 2), "config.json"},
      {"[]", "config.json"},
      {"{}", "config.json"},
      {"{\"model_type\":\"gpt2\"}", "config.json"},
      {std::string(100000, '['), "config.json"},
      {with("\"headlight\": 1", "\"headlight\": 2"),
       "format 2 is not supported, only 1; use the version of Headlight that saved the run"},
      {with("\"layers\": 1", "\"layers\": 0"), "layers: --layers 0: out of range; allowed:"},
      {with("\"layers\": 1", "\"layrs\": 1"), "unknown setting layrs; did you mean layers?"},
      {with("\"width\": 8", "\"width\": 9"), "width 9 is not divisible by 2 heads"},
      {with("\"width\": 8", "\"width\": \"8\""), "settings.width"},
      {with("\"kind\": \"character\"", "\"kind\": \"word\""), "expected \"character\" or \"byte\""},
      // Sizes of another model than that of the weights, and sizes that would take all memory.
      {with("\"width\": 8", "\"width\": 16"), "restore the file that belongs to config.json"},
      {with("\"width\": 8", "\"width\": 4096"), "restore the file that belongs to config.json"},
      {with("\"layers\": 1", "\"layers\": 1000"), "restore the file that belongs to config.json"},
      {with("\"hidden\": -1", "\"hidden\": 1048576"), "restore the file that belongs to config.json"},
      {with("\"width\": 8", "\"width\": 1048576"), "GB of memory"},
      {with("\"layers\": 1", "\"layers\": 2"), "restore the file that belongs to config.json"},
      {with("\"hidden\": -1", "\"hidden\": 0"),
       "is not a part of this model; restore the file that belongs to config.json"},
      {with("\"context\": 8", "\"context\": 7"), "position"},
  };
  for (const Case& c : cases) {
    expect_damage_refused("config.json", c.bytes, {"sample"}, c.part);
    expect_damage_refused("config.json", c.bytes, {"train", "--resume"}, c.part);
  }
}

TEST_F(Damaged, ForeignFilesAreNoticed) {
  // A file as another program would write it: no checksum, other names.
  const std::vector<float> values(64, 1.0f);
  save_safetensors(directory_ / "foreign", std::vector{tensor_view<float>("wte.weight", {8, 8}, values)},
                   {{"format", "pt"}});
  expect_damage_refused("model.safetensors", read_file(directory_ / "foreign"), {"sample"},
                        "use a file that Headlight saved");
  // The weights of a run with other sizes.
  ASSERT_EQ(run_program(train(directory_ / "wide", {"--tokens", "byte"})).code, 0);
  expect_damage_refused("model.safetensors", read_file(directory_ / "wide/model.safetensors"), {"sample"},
                        "tokens.weight is [256,8]");
  expect_damage_refused("state.safetensors", read_file(directory_ / "wide/state.safetensors"), {"train", "--resume"},
                        "state.safetensors: ");
}

TEST_F(Damaged, MissingFilesAreNamed) {
  remove_file(finished() + "/state.safetensors");
  expect_run_kept({"train", "--resume", "--out", run_}, 1,
                  "state.safetensors: does not exist, so the run cannot resume");
  expect_run_kept({"eval", run_, "--last"}, 1, "state.safetensors: does not exist");
  remove_file(run_ + "/model.safetensors");
  expect_run_kept({"sample", run_}, 1, "model.safetensors: does not exist");
}

// ---- a full disk ----------------------------------------------------------------------------------------------------

TEST_F(BadInput, StandardOutputThatCannotBeWritten) {
  if (!path_exists("/dev/full")) GTEST_SKIP() << "this system has no /dev/full";
  const Surroundings full{.output = "/dev/full"};
  const std::string run = finished();
  const char* complaint = "cannot write to standard output";
  for (const Words& words :
       {Words{"eval", run}, Words{"eval", run, "--json"}, Words{"heads", run}, Words{"heads", run, "--json"},
        Words{"corpus", "tales"}, Words{"corpus", "tales", "--chars", "50000"}, Words{"--help"},
        Words{"train", "--help"}, Words{"--version"}})
    expect_refused(words, 1, complaint, full);
  for (const char* length : {"10", "9000"}) {  // the seed is printed before the error
    const Result sample = run_program({"sample", run, "--chars", length}, full);
    EXPECT_EQ(sample.code, 1);
    EXPECT_TRUE(contains(sample.err, complaint)) << sample.err;
  }
}

TEST_F(BadInput, AFullDiskLosesNothing) {
  // The state does not fit on the disk: at the first checkpoint of a new run, and at a later checkpoint of an old run.
  Surroundings limited;
  limited.file_size = 6000;
  const Result first = run_program(train(directory_ / "new"), limited);
  EXPECT_EQ(first.code, 1) << first.err;
  EXPECT_TRUE(contains(first.err, "headlight: "));
  EXPECT_TRUE(contains(first.err, ".safetensors: cannot be written: it exceeds the maximum file size"));

  const std::string run = finished();
  const Files before = files_of(run);
  const Result later = run_program({"train", "--resume", "--out", run, "--steps", "30"}, limited);
  EXPECT_EQ(later.code, 1) << later.err;
  EXPECT_TRUE(contains(later.err, "the old file is unchanged"));
  for (const char* name : {"model.safetensors", "state.safetensors"})
    EXPECT_TRUE(before.at(name) == files_of(run).at(name)) << name;
  EXPECT_EQ(files_of(run).size(), before.size()) << "half a file is left";
  // With enough space, the run continues.
  const Result again = run_program({"train", "--resume", "--out", run, "--steps", "30"});
  EXPECT_EQ(again.code, 0) << again.err;
}

}  // namespace
}  // namespace headlight
