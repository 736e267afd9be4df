// Exports refuse what a format cannot store, read their files back by the files' own metadata, and leave nothing behind
// after an error.
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "exchange/exchange.h"
#include "exchange/exchange_files.h"
#include "exchange/gguf_model.h"
#include "exchange/gpt2.h"
#include "formats/gguf.h"
#include "support/expect_error.h"
#include "support/files.h"
#include "support/random_model.h"
#include "support/temporary_directory.h"

namespace headlight {
namespace {

using Export = Exported (*)(const TrainedModel&, const std::string&);
constexpr std::pair<Export, const char*> kChecked[] = {{&export_hugging_face, "hf"}, {&export_gguf, "gguf"}};

// Every model setting with a non-default value is either stored, or refused before anything is written.
TEST(Export, HoldsOrRefusesEverySetting) {
  const std::map<std::string, std::vector<std::string>> others = {
      {"layers", {"3"}},
      {"heads", {"4"}},
      {"width", {"16"}},
      {"context", {"20"}},
      {"hidden", {"0", "5"}},
      {"layer-heads", {"2,1"}},
      {"head-size", {"4", "6"}},
      {"dropout", {"0.5"}},
      {"position", {"sinusoidal", "rotary", "alibi", "none"}},
      {"norm", {"rms"}},
      {"model", {"lstm", "encoder", "encoder-decoder"}},
      {"activation", {"gelu-erf", "relu", "silu"}},
      {"feed-forward", {"swiglu", "relu2"}},
      {"attention", {"window:4", "linear"}},
      {"kv-heads", {"1"}},
      {"pre-norm", {"no"}},
      {"tied", {"no"}},
      {"bias", {"no"}}};
  int refused = 0, held = 0;
  for (const Setting& s : settings()) {
    if (s.group != std::string("Model")) continue;
    if (s.describes_model() && !s.is_of("transformer")) continue;  // the formats refuse the other families
    ASSERT_TRUE(others.count(s.name)) << s.name << " needs a test value";
    for (const std::string& value : others.at(s.name)) {
      RunConfig config = small_config();
      set_from_text(config, s, value);
      if (s.name == std::string("layer-heads")) config.head_size = 4;
      const TrainedModel trained = random_model(config);
      for (const auto& [write, format] : kChecked) {
        SCOPED_TRACE(cat(format, " --", s.name, " ", value));
        const TemporaryDirectory directory;
        Exported exported;
        const std::string line = error_of([&] { exported = write(trained, directory / "out"); });
        if (line == "(no error)") {
          ++held;
          EXPECT_TRUE(exported.verified);
          EXPECT_EQ(exported.difference, 0);
          continue;
        }
        ++refused;
        EXPECT_EQ(line.rfind(cat(format, ": "), 0), 0u) << line;
        EXPECT_TRUE(list_directory(directory.path()).empty());
      }
    }
  }
  EXPECT_EQ(held, 23);
  EXPECT_EQ(refused, 35);
}

// A non-default setting that is not on a format's list is refused.
TEST(Export, RefusesWhatIsNotOnTheList) {
  RunConfig config;
  const char* const few[] = {"layers", "width"};
  config.layers = 3, config.width = 32, config.batch = 7;
  EXPECT_EQ(error_of([&] { check_supported(config, few, "hf"); }), "(no error)");
  config.norm = "rms";
  EXPECT_EQ(
      error_of([&] { check_supported(config, few, "hf"); }),
      "hf: cannot store a model with --norm rms; train one without it, or use --to npz, which stores every model");
  config = {};
  config.attention = "linear";
  EXPECT_TRUE(contains(error_of([&] { check_gpt2_supported(config, "gguf"); }),
                       "gguf: cannot store a model with --attention linear"));
}

// ---- reading back uses the file's own metadata ----

class ReadBack : public testing::Test {
 protected:
  explicit ReadBack(const RunConfig& config = small_config()) : trained_(random_model(config)) {
    export_gguf(trained_, path_);
  }
  // Reads the file with one entry changed; returns the error message.
  std::string with(const std::string& key, const GgufValue& value) {
    const Gguf file = Gguf::load(path_);
    GgufMetadata metadata = file.metadata();
    bool found = false;
    for (auto& [name, old] : metadata)
      if (name == key) old = value, found = true;
    EXPECT_TRUE(found) << key;
    save_gguf(directory_ / "changed.gguf", metadata, file.tensors());
    return error_of([&] { changed_ = model_of_gguf(Gguf::load(directory_ / "changed.gguf")); });
  }
  // The logit difference between the changed and the original model.
  double difference() const { return logit_difference(*trained_.model, *changed_.model); }

