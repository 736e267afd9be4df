// Models to other programs' formats and back, and files that are not what they should be. That those programs read them is
// checked by tests/interop.
#include "headlight/run/exchange.h"

#include <gtest/gtest.h>

#include <cmath>

#include "headlight/autograd/tape.h"
#include "headlight/io/checkpoint.h"
#include "headlight/io/gguf.h"
#include "headlight/run/gpt2.h"
#include "run/tiny.h"
#include "support/expect_error.h"

namespace headlight {
namespace {

RunConfig small_config() {
  RunConfig c;
  c.layers = 2;
  c.heads = 2;
  c.width = 8;
  c.context = 12;
  return c;
}

// A model with random weights everywhere, also where training starts from zeros and ones.
TrainedModel random_model(const RunConfig& config = small_config()) {
  TrainedModel trained;
  trained.info.config = config;
  trained.info.vocabulary =
      config.tokens == "byte" ? Vocabulary::bytes() : Vocabulary::of_text("\r\n the cat: é日🙂\"\\", "test");
  trained.info.source = "/home/somebody/secret/my text.txt";
  trained.info.config.data = trained.info.source;
  trained.step = 70;
  trained.val_loss = 1.25;
  seed_generator(3);
  trained.model = std::make_unique<CharTransformer>(config.model(trained.info.vocabulary.size()));
  Rng rng(4);
  for (const NamedTensor& p : trained.model->parameters()) {
    Tensor value = p.value;
    value.copy_from(Tensor::normal(value.shape(), p.name.find("norm") != std::string::npos ? 0.7 : 0, 0.3, rng));
  }
  return trained;
}

std::vector<double> logits_of(const CharTransformer& model) {
  const NoGrad no_recording;
  std::vector<std::int32_t> ids;
  for (Index i = 0; i < 2 * model.config().context; ++i)
    ids.push_back(static_cast<std::int32_t>(i * 7 % model.config().vocabulary));
  return model(ids, 2).to_vector();
}

std::vector<RunConfig> configs_that_fit() {
  std::vector<RunConfig> all(7, small_config());
  all[1].tied = false;
  all[2].bias = false;
  all[3].hidden = 5;
  all[4].activation = "gelu-erf";
  all[5].tokens = "byte";
  all[6].layers = 1;
  all[6].heads = 4;
  all[6].activation = "relu";
  all[6].dropout = 0.25;
  return all;
}

TEST(HuggingFace, ComesBackAsItWas) {
  for (const RunConfig& config : configs_that_fit()) {
    const TemporaryDirectory directory;
    TrainedModel trained = random_model(config);
    trained.info.document_end = {3, 1};
    const Exported exported = export_hugging_face(trained, directory / "h");
    EXPECT_TRUE(exported.verified);
    EXPECT_EQ(exported.difference, 0);
    EXPECT_EQ(exported.files.size(), 4u);
    const TrainedModel back = import_model(directory / "h");
    EXPECT_EQ(logits_of(*back.model), logits_of(*trained.model));
    EXPECT_EQ(back.info.vocabulary.characters(), trained.info.vocabulary.characters());
    EXPECT_EQ(back.info.document_end, trained.info.document_end);
    EXPECT_EQ(back.step, 70);
    EXPECT_EQ(back.val_loss, 1.25);
    EXPECT_EQ(back.info.imported_from, directory / "h");
    for (const Setting& s : settings())
      if (s.group == std::string("Model") || s.name == std::string("tokens")) {
        EXPECT_EQ(text_of(back.info.config, s), text_of(config, s)) << s.name;
      }
    // As a run directory: what is saved is what was imported.
    save_imported(back, directory / "run");
    const TrainedModel saved = load_model(directory / "run");
    EXPECT_EQ(logits_of(*saved.model), logits_of(*trained.model));
    EXPECT_EQ(saved.info.imported_from, directory / "h");
    EXPECT_EQ(saved.info.document_end, trained.info.document_end);
  }
}

TEST(HuggingFace, TensorsLieAsTransformersReadsThem) {
  const TemporaryDirectory directory;
  const TrainedModel trained = random_model();
  export_hugging_face(trained, directory.path());
  const SafeTensors file = SafeTensors::load(directory / "model.safetensors");
  EXPECT_EQ(file.metadata().at("format"), "pt");
  EXPECT_EQ(file.tensors().size(), 2u + 2 * 12 + 2);
  EXPECT_FALSE(file.find("lm_head.weight"));
  std::map<std::string, Tensor> ours;
  for (const NamedTensor& p : trained.model->parameters()) ours.emplace(p.name, p.value);
  const auto expect_turned = [&](const std::string& theirs, const std::string& name) {
    const Tensor& w = ours.at(name);
    ASSERT_EQ(file.at(theirs).shape, (std::vector<Index>{w.size(1), w.size(0)}));
    std::vector<double> values(static_cast<std::size_t>(w.numel()));
    file.read(theirs, values);
    for (Index i = 0; i < w.size(0); ++i)
      for (Index j = 0; j < w.size(1); ++j)
        ASSERT_EQ(values[static_cast<std::size_t>(j * w.size(0) + i)], w.at({i, j})) << theirs;
  };
  expect_turned("transformer.h.1.attn.c_attn.weight", "blocks.1.attn.qkv.weight");
  expect_turned("transformer.h.0.attn.c_proj.weight", "blocks.0.attn.out.weight");
  expect_turned("transformer.h.0.mlp.c_fc.weight", "blocks.0.ff.up.weight");
  expect_turned("transformer.h.1.mlp.c_proj.weight", "blocks.1.ff.down.weight");
  for (const auto& [theirs, name] : {std::pair{"transformer.wte.weight", "tokens.weight"},
                                     {"transformer.wpe.weight", "position.weight"},
                                     {"transformer.h.0.ln_1.weight", "blocks.0.norm1.weight"},
                                     {"transformer.h.1.ln_2.bias", "blocks.1.norm2.bias"},
                                     {"transformer.ln_f.bias", "norm.bias"},
                                     {"transformer.h.1.attn.c_attn.bias", "blocks.1.attn.qkv.bias"}}) {
    std::vector<double> values(static_cast<std::size_t>(ours.at(name).numel()));
    file.read(theirs, values);
    EXPECT_EQ(values, ours.at(name).to_vector()) << theirs;
  }
}

// A loss must not be told of weights that others have put in place of ours.
TEST(HuggingFace, OtherWeightsHaveNoLoss) {
  const TemporaryDirectory directory;
  export_hugging_face(random_model(), directory.path());
  const std::string name = directory / "model.safetensors";
  const SafeTensors file = SafeTensors::load(name);
  save_safetensors(name, file.tensors(), {{"format", "pt"}});
  const TrainedModel back = import_model(directory.path());
  EXPECT_EQ(back.step, 0);
  EXPECT_TRUE(std::isnan(back.val_loss));
  for (const auto& [step, loss] : {std::pair{"-1", "1"}, {"x", "1"}, {"1", "x"}, {"99999999999999999999", "1"}}) {
    save_safetensors(name, file.tensors(), {{"headlight_step", step}, {"headlight_val_loss", loss}});
    EXPECT_TRUE(
        contains(error_of([&] { import_model(directory.path()); }), "model.safetensors: metadata \"headlight_"));
  }
  save_safetensors(name, file.tensors(), {{"headlight_step", "1"}});
  EXPECT_TRUE(contains(error_of([&] { import_model(directory.path()); }), "no \"headlight_val_loss\""));
}

TEST(HuggingFace, SaysNothingOfFolders) {
  const TemporaryDirectory directory;
  const TrainedModel trained = random_model();
  export_hugging_face(trained, directory / "h");
  export_npy(trained, directory / "n");
  for (const std::string& file : {directory / "h/config.json", directory / "n/config.json"}) {
    EXPECT_TRUE(contains(read_file(file), "my text.txt"));
    EXPECT_FALSE(contains(read_file(file), "somebody"));
  }
}

TEST(Export, RefusesWhatDoesNotFit) {
  const TemporaryDirectory directory;
  const auto refusal = [&](auto change, auto write) {
    RunConfig config = small_config();
    change(config);
    const TrainedModel trained = random_model(config);
    const std::string line = error_of([&] { write(trained, directory / "out"); });
    EXPECT_FALSE(path_exists(directory / "out"));
    return line;
  };
  for (const auto& [write, format] : {std::pair{&export_hugging_face, "hf: "}, {&export_gguf, "gguf: "}}) {
    for (const char* position : {"rotary", "sinusoidal", "alibi", "none"}) {
      const std::string line = refusal([&](RunConfig& c) { c.position = position; }, write);
      EXPECT_EQ(line.rfind(format, 0), 0u) << line;
      EXPECT_TRUE(contains(line, "--position learned"));
    }
    EXPECT_TRUE(contains(refusal([](RunConfig& c) { c.norm = "rms"; }, write), "--norm layer"));
    EXPECT_TRUE(contains(refusal([](RunConfig& c) { c.pre_norm = false; }, write), "--pre-norm"));
    EXPECT_TRUE(contains(refusal([](RunConfig& c) { c.hidden = 0; }, write), "--hidden -1"));
  }
  for (const char* activation : {"gelu-erf", "relu", "silu"})
    EXPECT_TRUE(contains(refusal([&](RunConfig& c) { c.activation = activation; }, export_gguf), "--to hf holds it"));
  // NumPy takes them all.
  RunConfig config = small_config();
  config.position = "rotary", config.norm = "rms", config.pre_norm = false;
  export_npz(random_model(config), directory / "m.npz");
  EXPECT_TRUE(path_exists(directory / "m.npz"));
}

TEST(Export, NpyHasAFileForEachWeight) {
  const TemporaryDirectory directory;
  const TrainedModel trained = random_model();
  const Exported exported = export_npy(trained, directory / "n");
  EXPECT_EQ(exported.files.size(), trained.model->parameters().size() + 1);
  for (const NamedTensor& p : trained.model->parameters())
    EXPECT_TRUE(path_exists(directory / cat("n/", p.name, ".npy"))) << p.name;
}

// ---- gguf -----------------------------------------------------------------------------------------------------------------

TEST(GgufExport, HoldsTheModelAndItsTokenizer) {
  for (const RunConfig& config : configs_that_fit()) {
    if (config.activation != "gelu") continue;
    const TemporaryDirectory directory;
    const TrainedModel trained = random_model(config);
    const Exported exported = export_gguf(trained, directory / "m.gguf");
    EXPECT_TRUE(exported.verified);
    EXPECT_EQ(exported.difference, 0);
    const Gguf file = Gguf::load(directory / "m.gguf");
    const Index v = trained.info.vocabulary.size();
    const auto& tokens = file.at<std::vector<std::string>>("tokenizer.ggml.tokens");
    ASSERT_EQ(static_cast<Index>(tokens.size()), v + 1);
    EXPECT_EQ(file.at<std::uint32_t>("tokenizer.ggml.eos_token_id"), v);
    EXPECT_EQ(file.at<std::uint32_t>("gpt2.context_length"), 256u);
    EXPECT_TRUE(contains(exported.notices.at(0), "learned 12 places"));
    std::map<std::string, std::vector<Index>> sizes;
    for (const TensorView& tensor : file.tensors()) {
      sizes[tensor.name] = tensor.shape;
    }
    using Sizes = std::vector<Index>;
    EXPECT_EQ(sizes.at("position_embd.weight"), (Sizes{256, 8}));
    EXPECT_EQ(sizes.at("token_embd.weight"), (Sizes{v + 1, 8}));
    EXPECT_EQ(sizes.at("output.weight"), (Sizes{v + 1, 8}));
    EXPECT_EQ(sizes.at("blk.0.attn_qkv.weight"), (Sizes{24, 8}));
    if (config.tokens == "byte") {
      EXPECT_EQ(tokens['A'], "A");
      EXPECT_EQ(tokens[' '], "Ġ");
      EXPECT_EQ(tokens['\n'], "Ċ");
      EXPECT_EQ(tokens[0xFF], "ÿ");
      EXPECT_EQ(tokens[0xAD], "Ń");
      EXPECT_TRUE(file.at<std::vector<std::string>>("tokenizer.ggml.merges").empty());
      continue;
    }
    EXPECT_EQ(tokens[0], "Ċ");
    EXPECT_EQ(tokens[static_cast<std::size_t>(v) - 3], "Ã©");          // é is 0xC3 0xA9
    const std::vector<std::string> merges = {"Ã ©",                    // é
                                             "æ Ĺ", "æĹ ¥",            // 日 is E6 97 A5
                                             "ð Ł", "ðŁ Ļ", "ðŁĻ Ĥ"};  // 🙂 is F0 9F 99 82
    EXPECT_EQ(file.at<std::vector<std::string>>("tokenizer.ggml.merges"), merges);
  }
}

// The logit of the additional token, for any state of the model: gamma n + beta with n normalised.
TEST(GgufExport, TheEndIsNeverWritten) {
  const TemporaryDirectory directory;
  const TrainedModel trained = random_model();
  export_gguf(trained, directory / "m.gguf");
  const Gguf file = Gguf::load(directory / "m.gguf");
  for (const TensorView& tensor : file.tensors()) {
    if (tensor.name != "output.weight") continue;
    std::vector<float> values(static_cast<std::size_t>(tensor.shape[0] * 8));
    copy_values(tensor, "m.gguf", values);
    const Tensor row = Tensor::of({1, 8}, std::vector<double>(values.end() - 8, values.end()));
    Rng rng(1);
    for (int i = 0; i < 20; ++i) {
      const Tensor x = (**trained.model->norm)(Tensor::normal({1, 1, 8}, 0.3, 2, rng));
      EXPECT_NEAR(linear(x, row).item(), -200, 0.1);
    }
  }
}

TEST(GgufExport, SaysWhenTheEndCannotBeRuledOut) {
  const TemporaryDirectory directory;
  const TrainedModel trained = random_model();
  for (const NamedTensor& p : trained.model->parameters())
    if (p.name == "norm.bias") Tensor(p.value).fill(0);
  const Exported exported = export_gguf(trained, directory / "m.gguf");
  EXPECT_TRUE(exported.verified);
  ASSERT_EQ(exported.notices.size(), 2u);
  EXPECT_TRUE(contains(exported.notices[1], "may end a text early"));
}

// ---- nanoGPT ----------------------------------------------------------------------------------------------------------------

// The weights as nanoGPT stores them; `change` may add to them.
void save_nano_gpt(const std::string& path, const TrainedModel& trained, const std::string& prefix,
                   const Metadata& metadata, bool copy_of_head = true) {
  Gpt2Tensors tensors = gpt2_tensors(*trained.model, Gpt2Naming::kNanoGpt);
  const bool bias = trained.model->config().bias;
  std::vector<TensorView> views;
  for (TensorView view : tensors.views) {
    if (!bias && view.name.find(".bias") != std::string::npos) continue;
    view.name = view.name == "lm_head.weight" ? prefix + view.name : prefix + "transformer." + view.name;
    views.push_back(view);
  }
  if (copy_of_head && trained.model->config().tied) {
    TensorView head = tensors.views[0];
    head.name = prefix + "lm_head.weight";
    views.push_back(head);
  }
  const std::vector<float> mask(144, 1);
  views.push_back(tensor_view<float>(prefix + "transformer.h.0.attn.bias", {1, 1, 12, 12}, mask));
  save_safetensors(path, views, metadata);
}

TEST(NanoGpt, Arrives) {
  const TemporaryDirectory directory;
  const std::string path = directory / "ckpt.safetensors";
  RunConfig config = small_config();
  config.activation = "gelu-erf";
  for (const bool bias : {true, false}) {
    config.bias = bias;
    TrainedModel trained = random_model(config);
    if (!bias)
      for (const NamedTensor& p : trained.model->parameters())
        if (p.name.find(".bias") != std::string::npos) Tensor(p.value).fill(0);
    for (const char* prefix : {"", "_orig_mod."}) {
      ImportOptions options{.vocabulary = trained.info.vocabulary, .heads = 2};
      save_nano_gpt(path, trained, prefix, {});
      const TrainedModel back = import_model(path, options);
      EXPECT_EQ(logits_of(*back.model), logits_of(*trained.model));
      EXPECT_EQ(back.info.config.bias, bias);
      EXPECT_TRUE(back.info.config.tied);
      options.heads = 0;
      EXPECT_TRUE(contains(error_of([&] { import_model(path, options); }), "say it with --heads"));
      save_nano_gpt(path, trained, prefix, {{"n_head", "2"}});
      EXPECT_EQ(logits_of(*import_model(path, options).model), logits_of(*trained.model));
      for (const char* heads : {"", "0", "-2", "two", "99999999999999999999", "3"}) {
        save_nano_gpt(path, trained, prefix, {{"n_head", heads}});
        EXPECT_TRUE(contains(error_of([&] { import_model(path, options); }), "ckpt.safetensors: ")) << heads;
      }
    }
  }
}

TEST(NanoGpt, SaysWhatIsMissing) {
  const TemporaryDirectory directory;
  const std::string path = directory / "ckpt.safetensors";
  const TrainedModel trained = random_model();
  save_nano_gpt(path, trained, "", {{"n_head", "2"}});
  EXPECT_TRUE(contains(error_of([&] { import_model(path); }), "has no vocabulary; name the text"));
  EXPECT_TRUE(contains(error_of([&] { import_model(path, {.vocabulary = Vocabulary::bytes()}); }),
                       "the model has 14 tokens, and the vocabulary 256"));
  save_safetensors(path, {});
  EXPECT_TRUE(contains(error_of([&] { import_model(path); }), "has no tensor wte.weight"));
  export_hugging_face(trained, directory / "h");
  EXPECT_TRUE(contains(error_of([&] { import_model(directory / "h/model.safetensors"); }), "name the directory"));
  EXPECT_TRUE(contains(error_of([&] { import_model(directory / "nothing"); }), "there is no such file"));
}

// ---- directories that are not what they should be ---------------------------------------------------------------------------

class Hostile : public testing::Test {
 protected:
  Hostile() { export_hugging_face(random_model(), path_); }

