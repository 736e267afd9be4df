// llama.cpp's GPT-2 and, of rotary positions, GPT-NeoX. Its tokenizer is one for byte pairs (BPE) over visible
// characters that stand for bytes. A character of several bytes is therefore a token that merges make from its bytes,
// the first two, then the third, and so on; merges begin with a character's first byte, so none reaches across to the
// next character.
//
// llama.cpp takes token 11 for the end of all text where a GPT-2 file does not name another one, and would stop at every
// such character. The file therefore has one token more, <|endoftext|>, which a model never writes: its logit is some
// constant far below all others. With gamma and beta of the last layer norm, the logit of a row w is
//   w . (gamma n + beta)  =  c sum(n) + c sum(beta / gamma)  for  w = c / gamma,
// and sum(n) is 0, for n is normalised. As input it is the token that a text begins after: a line break, where there is one.
//
// Contexts in llama.cpp are multiples of 256, and a place beyond the table of positions ends the program. The table is
// therefore as long as the context that llama.cpp makes of the model's: the last place that was learned, again and again.
#include <algorithm>
#include <cmath>

#include "exchange/byte_characters.h"
#include "exchange/exchange.h"
#include "exchange/exchange_files.h"
#include "exchange/gguf_model.h"
#include "exchange/gpt2.h"
#include "formats/gguf.h"
#include "headlight/base/error.h"
#include "headlight/nn/position_rotary.h"
#include "os/file.h"

namespace headlight {

namespace {

constexpr const char* kEnd = "<|endoftext|>";
constexpr float kNeverLogit = -200;

constexpr Index kContextMultiple = 256;
Index whole_context(Index context) { return (context + kContextMultiple - 1) / kContextMultiple * kContextMultiple; }

// A row of output weights whose logit is kNeverLogit whatever the model says; zeros (logit 0) where there is none.
std::vector<float> never_row(const CharTransformer& model) {
  const Norm& norm = **model.norm;
  const std::span<const float> gamma(norm.gamma.value().data<float>(),
                                     static_cast<std::size_t>(norm.gamma.value().numel()));
  const float* beta = norm.beta->value().data<float>();
  std::vector<float> row(gamma.size(), 0.0f);
  double sum = 0, smallest = INFINITY;
  for (std::size_t i = 0; i < gamma.size(); ++i) {
    smallest = std::min(smallest, std::abs(static_cast<double>(gamma[i])));
    sum += static_cast<double>(beta[i]) / static_cast<double>(gamma[i]);
  }
  // Below, the rounding of sum(n) would show.
  if (!(smallest > 1e-3 && std::abs(sum) > 1e-3)) return row;
  for (std::size_t i = 0; i < row.size(); ++i)
    row[i] = static_cast<float>(static_cast<double>(kNeverLogit) / sum / static_cast<double>(gamma[i]));
  return row;
}

// The token that stands before a text.
std::int32_t token_before(const RunInfo& info) {
  if (!info.document_end.empty()) return info.document_end.back();
  if (info.vocabulary.is_bytes()) return '\n';
  const std::size_t found = info.vocabulary.characters().find(U'\n');
  return found == std::u32string::npos ? 0 : static_cast<std::int32_t>(found);
}

std::string architecture(const TransformerConfig& c) { return is_neox(c) ? "gptneox" : "gpt2"; }

GgufMetadata metadata_of(const TrainedModel& trained) {
  const TransformerConfig& c = trained.model->config();
  const auto size = [](Index value) { return static_cast<std::uint32_t>(value); };
  std::vector<std::string> tokens, merges;
  for (std::int32_t id = 0; id < static_cast<std::int32_t>(c.vocabulary); ++id) {
    const std::string bytes = trained.info.vocabulary.piece(id);
    tokens.push_back(written_bytes(bytes));
    for (std::size_t n = 1; n < bytes.size(); ++n)
      merges.push_back(cat(written_bytes(bytes.substr(0, n)), " ", written_bytes(bytes.substr(n, 1))));
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
      {kind + ".feed_forward_length", size(c.hidden < 0 ? 4 * c.width : c.hidden)},
      {kind + ".attention.head_count", size(c.heads)},
      {kind + ".attention.layer_norm_epsilon", static_cast<float>(kGpt2NormEps)},
      {"tokenizer.ggml.model", std::string("gpt2")},
      // How the text is cut before merging, at places between characters. This one, unlike GPT-2's own, leaves spaces
      // before punctuation alone when tokens become text.
      {"tokenizer.ggml.pre", std::string("qwen2")},
      {kGgufTokens, std::move(tokens)},
      {kGgufTokenKinds, std::move(kinds)},
      {"tokenizer.ggml.merges", std::move(merges)},
      {"tokenizer.ggml.bos_token_id", size(c.vocabulary)},
      {"tokenizer.ggml.eos_token_id", size(c.vocabulary)},
      {"tokenizer.ggml.add_bos_token", false},
      {"tokenizer.ggml.add_eos_token", false}};
  if (is_neox(c)) {
    metadata.push_back({kind + ".rope.dimension_count", size(c.size_of_heads())});
    metadata.push_back({kind + ".rope.freq_base", static_cast<float>(kRotaryBase)});
    metadata.push_back({kind + ".use_parallel_residual", false});
  }
  return metadata;
}

// Adds rows, all the same, to a table of them.
void add_rows(std::vector<float>& values, TensorView& view, const std::vector<float>& row, Index count = 1) {
  for (Index i = 0; i < count; ++i) values.insert(values.end(), row.begin(), row.end());
  view = tensor_view<float>(view.name, {view.shape[0] + count, view.shape[1]}, values);
}

}  // namespace

Exported export_gguf(const TrainedModel& trained, const std::string& path) {
  const TransformerConfig& c = trained.model->config();
  check_is_gpt2(c, "gguf");
  check_gpt2_holds(trained.info.config, "gguf");
  if (c.activation != Activation::kGelu)
    fail(
        "gguf: holds GPT-2, whose activation is gelu, and this model has another; train one with --activation gelu; "
        "--to hf holds it");
  Gpt2Tensors tensors = gpt2_tensors(*trained.model, Gpt2Naming::kGguf);
  const auto row_of = [&](const std::vector<float>& table, Index row) {
    const auto begin = table.begin() + static_cast<std::ptrdiff_t>(row * c.width);
    return std::vector<float>(begin, begin + static_cast<std::ptrdiff_t>(c.width));
  };
  // The first weights of the walk: [V,C] and, where positions are learned, [T,C]; the last one is the output's, [V,C].
  const std::vector<float> embedding = tensors.values[0], never = never_row(*trained.model);
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
    exported.notices.push_back(cat("this model learned ", c.context,
                                   " places, and llama.cpp's contexts are multiples of ", kContextMultiple,
                                   ": keep prompt and answer within ", c.context, " tokens (-n)"));
  if (std::all_of(never.begin(), never.end(), [](float x) { return x == 0; }))
    exported.notices.push_back(cat("llama.cpp may end a text early: ", kEnd,
                                   " has the logit 0, for nothing lower can be "
                                   "had from the last layer norm of this model; train it further"));
  save_gguf(path, metadata_of(trained), tensors.views, [&](const std::string& temporary) {
    const GgufModel back = model_of_gguf(Gguf::parse(read_file(temporary), path));
    check_reads_back(trained, back.vocabulary, *back.model, path, exported);
  });
  return exported;
}

}  // namespace headlight
