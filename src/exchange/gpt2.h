// GPT-2's kind of transformer (Radford et al. 2019), which many programs read: which of our models are one, and what their
// weights are called elsewhere. Hugging Face directories, nanoGPT's weights and llama.cpp's files all hold this kind. Those
// of rotary positions are GPT-NeoX there (Black et al. 2022), with all channels of a head turned and the feed-forward layer
// after attention, not beside it: then nothing else differs.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "headlight/formats/safetensors.h"
#include "headlight/models/transformer.h"

namespace headlight {

inline constexpr double kGpt2NormEps = 1e-5;  // of layer norm; what Norm uses

// Whether it is the other kind of model that formats hold as GPT-2: GPT-NeoX, which is the same with rotary positions.
inline bool is_neox(const TransformerConfig& config) { return config.position == PositionKind::kRotary; }
// Error: what of this model neither has a place for, and what to do. `format` begins the line: "hf".
void check_is_gpt2(const TransformerConfig& config, const std::string& format);

enum class Gpt2Naming {
  kHuggingFace,  // "h.0.attn.c_attn.weight", [in,out]
  kNanoGpt,      // the same names, [out,in]
  kGguf,         // "blk.0.attn_qkv.weight", [out,in]; of both kinds
  kNeoX,         // Hugging Face's GPT-NeoX: "layers.0.attention.query_key_value.weight", [out,in]; no positions
};

struct Gpt2Weight {
  std::string ours;          // "blocks.0.attn.qkv.weight"
  std::string theirs;        // without the "transformer." or "gpt_neox." that may stand before it
  std::vector<Index> shape;  // ours
  bool transposed = false;   // theirs is [in,out], ours [out,in]
  Index by_head = 0;         // so many heads: our rows are q, k, v of all of them, theirs the q, k, v of each
  bool norm_bias = false;    // the shift of a layer norm, which models without biases may lack elsewhere
  std::vector<Index> their_shape() const;
};
// Every weight of such a model, in our order. Those of `config.bias` false have none in linear layers.
std::vector<Gpt2Weight> gpt2_weights(const TransformerConfig& config, Gpt2Naming naming);

// A model's weights as they are to be stored elsewhere.
struct Gpt2Tensors {
  std::vector<std::vector<float>> values;
  std::vector<TensorView> views;  // of the values, under their names
};
// Linear layers without bias get one of zeros. Error: a weight of the model that GPT-2 does not have.
Gpt2Tensors gpt2_tensors(const CharTransformer& model, Gpt2Naming naming);

// Tensors by name, without "_orig_mod." and "transformer." or "gpt_neox." before them and without the masks that some files
// store as tensors ("attn.bias"). Error: a name that comes twice then.
std::map<std::string, const TensorView*> gpt2_names(const std::vector<TensorView>& tensors, const std::string& source);

// The model that these tensors are. It is made only when every tensor is there in its shape, so that a file cannot ask for
// more memory than it fills. A missing shift of a layer norm is zeros when config.bias is false.
// Errors, each with `source` and the tensor: missing, of another shape or type, none of such a model's.
std::unique_ptr<CharTransformer> model_from_gpt2(const std::map<std::string, const TensorView*>& tensors,
                                                 const TransformerConfig& config, Gpt2Naming naming,
                                                 const std::string& source);

// The largest difference between the two models' logits on a window of tokens, relative to the largest logit.
double logit_difference(const CharTransformer& a, const CharTransformer& b);

}  // namespace headlight