  std::string refused(const ImportOptions& options = {}) const {
    return error_of([&] { import_model(path_, options); });
  }
  // With a key of config.json set.
  std::string with(const std::string& key, const Json& value) const { return with_file("config.json", key, value); }
  std::string with_file(const std::string& name, const std::string& key, const Json& value) const {
    const std::string file = cat(path_, "/", name), before = read_file(file);
    Json document = parse_json(before, file);
    write_file_atomically(file, json_text(document.set(key, value)));
    const std::string line = refused();
    write_file_atomically(file, before);
    return line;
  }
  // With other tensors.
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
                         name + " holds a value that is not a finite number"));
    EXPECT_TRUE(contains(with_tensors([&](auto& views) { views[i].type = StoredType::kI32; }), name + " holds I32"));
  }
}

TEST_F(Hostile, SuperfluousTensorsAreNamed) {
  const std::vector<float> one = {1};
  const auto with_another = [&](const char* name) {
    return with_tensors([&](auto& views) { views.push_back(tensor_view<float>(name, {1}, one)); });
  };
  EXPECT_TRUE(
      contains(with_another("transformer.h.2.ln_1.weight"), "h.2.ln_1.weight is not a part of a GPT-2 with 2 layers"));
  EXPECT_TRUE(contains(with_another("other"), "other is not a part"));
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
  // Sizes that the file does not fill are never asked for.
  EXPECT_TRUE(contains(with("n_layer", 1000), "has no tensor h.2.ln_1.weight"));
  EXPECT_TRUE(contains(with("n_layer", 1001), "outside what is allowed"));
  EXPECT_TRUE(contains(with("n_embd", 4096), "transformer.wte.weight is [14,8], and this model needs [14,4096]"));
  EXPECT_TRUE(contains(with("n_positions", 4096), "transformer.wpe.weight is [12,8]"));
  EXPECT_TRUE(contains(with("n_inner", 4096), "needs [8,4096]"));
  EXPECT_TRUE(contains(with("n_head", 3), "width 8 is not divisible by 3 heads"));
  EXPECT_TRUE(contains(with("vocab_size", 16), "the model has 16 tokens, and the vocabulary 14"));
  EXPECT_TRUE(contains(with("model_type", "llama"), "model_type: is \"llama\"; only models of the type \"gpt2\""));
  EXPECT_TRUE(contains(with("activation_function", "tanh"), "activation_function: \"tanh\" is not one"));
  EXPECT_TRUE(contains(with("layer_norm_epsilon", 1e-6), "layer_norm_epsilon: 1e-06 is not 1e-05"));
  EXPECT_TRUE(contains(with("scale_attn_weights", false), "scale_attn_weights: is false"));
  EXPECT_TRUE(contains(with("scale_attn_by_inverse_layer_idx", true), "is true; only a GPT-2 with false"));
  EXPECT_TRUE(contains(with("add_cross_attention", true), "add_cross_attention: is true"));
  EXPECT_TRUE(contains(with("tie_word_embeddings", false), "has no tensor lm_head.weight"));
  EXPECT_TRUE(contains(with("resid_pdrop", 1.5), "--dropout 1.5"));
  EXPECT_TRUE(contains(with("headlight", 1), "is a run of this program already"));
  EXPECT_TRUE(contains(with("headlight_export", 1), "headlight_export"));
  write_file_atomically(path_ + "/config.json", "{");
  EXPECT_TRUE(contains(refused(), "config.json"));
}

