// Tests of export, import, info, train --init and eval --logits on the command line.
#include "cli/tiny_run.h"

namespace headlight {
namespace {

class Exchange : public TinyRun {
 protected:
  Result fine(const Words& words) {
    Result r = run_program(words);
    EXPECT_EQ(r.code, 0) << shown(words) << "\n" << r.err;
    return r;
  }
  const std::string hf_ = directory_ / "h", back_ = directory_ / "back";
};

TEST_F(Exchange, ThereAndBackIsTheSameModel) {
  const Result exported = fine({"export", finished(), "--to", "hf", "--out", hf_});
  EXPECT_TRUE(contains(exported.out, "the same logits, bit for bit"));
  const Json imported = parse_json(fine({"import", hf_, "--out", back_, "--json"}).out, "imported");
  const Json info = parse_json(fine({"info", run_, "--json"}).out, "info");
  EXPECT_EQ(*imported.find("run")->if_string(), back_);
  EXPECT_TRUE(*imported.find("parameters") == *info.find("parameters"));
  EXPECT_EQ(fine({"sample", back_, "--chars", "50", "--seed", "1"}).out,
            fine({"sample", run_, "--chars", "50", "--seed", "1"}).out);
  const Words eval = {"--data", data_, "--windows", "20", "--json"};
  const Json a = parse_json(fine(Words{"eval", run_} + eval).out, "a"),
             b = parse_json(fine(Words{"eval", back_} + eval).out, "b");
  EXPECT_TRUE(*a.find("loss") == *b.find("loss"));
  fine({"heads", back_, "--data", data_, "--windows", "4"});
}

TEST_F(Exchange, ImportedRunsSayWhatTheyCannotDo) {
  fine({"export", finished(), "--to", "hf", "--out", hf_});
  fine({"import", hf_, "--out", back_});
  expect_refused({"eval", back_}, 1, "was imported without a text; pass one with --data");
  expect_refused({"heads", back_}, 1, "pass one with --data");
  expect_refused({"eval", back_, "--last", "--data", data_}, 1, "was imported, so it has only one set of weights");
  expect_refused({"train", "--resume", "--out", back_}, 1, "start a new run with: headlight train --init");
}

TEST_F(Exchange, TrainingGoesOnFromItsWeights) {
  fine({"export", finished(), "--to", "hf", "--out", hf_});
  fine({"import", hf_, "--out", back_});
  const std::string on = directory_ / "on";
  const Words go_on = {"train", "--init",  back_, "--data",       data_, "--out",     on, "--steps",
                       "6",     "--batch", "2",   "--eval-every", "3",   "--threads", "1"};
  fine(go_on);
  const Json before = parse_json(fine({"info", back_, "--json"}).out, "a"),
             after = parse_json(fine({"info", on, "--json"}).out, "b");
  EXPECT_TRUE(*before.find("weights") == *after.find("weights"));
  EXPECT_TRUE(contains(*after.find("origin")->if_string(), "from the weights of " + back_));
  // The loss before the first step is that of the imported model, on the same part of the text.
  const Json eval = parse_json(fine({"eval", run_, "--json"}).out, "e");
  EXPECT_TRUE(*after.find("validations")->if_array()->front().find("val_loss") == *eval.find("loss"));
  expect_refused(go_on, 1, "already contains a run; add --resume");
  fine({"train", "--resume", "--out", on, "--steps", "8"});
  expect_refused(go_on + Words{"--force", "--layers", "3"}, 2, "--layers 3: the model in " + back_ + " has 1");
  expect_refused(go_on + Words{"--resume"}, 2, "--resume and --init cannot both be given");
  write_file_atomically(directory_ / "other.txt", text_ + "é");
  Words other = go_on;
  other[4] = directory_ / "other.txt";
  expect_refused(other + Words{"--force"}, 1, "use a text of these characters only");
}

TEST_F(Exchange, NothingIsReplacedUnasked) {
  const std::string file = directory_ / "m.gguf";
  for (const Words& target :
       {Words{"hf", "--out", hf_}, Words{"gguf", "--out", file}, Words{"npy", "--out", directory_ / "n"}}) {
    const Words words = Words{"export", finished(), "--to"} + target;
    fine(words);
    expect_refused(words, 1, "add --force to replace");
    fine(words + Words{"--force"});
  }
  expect_run_kept({"export", run_, "--to", "hf", "--out", run_, "--force"}, 1,
                  "holds a run, which an export would damage");
  expect_run_kept({"import", hf_, "--out", run_}, 1, "already contains a run; add --force to replace it");
  expect_refused({"import", hf_, "--out", hf_, "--force"}, 1,
                 "does not belong to a run, and --force replaces only runs");
  expect_refused({"export", run_, "--to", "npz", "--out", hf_}, 1, "is a directory");
  expect_refused({"export", run_, "--to", "hf", "--out", file}, 1, "is a file");
  fine({"import", hf_, "--out", back_});
  fine({"import", hf_, "--out", back_, "--force"});
  // A failed import leaves the existing files unchanged.
  const Files before = files_of(back_);
  remove_file(hf_ + "/tokenizer.json");
  expect_refused({"import", hf_, "--out", back_, "--force"}, 1, "tokenizer.json: does not exist");
  EXPECT_TRUE(before == files_of(back_));
}

TEST_F(Exchange, WrongUsage) {
  expect_refused({"export", finished()}, 2, "--to: is missing");
  expect_refused({"export", run_, "--to", "onnx"}, 2, "--to onnx: not one of hf, gguf, npz, npy");
  expect_refused({"export", run_, "--to", "ggfu"}, 2, "did you mean gguf?");
  expect_refused({"export", directory_ / "none", "--to", "hf"}, 1, "no such run; train it with");
  expect_refused({"import", directory_ / "none", "--out", back_}, 1, "no such file or directory");
  expect_refused({"import", run_, "--out", back_}, 1, "is already a Headlight run");
  expect_refused({"import", hf_, "--heads", "0"}, 2, "--heads 0: expected a whole number from 1");
  expect_refused({"info", directory_ / "none"}, 1, "no such run; train it with");
  EXPECT_EQ(run_program(train(directory_ / "alibi", {"--position", "alibi"})).code, 0);
  expect_refused({"export", directory_ / "alibi", "--to", "hf"}, 1,
                 "train a model with --position learned or rotary, or use --to npz");
  EXPECT_EQ(run_program(train(directory_ / "odd", {"--head-size", "8"})).code, 0);
  EXPECT_EQ(run_program(train(directory_ / "pruned", {"--layer-heads", "1", "--head-size", "4"})).code, 0);
  for (const char* format : {"hf", "gguf"}) {
    expect_refused({"export", directory_ / "odd", "--to", format}, 1,
                   cat(format, ": needs heads times head size to equal the width, but this model has 2 heads of 8"));
    expect_refused({"export", directory_ / "pruned", "--to", format}, 1,
                   "layer 0 of this model has 1 instead of 2, as after pruning");
  }
  // Formats that users may try to import instead of safetensors.
  fine({"export", run_, "--to", "npz", "--out", directory_ / "m.npz"});
  fine({"export", run_, "--to", "gguf", "--out", directory_ / "m.gguf"});
  expect_refused({"import", directory_ / "m.npz", "--out", back_}, 1, "a PyTorch pickle, which cannot be imported");
  expect_refused({"import", directory_ / "m.gguf", "--out", back_}, 1, "is a GGUF file");
}

TEST_F(Exchange, NumPyFormatsAndLogits) {
  const Result npz = fine({"export", finished(), "--to", "npz", "--out", directory_ / "m.npz"});
  EXPECT_TRUE(contains(npz.out, "m.npz"));
  EXPECT_EQ(read_file(directory_ / "m.npz").substr(0, 4), "PK\x03\x04");
  fine({"export", run_, "--to", "npy", "--out", directory_ / "n"});
  EXPECT_EQ(read_file(directory_ / "n/tokens.weight.npy").substr(1, 5), "NUMPY");
  const Result json = fine({"export", run_, "--to", "gguf", "--out", directory_ / "m.gguf", "--json"});
  EXPECT_TRUE(*parse_json(json.out, "out").find("verified")->if_bool());
  const Result logits = fine({"eval", run_, "--windows", "3", "--logits", directory_ / "l.npz"});
  EXPECT_TRUE(contains(logits.err, "logits of 3 windows written"));
  EXPECT_TRUE(contains(read_file(directory_ / "l.npz"), "'shape': (3,8,"));
}

TEST_F(Exchange, InfoSaysWhatTheRunIs) {
  const Result r = fine({"info", finished()});
  EXPECT_TRUE(contains(r.out, "trained here, starting from random weights, with Headlight "));
  EXPECT_TRUE(contains(r.out, "1 layer, 2 heads of 4, width 8"));
  EXPECT_TRUE(contains(r.out, "seed 1337"));
  EXPECT_TRUE(contains(r.out, "9 of 9 steps"));
  EXPECT_TRUE(contains(r.out, "blocks.0.attn.qkv.weight"));
  for (std::size_t at = 0, end = 0; at < r.out.size(); at = end + 1) {
    end = r.out.find('\n', at);
    // Skip lines that contain a path, whose length varies.
    if (r.out.compare(at, 4, "text") != 0 && r.out.compare(at, 4, "run ") != 0) {
      EXPECT_LE(end - at, 80u) << r.out.substr(at, end - at);
    }
  }
  const Json json = parse_json(fine({"info", run_, "--json"}).out, "info");
  Index sum = 0;
  for (const Json& weight : *json.find("weights")->if_array()) sum += *weight.find("parameters")->if_int64();
  EXPECT_EQ(sum, *json.find("parameters")->if_int64());
  EXPECT_EQ(*json.find("steps_done")->if_int64(), 9);
  EXPECT_EQ(json.find("validations")->if_array()->size(), 4u);  // steps 0, 4, 8, 9
}

}  // namespace
}  // namespace headlight
