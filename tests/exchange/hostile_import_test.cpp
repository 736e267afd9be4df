// Importing malformed directories gives a one-line error that names the file and the key or tensor.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "exchange/exchange.h"
#include "headlight/formats/safetensors.h"
#include "support/expect_error.h"
#include "support/random_model.h"
#include "support/temporary_directory.h"

namespace headlight {
namespace {

class Hostile : public testing::Test {
 protected:
  Hostile() { export_hugging_face(random_model(), path_); }

  std::string refused(const ImportOptions& options = {}) const {
    return error_of([&] { import_model(path_, options); });
  }
  // Imports with one key of config.json replaced.
  std::string with(const std::string& key, const Json& value) const { return with_file("config.json", key, value); }
  std::string with_file(const std::string& name, const std::string& key, const Json& value) const {
    const std::string file = cat(path_, "/", name), before = read_file(file);
    Json document = parse_json(before, file);
    write_file_atomically(file, json_text(document.set(key, value)));
    const std::string line = refused();
    write_file_atomically(file, before);
    return line;
  }
  // Imports with modified tensors.
  std::string with_tensors(const std::function<void(std::vector<TensorView>&)>& change) const {
    const std::string file = path_ + "/model.safetensors", before = read_file(file);
    const SafeTensors tensors = SafeTensors::load(file);
    std::vector<TensorView> views = tensors.tensors();
    change(views);
    save_safetensors(file, views);
    const std::string line = refused();
    write_file_atomically(file, before);
    return line;
  }