TEST_F(Hostile, TokenizersThatAreNoCharactersAreRefused) {
  const auto with_model = [&](const std::string& key, const Json& value) {
    Json model = *parse_json(read_file(path_ + "/tokenizer.json"), "t").find("model");
    return with_file("tokenizer.json", "model", model.set(key, value));
  };
  EXPECT_TRUE(contains(with_model("merges", Json::array().push("a b")), "only characters and bytes can be read"));
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
  EXPECT_TRUE(contains(with_model("vocab", vocab({{"a", 0}})), "the vocabulary 1"));
  EXPECT_TRUE(contains(with_model("vocab", Json::array()), "vocab"));
  EXPECT_TRUE(
      contains(with_file("tokenizer.json", "normalizer", Json::object().set("type", "NFC")), "changes the text"));
  EXPECT_TRUE(contains(with_file("tokenizer.json", "pre_tokenizer", Json::object().set("type", "Whitespace")),
                       "pre_tokenizer: cuts the text (\"Whitespace\")"));
  Json after = Json::object();
  after.set("type", "TemplateProcessing").set("special_tokens", Json::object());
  EXPECT_EQ(with_file("tokenizer.json", "post_processor", after), "(no error)");
  after.set("special_tokens", Json::object().set("<s>", 1));
  EXPECT_TRUE(contains(with_file("tokenizer.json", "post_processor", after), "post_processor: adds tokens"));
  EXPECT_TRUE(contains(with_file("tokenizer.json", "pre_tokenizer", Json::object().set("type", "ByteLevel")),
                       "a vocabulary of bytes has"));
  remove_file(path_ + "/tokenizer.json");
  EXPECT_TRUE(contains(refused(), "tokenizer.json: is not there; name a text"));
  EXPECT_EQ(refused({.vocabulary = random_model().info.vocabulary}), "(no error)");
  EXPECT_TRUE(contains(refused({.vocabulary = Vocabulary::bytes()}), "the vocabulary 256"));
}

// Whatever a byte is changed to, there is an answer or one line.
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
