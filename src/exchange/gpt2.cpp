// GPT-2's and GPT-NeoX's weight names and layouts, conversion in both directions, and the comparison of logits.
#include "exchange/gpt2.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "formats/safetensors_format.h"
#include "headlight/autograd/tape.h"
#include "headlight/base/error.h"
#include "headlight/base/random.h"

namespace headlight {

namespace {

constexpr const char* kOneModel = "; use the configuration and weights of the same model";

struct Name {
  const char *ours, *hugging_face, *gguf, *neox;
};
// Within a block; all four linear layers have a bias.
constexpr Name kQkv{"attn.qkv", "attn.c_attn", "attn_qkv", "attention.query_key_value"},
    kAttentionOut{"attn.out", "attn.c_proj", "attn_output", "attention.dense"},
    kUp{"ff.up", "mlp.c_fc", "ffn_up", "mlp.dense_h_to_4h"},
    kDown{"ff.down", "mlp.c_proj", "ffn_down", "mlp.dense_4h_to_h"},
    kNorm1{"norm1", "ln_1", "attn_norm", "input_layernorm"},
    kNorm2{"norm2", "ln_2", "ffn_norm", "post_attention_layernorm"};
constexpr Name kTokens{"tokens", "wte", "token_embd", "embed_in"}, kPositions{"position", "wpe", "position_embd", ""},
    kLastNorm{"norm", "ln_f", "output_norm", "final_layer_norm"}, kHead{"head", "lm_head", "output", "embed_out"};

// Lists the weights of a model with our names and the other program's names.
class Walk {
 public:
  Walk(const TransformerConfig& config, Gpt2Naming naming) : c_(config), naming_(naming) {}

  std::vector<Gpt2Weight> all() {
    add(kTokens, ".weight", {c_.vocabulary, c_.width});
    if (c_.position != "rotary") add(kPositions, ".weight", {c_.context, c_.width});
    for (Index i = 0; i < c_.layers; ++i) {
      ours_ = cat("blocks.", i, ".");
      theirs_ = cat(naming_ == Gpt2Naming::kGguf ? "blk." : naming_ == Gpt2Naming::kNeoX ? "layers." : "h.", i, ".");
      norm(kNorm1);
      linear(kQkv, 3 * c_.width, c_.width);
      linear(kAttentionOut, c_.width, c_.width);
      norm(kNorm2);
      linear(kUp, c_.hidden_size(), c_.width);
      linear(kDown, c_.width, c_.hidden_size());
    }
    ours_ = theirs_ = "";
    norm(kLastNorm);
    if (!c_.tied) add(kHead, ".weight", {c_.vocabulary, c_.width});
    return std::move(weights_);
  }

 private:
  Gpt2Weight& add(const Name& name, const char* end, std::vector<Index> shape) {
    const char* theirs = naming_ == Gpt2Naming::kGguf   ? name.gguf
                         : naming_ == Gpt2Naming::kNeoX ? name.neox
                                                        : name.hugging_face;
    weights_.push_back(
        {.ours = cat(ours_, name.ours, end), .theirs = cat(theirs_, theirs, end), .shape = std::move(shape)});
    if (naming_ == Gpt2Naming::kNeoX && &name == &kQkv) weights_.back().by_head = c_.heads;
    return weights_.back();
  }
  void linear(const Name& name, Index out, Index in) {
    add(name, ".weight", {out, in}).transposed = naming_ == Gpt2Naming::kHuggingFace;
    if (c_.bias) add(name, ".bias", {out});
  }
  void norm(const Name& name) {
    add(name, ".weight", {c_.width});
    add(name, ".bias", {c_.width}).norm_bias = true;
  }