  TemporaryDirectory directory_;
  std::string path_ = directory_ / "h";
};

TEST_F(Hostile, EveryMissingOrMisshapenTensorIsNamed) {
  EXPECT_EQ(refused(), "(no error)");
  const SafeTensors file = SafeTensors::load(path_ + "/model.safetensors");
  for (std::size_t i = 0; i < file.tensors().size(); ++i) {
    const std::string name = file.tensors()[i].name, short_name = name.substr(12);  // without "transformer."
    EXPECT_TRUE(
        contains(with_tensors([&](auto& views) { views.erase(views.begin() + static_cast<std::ptrdiff_t>(i)); }),
                 cat("has no tensor ", short_name)));
    EXPECT_TRUE(contains(with_tensors([&](auto& views) { views[i].shape.push_back(1); }), name + " is ["));
    std::vector<float> nan(static_cast<std::size_t>(file.tensors()[i].data.size() / 4), 1);
    nan.back() = NAN;
    EXPECT_TRUE(contains(with_tensors([&](auto& views) { views[i] = tensor_view<float>(name, views[i].shape, nan); }),
                         name + " contains a value that is not finite"));
    EXPECT_TRUE(contains(with_tensors([&](auto& views) { views[i].type = StoredType::kI32; }), name + " holds I32"));
  }
}

TEST_F(Hostile, SuperfluousTensorsAreNamed) {
  const std::vector<float> one = {1};
  const auto with_another = [&](const char* name) {
    return with_tensors([&](auto& views) { views.push_back(tensor_view<float>(name, {1}, one)); });
  };
  EXPECT_TRUE(
      contains(with_another("transformer.h.2.ln_1.weight"), "h.2.ln_1.weight is not part of a GPT-2 with 2 layers"));
  EXPECT_TRUE(contains(with_another("other"), "other is not part"));
  EXPECT_TRUE(contains(with_another("wte.weight"), "two tensors are wte.weight"));
  EXPECT_TRUE(contains(with_another("lm_head.weight"), "lm_head.weight differs from wte.weight"));
  EXPECT_EQ(with_another("transformer.h.0.attn.masked_bias"), "(no error)");
  EXPECT_EQ(with_tensors([&](auto& views) {
              for (const TensorView& view : std::vector(views))
                if (view.name == "transformer.wte.weight") {
                  views.push_back(view);
                  views.back().name = "lm_head.weight";
                }
            }),
            "(no error)");
}

TEST_F(Hostile, EveryWrongValueOfTheConfigurationIsNamed) {
  for (const char* key : {"n_layer", "n_head", "n_embd", "n_positions", "vocab_size", "n_inner"})
    for (const Json& value : {Json(0), Json(-1), Json(1.5), Json("2"), Json(std::int64_t{1} << 40)})
      EXPECT_TRUE(contains(with(key, value), cat("config.json: ", key))) << key << " " << json_text(value);
  for (const char* key : {"n_layer", "n_head", "n_embd", "n_positions", "vocab_size", "model_type"})
    EXPECT_NE(with(key, Json()), "(no error)") << key;
  // Sizes larger than the file's contents are refused before memory is allocated.
  EXPECT_TRUE(contains(with("n_layer", 1000), "has no tensor h.2.ln_1.weight"));
  EXPECT_TRUE(contains(with("n_layer", 1001), "out of range; allowed:"));
  EXPECT_TRUE(contains(with("n_embd", 4096), "transformer.wte.weight is [14,8], but this model needs [14,4096]"));
  EXPECT_TRUE(contains(with("n_positions", 4096), "transformer.wpe.weight is [12,8]"));
  EXPECT_TRUE(contains(with("n_inner", 4096), "needs [8,4096]"));
  EXPECT_TRUE(contains(with("n_head", 3), "width 8 is not divisible by 3 heads"));
  EXPECT_TRUE(contains(with("vocab_size", 16), "the model has 16 tokens, but the vocabulary has 14"));
  EXPECT_TRUE(contains(with("model_type", "llama"), "model_type: is \"llama\"; only \"gpt2\" and"));
  EXPECT_TRUE(contains(with("activation_function", "tanh"), "activation_function: \"tanh\" is not supported"));
  EXPECT_TRUE(contains(with("layer_norm_epsilon", 1e-6), "layer_norm_epsilon: 1e-06 is not 1e-05"));
  EXPECT_TRUE(contains(with("scale_attn_weights", false), "scale_attn_weights: is false"));
  EXPECT_TRUE(contains(with("scale_attn_by_inverse_layer_idx", true), "is true; only false is supported"));
  EXPECT_TRUE(contains(with("add_cross_attention", true), "add_cross_attention: is true"));
  EXPECT_TRUE(contains(with("tie_word_embeddings", false), "has no tensor lm_head.weight"));
  EXPECT_TRUE(contains(with("resid_pdrop", 1.5), "--dropout 1.5"));
  EXPECT_TRUE(contains(with("headlight", 1), "is already a Headlight run"));
  EXPECT_TRUE(contains(with("headlight_export", 1), "headlight_export"));
  write_file_atomically(path_ + "/config.json", "{");
  EXPECT_TRUE(contains(refused(), "config.json"));
}

TEST_F(Hostile, TokenizersThatAreNoCharactersAreRefused) {
  const auto with_model = [&](const std::string& key, const Json& value) {
    Json model = *parse_json(read_file(path_ + "/tokenizer.json"), "t").find("model");
    return with_file("tokenizer.json", "model", model.set(key, value));
  };
  EXPECT_TRUE(contains(with_model("merges", Json::array().push("a b")),
                       "only vocabularies of characters or bytes are supported"));
  const auto vocab = [](std::initializer_list<std::pair<const char*, Json>> entries) {
    Json json = Json::object();
    for (const auto& [token, id] : entries) json.set(token, id);
    return json;
  };
  EXPECT_TRUE(contains(with_model("vocab", vocab({{"ab", 0}})), "token 0 is \"ab\", which is not one character"));
  EXPECT_TRUE(contains(with_model("vocab", vocab({{"", 0}})), "is not one character"));
  EXPECT_TRUE(contains(with_model("vocab", vocab({{"a", 0}, {"b", 0}})), "two tokens have the id 0"));
  EXPECT_TRUE(contains(with_model("vocab", vocab({{"a", 0}, {"b", 2}})), "the id of \"b\" is 2; expected"));
  EXPECT_TRUE(contains(with_model("vocab", vocab({{"a", "0"}})), "the id of \"a\" is \"0\""));
  EXPECT_TRUE(contains(with_model("vocab", vocab({})), "has 0 tokens"));
  EXPECT_TRUE(contains(with_model("vocab", vocab({{"a", 0}})), "the vocabulary has 1;"));
  EXPECT_TRUE(contains(with_model("vocab", Json::array()), "vocab"));
  EXPECT_TRUE(
      contains(with_file("tokenizer.json", "normalizer", Json::object().set("type", "NFC")), "changes the text"));
  EXPECT_TRUE(contains(with_file("tokenizer.json", "pre_tokenizer", Json::object().set("type", "Whitespace")),
                       "pre_tokenizer: splits the text (\"Whitespace\")"));
  Json after = Json::object();
  after.set("type", "TemplateProcessing").set("special_tokens", Json::object());
  EXPECT_EQ(with_file("tokenizer.json", "post_processor", after), "(no error)");
  after.set("special_tokens", Json::object().set("<s>", 1));
  EXPECT_TRUE(contains(with_file("tokenizer.json", "post_processor", after), "post_processor: adds tokens"));
  EXPECT_TRUE(contains(with_file("tokenizer.json", "pre_tokenizer", Json::object().set("type", "ByteLevel")),
                       "a vocabulary of bytes has"));
  remove_file(path_ + "/tokenizer.json");
  EXPECT_TRUE(contains(refused(), "tokenizer.json: does not exist; pass the text"));
  EXPECT_EQ(refused({.vocabulary = random_model().info.vocabulary}), "(no error)");
  EXPECT_TRUE(contains(refused({.vocabulary = Vocabulary::bytes()}), "the vocabulary has 256;"));
}

// After any single-byte change, the import succeeds or fails with one line.
TEST_F(Hostile, RandomDamageNeverCrashes) {
  Rng rng(8);
  for (const char* name : {"config.json", "tokenizer.json", "model.safetensors"}) {
    const std::string file = cat(path_, "/", name), before = read_file(file);
    for (int i = 0; i < 150; ++i) {
      std::string bytes = before;
      const Index within = std::min<Index>(static_cast<Index>(bytes.size()), 3000);
      bytes[static_cast<std::size_t>(rng.below(within))] = static_cast<char>(rng.below(256));
      write_file_atomically(file, bytes);
      refused();
    }
    write_file_atomically(file, before);
  }
  EXPECT_EQ(refused(), "(no error)");
}

}  // namespace
}  // namespace headlight
