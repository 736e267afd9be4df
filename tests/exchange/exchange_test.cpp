// Round trips through other programs' formats. tests/interop checks that those programs read the files.
#include "exchange/exchange.h"

#include <gtest/gtest.h>

#include <cmath>

#include "exchange/gpt2.h"
#include "formats/gguf.h"
#include "headlight/training/checkpoint.h"
#include "support/expect_error.h"
#include "support/random_model.h"
#include "support/temporary_directory.h"

namespace headlight {
namespace {

std::vector<RunConfig> configs_that_fit() {
  std::vector<RunConfig> all(7, small_config());
  all[1].tied = false;
  all[2].bias = false;
  all[3].hidden = 5;
  all[4].activation = "gelu-erf";
  all[5].tokens = TokenUnit::kByte;
  all[6].layers = 1;
  all[6].heads = 4;
  all[6].activation = "relu";
  all[6].dropout = 0.25;
  return all;
}

// Configurations that Hugging Face's GPT-NeoX supports.
std::vector<RunConfig> rotary_configs() {
  std::vector<RunConfig> all = configs_that_fit();
  for (RunConfig& config : all) config.position = "rotary";
  return all;
}

TEST(HuggingFace, ComesBackAsItWas) {
  std::vector<RunConfig> all = configs_that_fit();
  for (RunConfig& config : rotary_configs()) all.push_back(config);
  for (const RunConfig& config : all) {
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
    // Saved as a run directory, the model equals the imported one.
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

TEST(HuggingFace, RotaryModelsLieAsGptNeoX) {
  const TemporaryDirectory directory;
  RunConfig config = small_config();
  config.position = "rotary";
  const TrainedModel trained = random_model(config);
  export_hugging_face(trained, directory.path());
  const SafeTensors file = SafeTensors::load(directory / "model.safetensors");
  // GPT-NeoX groups the rows by head: its q, k and v.
  const Tensor ours = [&] {
    for (const NamedTensor& p : trained.model->parameters())
      if (p.name == "blocks.1.attn.qkv.weight") return p.value;
    return Tensor();
  }();
  std::vector<double> theirs(static_cast<std::size_t>(ours.numel()));
  file.read("gpt_neox.layers.1.attention.query_key_value.weight", theirs);
  const Index width = config.width, heads = config.heads, size = width / heads;
  ASSERT_GT(heads, 1);
  for (Index part = 0; part < 3; ++part)
    for (Index head = 0; head < heads; ++head)
      for (Index row = 0; row < size; ++row)
        for (Index column = 0; column < width; ++column)
          ASSERT_EQ(theirs[static_cast<std::size_t>(((head * 3 + part) * size + row) * width + column)],
                    ours.at({part * width + head * size + row, column}));
  EXPECT_FALSE(file.find("embed_out.weight"));
  // Settings that our models compute differently are errors.
  const std::string name = directory / "config.json", good = read_file(name);
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    write_file_atomically(name, at == std::string::npos ? text : text.replace(at, from.size(), to));
    return error_of([&] { import_model(directory.path()); });
  };
  EXPECT_TRUE(contains(with("\"use_parallel_residual\": false", "\"use_parallel_residual\": true"),
                       "use_parallel_residual: is true"));
  EXPECT_TRUE(contains(with("\"use_parallel_residual\": false,", ""), "use_parallel_residual"));
  EXPECT_TRUE(contains(with("\"rotary_pct\": 1", "\"rotary_pct\": 0.25"), "rotary_pct: 0.25 is not 1"));
  EXPECT_TRUE(contains(with("\"rotary_pct\": 1,", ""), "has no rotary_pct"));
  EXPECT_TRUE(contains(with("10000", "20000"), "rotary_emb_base: 20000 is not 10000"));
  EXPECT_TRUE(contains(with("\"rotary_pct\"", "\"rope_scaling\": {\"type\": \"linear\"}, \"rotary_pct\""), "scaled"));
  EXPECT_TRUE(contains(with("\"rotary_pct\": 1", "\"rope_parameters\": {\"rope_type\": \"yarn\"}"), "\"yarn\""));
  EXPECT_TRUE(contains(with("\"rotary_pct\": 1", "\"rope_parameters\": {\"rope_theta\": 10000}"),
                       "has no partial_rotary_factor"));
  EXPECT_EQ(with("\"rotary_pct\": 1",
                 "\"rope_parameters\": {\"rope_type\": \"default\", \"rope_theta\": 10000.0, "
                 "\"partial_rotary_factor\": 1.0}"),
            "(no error)");
  EXPECT_TRUE(contains(with("gpt_neox", "gpt2"), "config.json"));
}

// If another program replaces the weights, the import must not report the old loss.
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
  EXPECT_TRUE(
      contains(error_of([&] { import_model(directory.path()); }), "metadata \"headlight_val_loss\" is missing"));
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
    for (const char* position : {"sinusoidal", "alibi", "none"}) {
      const std::string line = refusal([&](RunConfig& c) { c.position = position; }, write);
      EXPECT_EQ(line.rfind(format, 0), 0u) << line;
      EXPECT_TRUE(contains(line, "--position learned or rotary"));
    }
    EXPECT_TRUE(contains(refusal([](RunConfig& c) { c.norm = "rms"; }, write), "--norm layer"));
    EXPECT_TRUE(contains(refusal([](RunConfig& c) { c.pre_norm = false; }, write), "--pre-norm"));
    EXPECT_TRUE(contains(refusal([](RunConfig& c) { c.hidden = 0; }, write), "--hidden -1"));
  }
  for (const char* activation : {"gelu-erf", "relu", "silu"})
    EXPECT_TRUE(contains(refusal([&](RunConfig& c) { c.activation = activation; }, export_gguf), "use --to hf"));
  // The NumPy formats support every model.
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

// ---- gguf
// -----------------------------------------------------------------------------------------------------------------

TEST(GgufExport, HoldsTheModelAndItsTokenizer) {
  std::vector<RunConfig> all = configs_that_fit();
  for (RunConfig& config : rotary_configs()) all.push_back(config);
  for (const RunConfig& config : all) {
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
    const bool neox = config.position == "rotary";
    EXPECT_EQ(file.at<std::string>("general.architecture"), neox ? "gptneox" : "gpt2");
    EXPECT_EQ(file.at<std::uint32_t>(neox ? "gptneox.context_length" : "gpt2.context_length"), 256u);
    if (neox) {
      EXPECT_FALSE(file.at<bool>("gptneox.use_parallel_residual"));
      EXPECT_EQ(file.at<std::uint32_t>("gptneox.rope.dimension_count"), 8 / config.heads);
    }
    EXPECT_TRUE(contains(exported.notices.at(0), "context of 12 tokens"));
    std::map<std::string, std::vector<Index>> sizes;
    for (const TensorView& tensor : file.tensors()) {
      sizes[tensor.name] = tensor.shape;
    }
    using Sizes = std::vector<Index>;
    EXPECT_EQ(sizes["position_embd.weight"], neox ? Sizes{} : (Sizes{256, 8}));
    EXPECT_EQ(sizes.at("token_embd.weight"), (Sizes{v + 1, 8}));
    EXPECT_EQ(sizes.at("output.weight"), (Sizes{v + 1, 8}));
    EXPECT_EQ(sizes.at("blk.0.attn_qkv.weight"), (Sizes{24, 8}));
    if (config.tokens == TokenUnit::kByte) {
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

// The logit of the extra token for random hidden states gamma n + beta, with n normalized.
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
      const Tensor x = trained.transformer("test").norm(Tensor::normal({1, 1, 8}, 0.3, 2, rng));
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

// ---- nanoGPT
// ----------------------------------------------------------------------------------------------------------------

// The weights in nanoGPT's layout; `change` may modify them.
void save_nano_gpt(const std::string& path, const TrainedModel& trained, const std::string& prefix,
                   const Metadata& metadata, bool copy_of_head = true) {
  Gpt2Tensors tensors = gpt2_tensors(trained.transformer("test"), Gpt2Naming::kNanoGpt);
  const bool bias = trained.transformer("test").config().bias;
  std::vector<TensorView> views;
  for (TensorView view : tensors.views) {
    if (!bias && view.name.find(".bias") != std::string::npos) continue;
    view.name = view.name == "lm_head.weight" ? prefix + view.name : prefix + "transformer." + view.name;
    views.push_back(view);
  }
  if (copy_of_head && trained.transformer("test").config().tied) {
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
      EXPECT_TRUE(contains(error_of([&] { import_model(path, options); }), "set it with --heads"));
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
  EXPECT_TRUE(contains(error_of([&] { import_model(path); }), "has no vocabulary; pass the text"));
  EXPECT_TRUE(contains(error_of([&] { import_model(path, {.vocabulary = Vocabulary::bytes()}); }),
                       "the model has 14 tokens, but the vocabulary has 256"));
  save_safetensors(path, {});
  EXPECT_TRUE(contains(error_of([&] { import_model(path); }), "has no tensor wte.weight"));
  export_hugging_face(trained, directory / "h");
  EXPECT_TRUE(contains(error_of([&] { import_model(directory / "h/model.safetensors"); }), "pass the directory"));
  EXPECT_TRUE(contains(error_of([&] { import_model(directory / "nothing"); }), "no such file or directory"));
}

}  // namespace
}  // namespace headlight