  const TransformerConfig& c_;
  Gpt2Naming naming_;
  std::string ours_, theirs_;
  std::vector<Gpt2Weight> weights_;
};

// Transposes [rows,columns] to [columns,rows].
std::vector<float> transposed(std::span<const float> values, Index rows, Index columns) {
  std::vector<float> result(values.size());
  for (Index r = 0; r < rows; ++r)
    for (Index c = 0; c < columns; ++c)
      result[static_cast<std::size_t>(c * rows + r)] = values[static_cast<std::size_t>(r * columns + c)];
  return result;
}

// Reorders rows of `width` numbers from [3,heads,size] (q, k, v of all heads) to [heads,3,size], or back.
std::vector<float> regrouped(std::span<const float> values, Index heads, Index width, bool back) {
  constexpr Index kParts = 3;                                                               // q, k and v
  const Index size = static_cast<Index>(values.size()) / (kParts * heads * width) * width;  // numbers per head and part
  std::vector<float> result(values.size());
  for (Index part = 0; part < kParts; ++part) {
    for (Index head = 0; head < heads; ++head) {
      Index from = (part * heads + head) * size, to = (head * kParts + part) * size;
      if (back) std::swap(from, to);
      std::copy_n(values.begin() + from, size, result.begin() + to);
    }
  }
  return result;
}

bool is_float(StoredType type) {
  return type == StoredType::kF32 || type == StoredType::kF64 || type == StoredType::kF16 || type == StoredType::kBF16;
}

std::string without(const std::string& name, const std::string& prefix) {
  return name.rfind(prefix, 0) == 0 ? name.substr(prefix.size()) : name;
}

// Numbers per row; a bias has one per row.
Index width_of(const Gpt2Weight& weight) { return weight.shape.size() == 2 ? weight.shape[1] : 1; }

bool ends_with(const std::string& name, const std::string& end) {
  return name.size() >= end.size() && name.compare(name.size() - end.size(), end.size(), end) == 0;
}

}  // namespace

void check_is_gpt2(const TransformerConfig& c, const std::string& format) {
  const char* npz = ", or use --to npz, which stores every model";
  if (c.position != "learned" && c.position != "rotary")
    fail(format,
         ": supports only learned (GPT-2) or rotary (GPT-NeoX) positions; train a model with --position learned or "
         "rotary",
         npz);
  if (!c.pre_norm) fail(format, ": supports only pre-norm models; train a model with --pre-norm", npz);
  if (c.norm != "layer")
    fail(format, ": supports only layer norms, not ", c.norm, " norms; train a model with --norm layer", npz);
  if (c.hidden == 0)
    fail(format, ": does not support models without feed-forward layers; train a model with --hidden -1", npz);
  Index layer = 0;
  while (layer < c.layers && c.heads_in(layer) == c.heads) ++layer;
  if (layer < c.layers)
    fail(format, ": needs the same number of heads in every layer, but layer ", layer, " of this model has ",
         c.heads_in(layer), " instead of ", c.heads, ", as after pruning; export the run before pruning", npz);
  if (c.heads * c.resolved_head_size() != c.width)
    fail(format, ": needs heads times head size to equal the width, but this model has ", c.heads, " heads of ",
         c.resolved_head_size(), " and width ", c.width, "; train a model without --head-size", npz);
}

std::vector<Index> Gpt2Weight::their_shape() const {
  return transposed ? std::vector<Index>{shape[1], shape[0]} : shape;
}

std::vector<Gpt2Weight> gpt2_weights(const TransformerConfig& config, Gpt2Naming naming) {
  return Walk(config, naming).all();
}

Gpt2Tensors gpt2_tensors(const TransformerLM& model, Gpt2Naming naming) {
  TransformerConfig config = model.config();
  config.bias = true;
  std::map<std::string, Tensor> present;
  for (const NamedTensor& p : model.parameters()) present.emplace(p.name, p.value);
  Gpt2Tensors result;
  for (const Gpt2Weight& weight : gpt2_weights(config, naming)) {
    const auto count =
        static_cast<std::size_t>(weight.shape.size() == 2 ? weight.shape[0] * weight.shape[1] : weight.shape[0]);
    std::vector<float> values(count, 0.0f);
    if (const auto found = present.find(weight.ours); found != present.end()) {
      const std::span<const float> numbers(found->second.data<float>(),
                                           static_cast<std::size_t>(found->second.numel()));
      if (numbers.size() != count)
        fail(weight.ours, ": has shape ", found->second.shape(),
             ", not GPT-2's; use --to npz, which stores every model");
      if (weight.transposed) values = transposed(numbers, weight.shape[0], weight.shape[1]);
      else if (weight.by_head > 0) values = regrouped(numbers, weight.by_head, width_of(weight), false);
      else values.assign(numbers.begin(), numbers.end());
      present.erase(found);
    } else if (!ends_with(weight.ours, ".bias")) {
      fail(weight.ours, ": is missing from this model, but GPT-2 needs it; use --to npz, which stores every model");
    }
    result.values.push_back(std::move(values));  // moving a vector keeps its data pointer valid
    result.views.push_back(tensor_view<float>(weight.theirs, weight.their_shape(), result.values.back()));
  }
  if (!present.empty())
    fail(present.begin()->first, ": has no counterpart in GPT-2; use --to npz, which stores every model");
  return result;
}

std::map<std::string, const TensorView*> gpt2_names(const std::vector<TensorView>& tensors, const std::string& source) {
  std::map<std::string, const TensorView*> named;
  for (const TensorView& tensor : tensors) {
    const std::string name = without(without(without(tensor.name, "_orig_mod."), "transformer."), "gpt_neox.");
    // Buffers that are not weights: causal masks and rotary frequencies.
    if (ends_with(name, ".attn.bias") || ends_with(name, ".attn.masked_bias") || ends_with(name, ".attention.bias") ||
        ends_with(name, ".attention.masked_bias") || ends_with(name, ".rotary_emb.inv_freq"))
      continue;
    if (!named.emplace(name, &tensor).second)
      fail(source, ": two tensors are ", name, ": ", tensor.name, " and ", named[name]->name, "; remove one of them");
  }
  return named;
}

std::unique_ptr<TransformerLM> model_from_gpt2(const std::map<std::string, const TensorView*>& tensors,
                                               const TransformerConfig& config, Gpt2Naming naming,
                                               const std::string& source) {
  const std::vector<Gpt2Weight> weights = gpt2_weights(config, naming);
  const char* kind = is_neox(config) ? "a GPT-NeoX" : "a GPT-2";
  auto unknown = tensors;
  std::map<std::string, std::pair<const Gpt2Weight*, const TensorView*>> sources;
  for (const Gpt2Weight& weight : weights) {
    const auto found = tensors.find(weight.theirs);
    if (found == tensors.end()) {
      if (!weight.norm_bias || config.bias)
        fail(source, ": has no tensor ", weight.theirs, ", which ", kind, " needs", kOneModel);
      continue;
    }
    const TensorView& tensor = *found->second;
    if (tensor.shape != weight.their_shape())
      fail(source, ": ", tensor.name, " is ", shape_text(tensor.shape), ", but this model needs ",
           shape_text(weight.their_shape()), kOneModel);
    if (!is_float(tensor.type))
      fail(source, ": ", tensor.name, " holds ", tensor.type, "; expected a floating type, such as F32");
    sources[weight.ours] = {&weight, &tensor};
    unknown.erase(weight.theirs);
  }
  if (!unknown.empty())
    fail(source, ": ", unknown.begin()->second->name, " is not part of ", kind, " with ", config.layers,
         config.layers == 1 ? " layer" : " layers", kOneModel);

  auto model = std::make_unique<TransformerLM>(config);
  for (const NamedTensor& p : model->parameters()) {
    Tensor value = p.value;
    const std::span<float> numbers(value.data<float>(), static_cast<std::size_t>(value.numel()));
    const auto found = sources.find(p.name);
    if (found == sources.end()) {  // a norm bias that the source lacks
      std::fill(numbers.begin(), numbers.end(), 0.0f);
      continue;
    }
    const auto& [weight, tensor] = found->second;
    copy_values(*tensor, source, numbers);
    if (weight->transposed || weight->by_head > 0) {
      const std::vector<float> reordered = weight->transposed
                                               ? transposed(numbers, weight->shape[1], weight->shape[0])
                                               : regrouped(numbers, weight->by_head, width_of(*weight), true);
      std::copy(reordered.begin(), reordered.end(), numbers.begin());
    }
    if (!std::all_of(numbers.begin(), numbers.end(), [](float x) { return std::isfinite(x); }))
      fail(source, ": ", tensor->name, " contains a value that is not finite; use another checkpoint");
  }
  return model;
}

double logit_difference(const LanguageModel& a, const LanguageModel& b) {
  const NoGrad no_recording;
  Rng rng(1);
  std::vector<std::int32_t> ids(static_cast<std::size_t>(std::min<Index>(a.context(), 256)));
  for (std::int32_t& id : ids) id = static_cast<std::int32_t>(rng.below(a.vocabulary()));
  const Tensor x = a(ids, 1), y = b(ids, 1);
  if (!(x.shape() == y.shape())) fail("logits differ in shape: ", x.shape(), " and ", y.shape());
  double largest = 0, difference = 0;
  for (Index i = 0; i < x.numel(); ++i) {
    const auto p = static_cast<double>(x.data<float>()[i]), q = static_cast<double>(y.data<float>()[i]);
    largest = std::max(largest, std::abs(p));
    if (!std::isfinite(p - q)) return std::numeric_limits<double>::infinity();
    difference = std::max(difference, std::abs(p - q));
  }
  return difference == 0 ? 0 : difference / std::max(largest, 1e-30);
}

}  // namespace headlight