  const TemporaryDirectory directory_;
  const std::string path_ = directory_ / "m.gguf";
  const TrainedModel trained_;
  GgufModel changed_{Vocabulary::bytes(), nullptr};
};

TEST_F(ReadBack, IsTheModelOfTheFile) {
  EXPECT_EQ(with("general.name", std::string("other")), "(no error)");
  EXPECT_EQ(difference(), 0);
  EXPECT_EQ(changed_.vocabulary.characters(), trained_.info.vocabulary.characters());
  EXPECT_EQ(changed_.model->config().context, 256) << "the padded context of the file, not the learned one";
  // The same tensors with another number of heads give other logits.
  EXPECT_EQ(with("gpt2.attention.head_count", std::uint32_t{4}), "(no error)");
  EXPECT_GT(difference(), 1e-3);
  Exported exported;
  EXPECT_TRUE(
      contains(error_of([&] { check_reads_back(trained_, changed_.vocabulary, *changed_.model, "m.gguf", exported); }),
               "m.gguf: reads back with different logits (relative difference "));
  EXPECT_FALSE(exported.verified);
  // A changed vocabulary is an error too.
  std::vector<std::string> tokens = Gguf::load(path_).at<std::vector<std::string>>(kGgufTokens);
  std::swap(tokens[3], tokens[4]);
  EXPECT_EQ(with(kGgufTokens, tokens), "(no error)");
  EXPECT_TRUE(
      contains(error_of([&] { check_reads_back(trained_, changed_.vocabulary, *changed_.model, "m.gguf", exported); }),
               "m.gguf: reads back with a different vocabulary"));
}

TEST_F(ReadBack, RefusesWhatTheFileSaysOtherwise) {
  EXPECT_TRUE(contains(with("general.architecture", std::string("llama")), "general.architecture is \"llama\"; only"));
  EXPECT_TRUE(contains(with("general.architecture", std::string("gptneox")), "gptneox.block_count"));
  EXPECT_TRUE(contains(with("gpt2.attention.layer_norm_epsilon", 1e-6f),
                       "layer_norm_epsilon is 1e-06; only 1e-05 is supported"));
  EXPECT_TRUE(contains(with("gpt2.block_count", std::uint32_t{3}), "has no tensor blk.2.attn_norm.weight"));
  EXPECT_TRUE(contains(with("gpt2.block_count", std::uint32_t{1}), "is not part of a GPT-2 with 1 layer"));
  EXPECT_TRUE(contains(with("gpt2.block_count", std::uint32_t{0}), "gpt2.block_count is 0, not 1 to 1048576"));
  EXPECT_TRUE(contains(with("gpt2.context_length", std::uint32_t{512}), "position_embd.weight is [256,8]"));
  EXPECT_TRUE(contains(with("gpt2.embedding_length", std::uint32_t{16}), "token_embd.weight is [14,8]"));
  EXPECT_TRUE(contains(with("gpt2.feed_forward_length", std::uint32_t{8}), "blk.0.ffn_up.weight is [32,8]"));
  EXPECT_TRUE(contains(with("gpt2.attention.head_count", std::uint32_t{3}), "width 8 is not divisible by 3 heads"));
  std::vector<std::string> tokens = Gguf::load(path_).at<std::vector<std::string>>(kGgufTokens);
  std::vector<std::int32_t> kinds(tokens.size(), kGgufNormal);
  EXPECT_TRUE(contains(with(kGgufTokenKinds, kinds), "tokenizer.ggml.tokens has 13 characters at 14; expected one"));
  kinds.back() = kGgufControl, kinds[2] = 6;
  EXPECT_TRUE(contains(with(kGgufTokenKinds, kinds), "has kind 6 at 2"));
  kinds.pop_back();
  EXPECT_TRUE(contains(with(kGgufTokenKinds, kinds), "has 14 entries for 15 tokens"));
  tokens[0] = "日";
  EXPECT_TRUE(contains(with(kGgufTokens, tokens), "represents no byte"));
}

class NeoxReadBack : public ReadBack {
 protected:
  static RunConfig rotary() {
    RunConfig config = small_config();
    config.position = "rotary";
    return config;
  }
  NeoxReadBack() : ReadBack(rotary()) {}
};

TEST_F(NeoxReadBack, RefusesWhatTheFileSaysOtherwise) {
  EXPECT_EQ(with("general.name", std::string("other")), "(no error)");
  EXPECT_EQ(difference(), 0);
  EXPECT_TRUE(contains(with("gptneox.use_parallel_residual", true), "use_parallel_residual is 1; only 0 is supported"));
  EXPECT_TRUE(contains(with("gptneox.rope.freq_base", 5e5f), "rope.freq_base is 500000; only 10000 is supported"));
  EXPECT_TRUE(
      contains(with("gptneox.rope.dimension_count", std::uint32_t{2}), "dimension_count is 2; only 4 is supported"));
}

// ---- after an error, nothing is left behind ----

// Non-finite weights are only refused when the file is read back.
TEST(Export, LeavesNothingAfterAnError) {
  const TrainedModel trained = random_model(), sound = random_model();
  trained.transformer("test").blocks[1]->attn->out->weight.value().data<float>()[3] = NAN;
  for (const auto& [write, format] : kChecked) {
    SCOPED_TRACE(format);
    const TemporaryDirectory directory;
    for (const char* name : {"new", "deep/er"}) {
      if (write == &export_gguf && name[0] == 'd') continue;  // the export of a file does not create its folder
      const std::string line = error_of([&] { write(trained, directory / name); });
      EXPECT_EQ(line.rfind(directory / name, 0), 0u) << line;
      EXPECT_TRUE(contains(line, "contains a value that is not finite"));
      EXPECT_FALSE(contains(line, temporary_path(directory / name)));
      EXPECT_TRUE(list_directory(directory.path()).empty());
    }
    // An earlier export stays.
    write(sound, directory / "old");
    const Files before = tree_of(directory.path());
    EXPECT_NE(error_of([&] { write(trained, directory / "old"); }), "(no error)");
    EXPECT_TRUE(before == tree_of(directory.path()));
  }
}

TEST(Export, ReplacesAnEarlierOne) {
  for (const Export write : {&export_hugging_face, &export_npy, &export_gguf, &export_npz}) {
    const TemporaryDirectory once, twice;
    write(random_model(), once / "out");
    write(random_model(), twice / "out");
    const Exported exported = write(random_model(), twice / "out");
    EXPECT_TRUE(tree_of(once.path()) == tree_of(twice.path()));
    for (const std::string& file : exported.files) EXPECT_TRUE(path_exists(file)) << file;
  }
}

}  // namespace
}  // namespace headlight
