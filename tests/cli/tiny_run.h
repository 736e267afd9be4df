// A test fixture with a tiny training run of the built program. The run takes a few milliseconds.
#pragma once

#include "headlight/corpora/corpus.h"
#include "support/files.h"
#include "support/program.h"

namespace headlight {

class TinyRun : public testing::Test {
 protected:
  TinyRun() {
    if (text_.empty()) text_ = corpus("tales", 2500, 3).text;
    write_file_atomically(data_, text_);
  }
  // The command that trains the tiny run; `more` is appended.
  Words train(const std::string& out, const Words& more = {}) const {
    return Words{"train", "--data",    data_, "--out",     out,  "--layers", "1", "--heads",      "2", "--width",
                 "8",     "--context", "8",   "--batch",   "2",  "--steps",  "9", "--eval-every", "4", "--warmup",
                 "2",     "--threads", "1",   "--dropout", "0.1"} +
           more;
  }
  // A finished run, made once per test.
  const std::string& finished() {
    if (path_exists(run_)) return run_;
    const Result r = run_program(train(run_));
    EXPECT_EQ(r.code, 0) << r.err;
    return run_;
  }
  // Expects that a command is refused and that no byte of the finished run changes.
  void expect_run_kept(const Words& words, int code, const std::string& part, const Surroundings& s = {}) {
    const Files before = files_of(finished());
    expect_refused(words, code, part, s);
    EXPECT_TRUE(before == files_of(run_)) << shown(words);
  }

  inline static std::string text_;
  TemporaryDirectory directory_;
  const std::string data_ = directory_ / "tales.txt", run_ = directory_ / "run";
};

}  // namespace headlight
