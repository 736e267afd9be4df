// GPT-2 transformers (Radford et al. 2019): the check that a model is a GPT-2, and the names of its weights in other
// programs. Hugging Face directories, nanoGPT weights and llama.cpp files all store this architecture. Our models with
// rotary positions are stored as GPT-NeoX (Black et al. 2022). They rotate all channels of a head, and their
// feed-forward layer follows attention instead of running in parallel; otherwise they equal GPT-2.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "headlight/formats/safetensors.h"
#include "headlight/models/transformer.h"

namespace headlight {

inline constexpr double kGpt2NormEps = 1e-5;  // as in LayerNorm

// Whether a model is exported as GPT-NeoX instead of GPT-2, because it has rotary positions.
inline bool is_neox(const TransformerConfig& config) { return config.position == "rotary"; }
// Error: the model is neither a GPT-2 nor a GPT-NeoX. The message begins with `format`, such as "hf".
void check_is_gpt2(const TransformerConfig& config, const std::string& format);

enum class Gpt2Naming {
  kHuggingFace,  // "h.0.attn.c_attn.weight", [in,out]
  kNanoGpt,      // the same names, [out,in]
  kGguf,         // "blk.0.attn_qkv.weight", [out,in]; GPT-2 and GPT-NeoX
  kNeoX,         // Hugging Face's GPT-NeoX: "layers.0.attention.query_key_value.weight", [out,in]
};

struct Gpt2Weight {
  std::string ours;          // "blocks.0.attn.qkv.weight"
  std::string theirs;        // without a prefix "transformer." or "gpt_neox."
  std::vector<Index> shape;  // ours
  bool transposed = false;   // theirs is [in,out], ours [out,in]
  Index by_head = 0;         // theirs orders the rows [head][q, k, v], for this number of heads; ours [q, k, v][head]
  bool norm_bias = false;    // the bias of a layer norm, which other programs' models without biases may lack
  std::vector<Index> their_shape() const;
};
// Every weight of a GPT-2 or GPT-NeoX, in our order. With `config.bias` false, linear layers have no bias.
std::vector<Gpt2Weight> gpt2_weights(const TransformerConfig& config, Gpt2Naming naming);

// A model's weights in another program's names and layouts.
struct Gpt2Tensors {
  std::vector<std::vector<float>> values;
  std::vector<TensorView> views;  // the values, with the other program's names
};
// Linear layers without a bias get zeros. Error: a weight of the model that GPT-2 does not have.
Gpt2Tensors gpt2_tensors(const TransformerLM& model, Gpt2Naming naming);

// Tensors by name, with the prefixes "_orig_mod.", "transformer." and "gpt_neox." removed, and without the masks that
// some files store as tensors ("attn.bias"). Error: a name that then occurs twice.
std::map<std::string, const TensorView*> gpt2_names(const std::vector<TensorView>& tensors, const std::string& source);

// Builds the model from these tensors. Checks all shapes before it allocates the model, so that a file cannot request
// more memory than it contains. With config.bias false, missing layer-norm biases are zeros.
// Errors, each naming `source` and the tensor: missing, wrong shape or type, not part of such a model, not finite.
std::unique_ptr<TransformerLM> model_from_gpt2(const std::map<std::string, const TensorView*>& tensors,
                                               const TransformerConfig& config, Gpt2Naming naming,
                                               const std::string& source);

// The largest difference between the two models' logits on a window of tokens, relative to the largest logit.
double logit_difference(const LanguageModel& a, const LanguageModel& b);

}  // namespace headlight
