// Builds a model from a GGUF file, with the configuration in the file's metadata.
#include "exchange/gguf_model.h"

#include <algorithm>

#include "exchange/byte_characters.h"
#include "exchange/gpt2.h"
#include "headlight/base/error.h"
#include "nn/position_rotary.h"

namespace headlight {

namespace {

constexpr std::uint32_t kMaxSize = 1u << 20;

class Reader {
 public:
  explicit Reader(const Gguf& file) : file_(file), kind_(file.at<std::string>("general.architecture")) {
    if (kind_ != "gpt2" && kind_ != "gptneox")
      refuse("general.architecture", cat("is \"", kind_, "\"; only \"gpt2\" and \"gptneox\" are supported"));
  }

  GgufModel read() {
    TransformerConfig c;
    c.layers = size("block_count");
    c.context = size("context_length");
    c.width = size("embedding_length");
    c.hidden = size("feed_forward_length");
    c.heads = size("attention.head_count");
    c.tied = false;
    require("attention.layer_norm_epsilon", static_cast<float>(kGpt2NormEps));
    if (kind_ == "gptneox") {
      c.position = "rotary";
      require("use_parallel_residual", false);
      require("rope.freq_base", static_cast<float>(kRotaryBase));
      require("rope.dimension_count", static_cast<std::uint32_t>(c.width / c.heads));
    }
    GgufModel read{vocabulary(), nullptr};
    c.vocabulary = read.vocabulary.size();
    try {
      c.check();
    } catch (const Error& e) {
      fail(file_.source(), ": ", e.what());
    }
    std::vector<TensorView> tensors = file_.tensors();
    for (TensorView& view : tensors)
      if (view.name == "token_embd.weight" || view.name == "output.weight") drop_control_rows(view, c.vocabulary);
    read.model = model_from_gpt2(gpt2_names(tensors, file_.source()), c, Gpt2Naming::kGguf, file_.source());
    return read;
  }

 private:
  [[noreturn]] void refuse(const std::string& key, const std::string& what) const {
    fail(file_.source(), ": ", key, " ", what);
  }
  Index size(const char* key) const {
    const auto value = file_.at<std::uint32_t>(cat(kind_, ".", key));
    if (value < 1 || value > kMaxSize) refuse(cat(kind_, ".", key), cat("is ", value, ", not 1 to ", kMaxSize));
    return static_cast<Index>(value);
  }
  template <class T>
  void require(const char* key, T wanted) const {
    const T value = file_.at<T>(cat(kind_, ".", key));
    if (value != wanted) refuse(cat(kind_, ".", key), cat("is ", value, "; only ", wanted, " is supported"));
  }

  Vocabulary vocabulary() const {
    const auto& tokens = file_.at<std::vector<std::string>>(kGgufTokens);
    const auto& kinds = file_.at<std::vector<std::int32_t>>(kGgufTokenKinds);
    if (kinds.size() != tokens.size())
      refuse(kGgufTokenKinds, cat("has ", kinds.size(), " entries for ", tokens.size(), " tokens"));
    std::vector<std::string> pieces;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      if (kinds[i] == kGgufControl) continue;
      if (kinds[i] != kGgufNormal || pieces.size() != i)
        refuse(kGgufTokenKinds,
               cat("has kind ", kinds[i], " at ", i, "; only normal tokens followed by control tokens are supported"));
      pieces.push_back(bytes_of(tokens[i]));
    }
    const auto is_byte = [&](const std::string& piece) { return piece.size() == 1; };
    if (pieces.size() == 256 && std::all_of(pieces.begin(), pieces.end(), is_byte)) {
      for (std::size_t i = 0; i < 256; ++i)
        if (static_cast<unsigned char>(pieces[i][0]) != i)
          refuse(kGgufTokens, cat("has the wrong byte at ", i, "; expected the 256 bytes in order"));
      return Vocabulary::bytes();
    }
    std::u32string characters;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      const std::u32string token = decode_utf8(pieces[i], cat(file_.source(), ": ", kGgufTokens));
      if (token.size() != 1) refuse(kGgufTokens, cat("has ", token.size(), " characters at ", i, "; expected one"));
      characters += token;
    }
    return Vocabulary::of_characters(characters, cat(file_.source(), ": ", kGgufTokens));
  }

  std::string bytes_of(const std::string& token) const {
    std::string bytes;
    for (const char32_t c : decode_utf8(token, cat(file_.source(), ": ", kGgufTokens))) {
      const auto found = std::find(byte_characters().begin(), byte_characters().end(), c);
      if (found == byte_characters().end()) refuse(kGgufTokens, "has a character that represents no byte");
      bytes += static_cast<char>(found - byte_characters().begin());
    }
    return bytes;
  }

  // Drops the rows of control tokens from a table. model_from_gpt2() reports a wrong number of rows.
  void drop_control_rows(TensorView& view, Index vocabulary) const {
    const auto all = static_cast<Index>(file_.at<std::vector<std::string>>(kGgufTokens).size());
    if (view.shape.size() != 2 || view.shape[0] != all) return;
    view.data =
        view.data.first(view.data.size() / static_cast<std::size_t>(all) * static_cast<std::size_t>(vocabulary));
    view.shape[0] = vocabulary;
  }

  const Gguf& file_;
  const std::string kind_;
};

}  // namespace

GgufModel model_of_gguf(const Gguf& file) { return Reader(file).read(); }

}  // namespace headlight
