// Import of Hugging Face directories (GPT-2, GPT-NeoX) and nanoGPT weights.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

#include "base/words.h"
#include "exchange/exchange.h"
#include "exchange/exchange_files.h"
#include "exchange/gpt2.h"
#include "exchange/sharded.h"
#include "exchange/tokenizer_json.h"
#include "headlight/base/error.h"
#include "nn/position_rotary.h"
#include "os/file.h"
#include "os/folder.h"
#include "training/state.h"

namespace headlight {

namespace {

constexpr Index kMaxModelSize = Index{1} << 20;

using Tensors = std::map<std::string, const TensorView*>;

double real_at(const JsonView& config, std::string_view key, double otherwise) {
  const auto found = config.find(key);
  return found ? found->as_double() : otherwise;
}

// A GPT-2 option that our models lack: its value must be the one that our models implement.
void require(const JsonView& config, std::string_view key, bool value) {
  const auto found = config.find(key);
  if (found && found->as_bool() != value)
    found->refuse(cat("is ", value ? "false" : "true", "; only ", value ? "true" : "false", " is supported"));
}

// The configuration keys and tensor names of a model family.
struct Family {
  const char* type;
  Gpt2Naming naming;
  const char *layers, *heads, *width, *context, *hidden, *activation, *norm_eps, *dropout;
  const char *tokens, *head;  // tensors
  bool tied;                  // default of tie_word_embeddings
};
constexpr Family kFamilies[] = {
    {"gpt2", Gpt2Naming::kHuggingFace, "n_layer", "n_head", "n_embd", "n_positions", "n_inner", "activation_function",
     "layer_norm_epsilon", "resid_pdrop", "wte.weight", "lm_head.weight", true},
    {"gpt_neox", Gpt2Naming::kNeoX, "num_hidden_layers", "num_attention_heads", "hidden_size",
     "max_position_embeddings", "intermediate_size", "hidden_act", "layer_norm_eps", "hidden_dropout",
     "embed_in.weight", "embed_out.weight", false}};

const Family& family_of(const JsonView& config) {
  const JsonView kind = config.at("model_type");
  for (const Family& family : kFamilies)
    if (kind.as_string() == family.type) return family;
  kind.refuse(cat("is \"", kind.as_string(), "\"; only \"gpt2\" and \"gpt_neox\" are supported"));
}

// Our rotary positions rotate all channels by the standard angles. Files store these properties under either of two
// sets of keys.
void require_plain_rotary(const JsonView& config) {
  const auto require_number = [](const JsonView& where, const char* key, double value, bool otherwise) {
    const auto found = where.find(key);
    if (!found && !otherwise) where.refuse(cat("has no ", key, "; only ", value, " is supported"));
    if (found && found->as_double() != value)
      found->refuse(cat(found->as_double(), " is not ", value, ", the only supported value"));
  };
  if (const auto rope = config.find("rope_parameters")) {
    if (const auto type = rope->find("rope_type"); type && type->as_string() != "default")
      type->refuse(cat("\"", type->as_string(), "\" is not \"default\", the only supported type"));
    require_number(*rope, "rope_theta", static_cast<double>(kRotaryBase), true);
    require_number(*rope, "partial_rotary_factor", 1, false);
    return;
  }
  if (const auto scaling = config.find("rope_scaling")) scaling->refuse("scaled rotary angles are not supported");
  require_number(config, "rotary_emb_base", static_cast<double>(kRotaryBase), true);
  require_number(config, "rotary_pct", 1, false);  // defaults to 0.25
}

std::string activation_of(const JsonView& config, const Family& family) {
  const auto given = config.find(family.activation);
  if (!given && family.naming == Gpt2Naming::kNeoX) return "gelu-erf";
  const std::string name = given ? given->as_string() : "gelu_new";
  // gelu_pytorch_tanh and gelu_fast compute the same function as gelu_new.
  for (const auto& [theirs, ours] : {std::pair{"gelu_new", "gelu"},
                                     {"gelu_pytorch_tanh", "gelu"},
                                     {"gelu_fast", "gelu"},
                                     {"gelu", "gelu-erf"},
                                     {"relu", "relu"},
                                     {"silu", "silu"},
                                     {"swish", "silu"}})
    if (name == theirs) return ours;
  given->refuse(cat("\"", name, "\" is not supported; only gelu_new, gelu, relu and silu are"));
}

bool same_values(const TensorView& a, const TensorView& b) {
  return a.type == b.type && a.shape == b.shape && a.data.size() == b.data.size() &&
         std::memcmp(a.data.data(), b.data.data(), a.data.size()) == 0;
}

bool is_zero(const TensorView& tensor, const std::string& source) {
  std::vector<float> values(tensor.data.size() / static_cast<std::size_t>(bytes_of(tensor.type)));
  copy_values(tensor, source, values);
  return std::all_of(values.begin(), values.end(), [](float x) { return x == 0; });
}

// Whether a Hugging Face or nanoGPT tensor is the bias of a linear layer.
bool is_linear_bias(const std::string& name) {
  return name.find(".bias") != std::string::npos && name.find("ln_") == std::string::npos &&
         name.find("norm") == std::string::npos;
}

// Drops lm_head if it is a copy of the token embedding.
void drop_tied_head(Tensors& tensors, const Family& family, const std::string& source) {
  const auto head = tensors.find(family.head), tokens = tensors.find(family.tokens);
  if (head == tensors.end()) return;
  if (tokens != tensors.end() && !same_values(*head->second, *tokens->second))
    fail(source, ": ", family.head, " differs from ", family.tokens,
         ", but config.json ties them; set tie_word_embeddings to false");
  tensors.erase(head);
}

void check_vocabulary(const TrainedModel& trained, Index rows, const std::string& source) {
  if (trained.info.vocabulary.size() != rows)
    fail(source, ": the model has ", counted(rows, "token"), ", but the vocabulary has ",
         trained.info.vocabulary.size(), "; pass the text that the model was trained on with --vocabulary");
}

ShardedTensors one_shard(const SafeTensors& file) { return {{file}, file.tensors()}; }

TrainedModel import_hugging_face(const std::string& directory, const ImportOptions& options) {
  const std::string config_name = directory + "/config.json", tokenizer_name = directory + "/tokenizer.json";
  // A single file, or an index of shards; like transformers, prefer the single file.
  const std::string one_file = directory + "/model.safetensors", index = cat(directory, "/", kShardIndex);
  const bool sharded = !path_exists(one_file) && path_exists(index);
  const std::string& weights_name = sharded ? index : one_file;
  const Json document = parse_json(read_file(config_name), config_name);
  const JsonView config(document, config_name);
  if (document.find("headlight")) fail(directory, ": is already a Headlight run; use it without importing");
  const Family& family = family_of(config);
  const bool neox = family.naming == Gpt2Naming::kNeoX;
  if (neox) {
    config.at("use_parallel_residual");  // required, because it defaults to true
    require(config, "use_parallel_residual", false);
    require(config, "attention_bias", true);
    require_plain_rotary(config);
  } else {
    require(config, "scale_attn_weights", true);
    require(config, "scale_attn_by_inverse_layer_idx", false);
    require(config, "add_cross_attention", false);
  }
  if (const double eps = real_at(config, family.norm_eps, kGpt2NormEps); std::abs(eps - kGpt2NormEps) > 1e-12)
    config.at(family.norm_eps).refuse(cat(eps, " is not ", kGpt2NormEps, ", the only supported value"));

  TrainedModel trained;
  RunConfig& c = trained.info.config;
  c.layers = config.at(family.layers).as_index(1, kMaxModelSize);
  c.heads = config.at(family.heads).as_index(1, kMaxModelSize);
  c.width = config.at(family.width).as_index(1, kMaxModelSize);
  c.context = config.at(family.context).as_index(1, kMaxModelSize);
  const Index vocabulary = config.at("vocab_size").as_index(1, kMaxModelSize);
  if (options.heads > 0 && options.heads != c.heads)
    config.at(family.heads).refuse(cat("is ", c.heads, ", but --heads is ", options.heads, "; omit --heads"));
  const auto hidden = config.find(family.hidden);
  c.hidden = hidden ? hidden->as_index(1, kMaxModelSize) : 4 * c.width;
  if (c.hidden == 4 * c.width) c.hidden = -1;
  c.activation = activation_of(config, family);
  c.dropout = real_at(config, family.dropout, neox ? 0 : 0.1);
  c.position = neox ? "rotary" : "learned";
  const auto tied = config.find("tie_word_embeddings");
  c.tied = tied ? tied->as_bool() : family.tied;

  const ShardedTensors weights = sharded ? load_shards(directory) : one_shard(SafeTensors::load(weights_name));
  Tensors tensors = gpt2_names(weights.tensors, weights_name);
  if (c.tied) drop_tied_head(tensors, family, weights_name);
  if (const auto ours = config.find("headlight_export")) {
    trained.info.source = ours->at("text").as_string();
    // A model without biases was exported with zero biases.
    c.bias = ours->at("bias").as_bool();
    if (!c.bias) {
      for (const auto& [name, tensor] : tensors)
        if (is_linear_bias(name) && !is_zero(*tensor, weights_name)) c.bias = true;
      if (!c.bias) std::erase_if(tensors, [](const auto& entry) { return is_linear_bias(entry.first); });
    }
  }
  trained.val_loss = std::nan("");
  if (const SafeTensors& file = weights.shards[0]; !sharded && file.metadata().count(kStepKey)) {
    trained.step = metadata_whole(file, kStepKey);
    trained.val_loss = metadata_real(file, kLossKey);
    if (trained.step < 0) fail(weights_name, ": metadata \"", kStepKey, "\" is negative");
  }
  trained.info.imported_from = directory;

  if (options.vocabulary) {
    trained.info.vocabulary = *options.vocabulary;
  } else {
    if (!path_exists(tokenizer_name))
      fail(tokenizer_name, ": does not exist; pass the text that the model was trained on with --vocabulary");
    const Json tokenizer = parse_json(read_file(tokenizer_name), tokenizer_name);
    trained.info.vocabulary = vocabulary_of(JsonView(tokenizer, tokenizer_name));
  }
  c.tokens = trained.info.vocabulary.is_bytes() ? TokenUnit::kByte : TokenUnit::kCharacter;
  check_vocabulary(trained, vocabulary, config_name);
  check_imported(c, config_name);
  if (const auto ours = config.find("headlight_export"))
    if (const auto end = ours->find("document_end"))
      trained.info.document_end = trained.info.vocabulary.encode(end->as_string(), end->where());
  trained.model = model_from_gpt2(tensors, c.transformer(vocabulary), family.naming, weights_name);
  return trained;
}

const TensorView& matrix(const Tensors& tensors, const std::string& name, const std::string& source) {
  const auto found = tensors.find(name);
  if (found == tensors.end()) fail(source, ": has no tensor ", name, "; pass the weights of a GPT-2");
  if (found->second->shape.size() != 2)
    fail(source, ": ", found->second->name, " is not a matrix; pass the weights of a GPT-2");
  return *found->second;
}

Index metadata_heads(const SafeTensors& file) {
  const auto found = file.metadata().find("n_head");
  if (found == file.metadata().end())
    fail(file.source(), ": does not store the number of attention heads per layer; set it with --heads");
  Index heads = 0;
  const std::string& text = found->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), heads);
  if (error != std::errc() || end != text.data() + text.size() || heads < 1 || heads > kMaxModelSize)
    fail(file.source(), ": its metadata n_head \"", text, "\" is not a number of heads; set it with --heads");
  return heads;
}

