// Export to a Hugging Face directory: GPT-2, or GPT-NeoX for rotary positions.
#include <algorithm>

#include "base/version.h"
#include "exchange/exchange.h"
#include "exchange/exchange_files.h"
#include "exchange/gpt2.h"
#include "exchange/tokenizer_json.h"
#include "headlight/base/error.h"
#include "nn/position_rotary.h"
#include "os/atomic_folder.h"
#include "os/file.h"
#include "os/folder.h"
#include "training/state.h"

namespace headlight {

namespace {

const char* activation_name(const std::string& activation) {
  for (const auto& [ours, theirs] :
       {std::pair{"gelu", "gelu_new"}, {"gelu-erf", "gelu"}, {"relu", "relu"}, {"silu", "silu"}})
    if (activation == ours) return theirs;
  fail("hf: does not support the activation ", activation, "; train a model with gelu, gelu-erf, relu or silu");
}

Json gpt2_config(const TransformerConfig& c) {
  Json config = Json::object();
  config.set("model_type", "gpt2")
      .set("architectures", Json::array().push("GPT2LMHeadModel"))
      .set("vocab_size", c.vocabulary)
      .set("n_positions", c.context)
      .set("n_ctx", c.context)
      .set("n_embd", c.width)
      .set("n_layer", c.layers)
      .set("n_head", c.heads)
      .set("n_inner", c.hidden_size())
      .set("activation_function", activation_name(c.activation))
      .set("layer_norm_epsilon", kGpt2NormEps)
      .set("embd_pdrop", c.dropout)
      .set("resid_pdrop", c.dropout)
      .set("attn_pdrop", c.dropout)
      .set("scale_attn_weights", true)
      .set("scale_attn_by_inverse_layer_idx", false)
      .set("reorder_and_upcast_attn", false);
  return config;
}

// GPT-NeoX that rotates every channel of a head, with attention before the feed-forward layer instead of in parallel.
Json neox_config(const TransformerConfig& c) {
  Json config = Json::object();
  config.set("model_type", "gpt_neox")
      .set("architectures", Json::array().push("GPTNeoXForCausalLM"))
      .set("vocab_size", c.vocabulary)
      .set("max_position_embeddings", c.context)
      .set("hidden_size", c.width)
      .set("num_hidden_layers", c.layers)
      .set("num_attention_heads", c.heads)
      .set("intermediate_size", c.hidden_size())
      .set("hidden_act", activation_name(c.activation))
      .set("layer_norm_eps", kGpt2NormEps)
      .set("hidden_dropout", c.dropout)
      .set("attention_dropout", c.dropout)
      .set("attention_bias", true)
      .set("use_parallel_residual", false)
      .set("rotary_pct", 1)
      .set("rotary_emb_base", kRotaryBase);
  return config;
}

Json config_json(const TrainedModel& trained) {
  const TransformerConfig& c = trained.transformer("--to hf").config();
  Json config = is_neox(c) ? neox_config(c) : gpt2_config(c);
  config
      .set("tie_word_embeddings", c.tied)
      // No special tokens: GPT-2's default, 50256, is outside the vocabulary.
      .set("bos_token_id", Json())
      .set("eos_token_id", Json())
      .set("torch_dtype", "float32");
  // Read by our own import; other programs ignore this entry.
  const RunInfo info = without_folders(trained.info);
  Json ours = Json::object();
  ours.set("version", version()).set("bias", c.bias).set("text", info.source);
  if (!info.document_end.empty()) ours.set("document_end", info.vocabulary.decode(info.document_end));
  return config.set("headlight_export", ours.set("settings", to_json(info.config)));
}

}  // namespace

Exported export_hugging_face(const TrainedModel& trained, const std::string& directory) {
  check_gpt2_supported(trained.info.config, "hf");
  const TransformerConfig& c = trained.transformer("--to hf").config();
  check_is_gpt2(c, "hf");
  const bool neox = is_neox(c);
  const Gpt2Tensors tensors =
      gpt2_tensors(trained.transformer("--to hf"), neox ? Gpt2Naming::kNeoX : Gpt2Naming::kHuggingFace);
  std::vector<TensorView> views = tensors.views;
  for (TensorView& view : views)
    if (view.name != "lm_head.weight" && view.name != "embed_out.weight")
      view.name = (neox ? "gpt_neox." : "transformer.") + view.name;
  Json tokenizer_config = Json::object();
  tokenizer_config.set("tokenizer_class", "PreTrainedTokenizerFast")
      .set("clean_up_tokenization_spaces", false)
      .set("model_max_length", c.context);

  const std::string tokenizer = pretty_json_text(tokenizer_json(trained.info.vocabulary)),
                    config = pretty_json_text(config_json(trained));
  Exported exported;
  write_folder_atomically(directory, [&](const std::string& folder) {
    const auto file = [&](const char* name) {
      exported.files.push_back(cat(directory, "/", name));
      return cat(folder, "/", name);
    };
    save_safetensors(
        file("model.safetensors"), views,
        {{"format", "pt"}, {kStepKey, std::to_string(trained.step)}, {kLossKey, real_text(trained.val_loss)}});
    write_file_atomically(file("tokenizer.json"), tokenizer);
    write_file_atomically(file("tokenizer_config.json"), pretty_json_text(tokenizer_config));
    write_file_atomically(file("config.json"), config);
    const TrainedModel back = import_model(folder);
    check_reads_back(trained, back.info.vocabulary, *back.model, directory, exported);
  });
  return exported;
}

}  // namespace headlight
