// GGUF export for llama.cpp: its GPT-2, or its GPT-NeoX for rotary positions.
//
// Tokenizer: llama.cpp uses byte-pair encoding (BPE) over visible characters that represent bytes. A multi-byte
// character is a token built by merges: its first two bytes, then the third, and so on. Every merge begins with the
// first byte of a character, so no merge crosses a character boundary.
//
// End of text: if a GPT-2 file names no end-of-text token, llama.cpp uses token 11 and would stop at that character.
// The file therefore has one extra token, <|endoftext|>, with a constant logit far below all others, so that the model
// never generates it. With gamma and beta of the last layer norm and its normalized input n, the logit of an output row
// w is
//   w . (gamma n + beta)  =  c sum(n) + c sum(beta / gamma)  for  w = c / gamma,
// and sum(n) = 0. As an input token, <|endoftext|> gets the embedding of the token before a text (token_before).
//
// Positions: contexts in llama.cpp are multiples of 256, and a position beyond the table aborts the program. The table
// is therefore padded to such a multiple with copies of the last learned position.
#include <algorithm>
#include <cmath>

#include "exchange/byte_characters.h"
#include "exchange/exchange.h"
#include "exchange/exchange_files.h"
#include "exchange/gguf_model.h"
#include "exchange/gpt2.h"
#include "formats/gguf.h"
#include "headlight/base/error.h"
#include "nn/position_rotary.h"
#include "os/file.h"