// Recognizes common wrong files by their first bytes, to give better advice than "not a safetensors file".
void refuse_foreign(const std::string& path) {
  std::string first(4, '\0');
  FileReader(path).read(first);
  const auto begins = [&](std::string_view bytes) { return first.rfind(bytes, 0) == 0; };
  if (begins("GGUF"))
    fail(path, ": is a GGUF file, which can be exported but not imported; pass a Hugging Face directory, or nanoGPT ",
         "weights in a .safetensors file");
  if (begins("PK\3\4") || begins("\x80\2") || begins("\x80\4"))
    fail(path, ": is a NumPy archive or a PyTorch pickle, which cannot be imported; headlight import --help ",
         "shows how to convert a ckpt.pt to .safetensors");
}

SafeTensors load_weights(const std::string& path) {
  try {
    return SafeTensors::load(path);
  } catch (const Error&) {
    refuse_foreign(path);
    throw;
  }
}

// nanoGPT weights have no configuration file, so the sizes come from the tensors.
TrainedModel import_nano_gpt(const std::string& path, const ImportOptions& options) {
  const SafeTensors file = load_weights(path);
  Tensors tensors = gpt2_names(file.tensors(), path);
  TrainedModel trained;
  trained.val_loss = std::nan("");
  trained.info.imported_from = path;
  RunConfig& c = trained.info.config;
  const TensorView& tokens = matrix(tensors, "wte.weight", path);
  const Index vocabulary = tokens.shape[0];
  c.width = tokens.shape[1];
  c.context = matrix(tensors, "wpe.weight", path).shape[0];
  const TensorView& packed = matrix(tensors, "h.0.attn.c_attn.weight", path);
  if (packed.shape[0] == c.width && packed.shape[1] == 3 * c.width)
    fail(path, ": has Hugging Face's weight layout; pass the directory that contains its config.json");
  c.hidden = matrix(tensors, "h.0.mlp.c_fc.weight", path).shape[0];
  if (c.hidden == 4 * c.width) c.hidden = -1;
  c.layers = 0;
  while (tensors.count(cat("h.", c.layers, ".ln_1.weight"))) ++c.layers;
  c.bias = tensors.count("h.0.attn.c_attn.bias") > 0;
  c.heads = options.heads > 0 ? options.heads : metadata_heads(file);
  c.activation = "gelu-erf";
  c.position = "learned";
  if (const auto head = tensors.find("lm_head.weight"); head != tensors.end()) {
    c.tied = same_values(*head->second, tokens);
    if (c.tied) tensors.erase(head);
  }
  if (!options.vocabulary)
    fail(path, ": has no vocabulary; pass the text that the model was trained on with --vocabulary FILE");
  trained.info.vocabulary = *options.vocabulary;
  c.tokens = trained.info.vocabulary.is_bytes() ? TokenUnit::kByte : TokenUnit::kCharacter;
  check_vocabulary(trained, vocabulary, path);
  check_imported(c, path);
  trained.model = model_from_gpt2(tensors, c.transformer(vocabulary), Gpt2Naming::kNanoGpt, path);
  return trained;
}

}  // namespace

TrainedModel import_model(const std::string& path, const ImportOptions& options) {
  if (!path_exists(path)) fail(path, ": no such file or directory; check the path");
  return is_directory(path) ? import_hugging_face(path, options) : import_nano_gpt(path, options);
}

}  // namespace headlight