namespace headlight {

namespace {

constexpr const char* kEnd = "<|endoftext|>";
constexpr float kNeverLogit = -200;

constexpr Index kContextMultiple = 256;
Index whole_context(Index context) { return (context + kContextMultiple - 1) / kContextMultiple * kContextMultiple; }

// A row of output weights whose logit is always kNeverLogit; zeros (logit 0) if no such row exists.
std::vector<float> never_row(const TransformerLM& model) {
  const auto& norm = dynamic_cast<const LayerNorm&>(*model.norm);  // as check_is_gpt2() requires
  const std::span<const float> gamma(norm.gamma.value().data<float>(),
                                     static_cast<std::size_t>(norm.gamma.value().numel()));
  const float* beta = norm.beta.value().data<float>();
  std::vector<float> row(gamma.size(), 0.0f);
  double sum = 0, smallest = INFINITY;
  for (std::size_t i = 0; i < gamma.size(); ++i) {
    smallest = std::min(smallest, std::abs(static_cast<double>(gamma[i])));
    sum += static_cast<double>(beta[i]) / static_cast<double>(gamma[i]);
  }
  // With smaller values, the rounding error of sum(n) would dominate the logit.
  if (!(smallest > 1e-3 && std::abs(sum) > 1e-3)) return row;
  for (std::size_t i = 0; i < row.size(); ++i)
    row[i] = static_cast<float>(static_cast<double>(kNeverLogit) / sum / static_cast<double>(gamma[i]));
  return row;
}

// The token that precedes a text: the document end, a line break, or token 0.
std::int32_t token_before(const RunInfo& info) {
  if (!info.document_end.empty()) return info.document_end.back();
  if (info.vocabulary.is_bytes()) return '\n';
  const std::size_t found = info.vocabulary.characters().find(U'\n');
  return found == std::u32string::npos ? 0 : static_cast<std::int32_t>(found);
}

std::string architecture(const TransformerConfig& c) { return is_neox(c) ? "gptneox" : "gpt2"; }

GgufMetadata metadata_of(const TrainedModel& trained) {
  const TransformerConfig& c = trained.transformer("--to gguf").config();
  const auto size = [](Index value) { return static_cast<std::uint32_t>(value); };
  std::vector<std::string> tokens, merges;
  for (std::int32_t id = 0; id < static_cast<std::int32_t>(c.vocabulary); ++id) {
    const std::string bytes = trained.info.vocabulary.piece(id);
    tokens.push_back(bytes_to_characters(bytes));
    for (std::size_t n = 1; n < bytes.size(); ++n)
      merges.push_back(cat(bytes_to_characters(bytes.substr(0, n)), " ", bytes_to_characters(bytes.substr(n, 1))));
  }
  std::sort(merges.begin(), merges.end());
  merges.erase(std::unique(merges.begin(), merges.end()), merges.end());
  std::vector<std::int32_t> kinds(tokens.size(), kGgufNormal);
  tokens.emplace_back(kEnd);
  kinds.push_back(kGgufControl);
  const std::string name = without_folders(trained.info).source, kind = architecture(c);
  GgufMetadata metadata = {
      {"general.architecture", kind},
      {"general.name", name.empty() ? std::string("headlight") : name},
      {"general.file_type", std::uint32_t{0}},  // all F32
      {kind + ".block_count", size(c.layers)},
      {kind + ".context_length", size(whole_context(c.context))},
      {kind + ".embedding_length", size(c.width)},
      {kind + ".feed_forward_length", size(c.hidden_size())},
      {kind + ".attention.head_count", size(c.heads)},
      {kind + ".attention.layer_norm_epsilon", static_cast<float>(kGpt2NormEps)},
      {"tokenizer.ggml.model", std::string("gpt2")},
      // The pre-tokenizer, which splits the text between characters. Unlike GPT-2's own, qwen2's keeps spaces before
      // punctuation when tokens are converted to text.
      {"tokenizer.ggml.pre", std::string("qwen2")},
      {kGgufTokens, std::move(tokens)},
      {kGgufTokenKinds, std::move(kinds)},
      {"tokenizer.ggml.merges", std::move(merges)},
      {"tokenizer.ggml.bos_token_id", size(c.vocabulary)},
      {"tokenizer.ggml.eos_token_id", size(c.vocabulary)},
      {"tokenizer.ggml.add_bos_token", false},
      {"tokenizer.ggml.add_eos_token", false}};
  if (is_neox(c)) {
    metadata.push_back({kind + ".rope.dimension_count", size(c.resolved_head_size())});
    metadata.push_back({kind + ".rope.freq_base", static_cast<float>(kRotaryBase)});
    metadata.push_back({kind + ".use_parallel_residual", false});
  }
  return metadata;
}

// Appends `count` copies of a row to a table.
void add_rows(std::vector<float>& values, TensorView& view, const std::vector<float>& row, Index count = 1) {
  for (Index i = 0; i < count; ++i) values.insert(values.end(), row.begin(), row.end());
  view = tensor_view<float>(view.name, {view.shape[0] + count, view.shape[1]}, values);
}

}  // namespace

Exported export_gguf(const TrainedModel& trained, const std::string& path) {
  check_gpt2_supported(trained.info.config, "gguf");
  const TransformerConfig& c = trained.transformer("--to gguf").config();
  check_is_gpt2(c, "gguf");
  if (c.activation != "gelu")
    fail(
        "gguf: supports only the activation gelu; train a model with --activation gelu, or use --to hf, which stores "
        "this one");
  Gpt2Tensors tensors = gpt2_tensors(trained.transformer("--to gguf"), Gpt2Naming::kGguf);
  const auto row_of = [&](const std::vector<float>& table, Index row) {
    const auto begin = table.begin() + static_cast<std::ptrdiff_t>(row * c.width);
    return std::vector<float>(begin, begin + static_cast<std::ptrdiff_t>(c.width));
  };
  // values[0] is the token embedding [V,C], values[1] the learned positions [T,C] if any, the last one lm_head [V,C].
  const std::vector<float> embedding = tensors.values[0], never = never_row(trained.transformer("--to gguf"));
  add_rows(tensors.values[0], tensors.views[0], row_of(embedding, token_before(trained.info)));
  if (!is_neox(c))
    add_rows(tensors.values[1], tensors.views[1], row_of(tensors.values[1], c.context - 1),
             whole_context(c.context) - c.context);
  if (c.tied) {
    tensors.values.push_back(embedding);
    tensors.views.push_back(tensor_view<float>("output.weight", {c.vocabulary, c.width}, tensors.values.back()));
  }
  add_rows(tensors.values.back(), tensors.views.back(), never);

  Exported exported;
  exported.files = {path};
  if (whole_context(c.context) != c.context)
    exported.notices.push_back(cat("this model has a context of ", c.context,
                                   " tokens, but llama.cpp rounds contexts up to multiples of ", kContextMultiple,
                                   "; keep prompt and answer within ", c.context, " tokens (-n)"));
  if (std::all_of(never.begin(), never.end(), [](float x) { return x == 0; }))
    exported.notices.push_back(cat("llama.cpp may end a text early, because ", kEnd,
                                   " has the logit 0: this model's last layer norm allows no constant lower logit; "
                                   "train the model further"));
  save_gguf(path, metadata_of(trained), tensors.views, [&](const std::string& temporary) {
    const GgufModel back = model_of_gguf(Gguf::parse(read_file(temporary), path));
    check_reads_back(trained, back.vocabulary, *back.model, path, exported);
  });
  return exported;
}

}  // namespace headlight
