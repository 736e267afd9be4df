// Writes and reads tokenizer.json for vocabularies of characters and of bytes.
#include "exchange/tokenizer_json.h"

#include <algorithm>

#include "base/utf8.h"
#include "base/words.h"
#include "exchange/byte_characters.h"
#include "headlight/base/text.h"

namespace headlight {

namespace {

constexpr Index kMaxTokens = 0x110000;  // the number of Unicode code points

bool has(const JsonView& object, std::string_view key) { return object.find(key).has_value(); }

// The type of a tokenizer step: "ByteLevel" for {"type":"ByteLevel",...}, "" for null.
std::string type_of(const JsonView& tokenizer, std::string_view step) {
  const auto found = tokenizer.find(step);
  return found ? found->at("type").as_string() : "";
}

// The token in quotes, with control characters escaped.
std::string shown(const std::string& token) { return json_text(Json(token)); }

Vocabulary bytes_of(const JsonView& vocab, const std::vector<std::string>& tokens) {
  for (std::size_t id = 0; id < tokens.size(); ++id)
    if (id > 255 || tokens[id] != encode_utf8(byte_characters()[id]))
      vocab.refuse(cat("token ", id, " is ", shown(tokens[id]), "; a vocabulary of bytes has the 256 bytes in order"));
  if (tokens.size() != 256)
    vocab.refuse(cat("has ", counted(tokens.size(), "token"), "; a vocabulary of bytes has 256"));
  return Vocabulary::bytes();
}

}  // namespace

Json tokenizer_json(const Vocabulary& vocabulary) {
  Json::Object vocab;
  for (std::int32_t id = 0; id < static_cast<std::int32_t>(vocabulary.size()); ++id) {
    const std::string piece = vocabulary.piece(id);
    vocab.push_back({vocabulary.is_bytes() ? bytes_to_characters(piece) : piece, id});
  }
  Json byte_level = Json::object();
  byte_level.set("type", "ByteLevel").set("add_prefix_space", false).set("trim_offsets", true).set("use_regex", false);
  Json fuse = Json::object();
  fuse.set("type", "Fuse");
  Json model = Json::object();
  model.set("type", "BPE")
      .set("dropout", Json())
      .set("unk_token", Json())
      .set("continuing_subword_prefix", Json())
      .set("end_of_word_suffix", Json())
      .set("fuse_unk", false)
      .set("byte_fallback", false)
      .set("ignore_merges", false)
      .set("vocab", std::move(vocab))
      .set("merges", Json::array());
  Json tokenizer = Json::object();
  tokenizer.set("version", "1.0")
      .set("truncation", Json())
      .set("padding", Json())
      .set("added_tokens", Json::array())
      .set("normalizer", Json())
      .set("pre_tokenizer", vocabulary.is_bytes() ? byte_level : Json())
      .set("post_processor", Json())
      .set("decoder", vocabulary.is_bytes() ? byte_level : fuse)
      .set("model", model);
  return tokenizer;
}

Vocabulary vocabulary_of(const JsonView& tokenizer) {
  const char* advice = "; pass the training text with --vocabulary";
  const JsonView model = tokenizer.at("model");
  if (const auto merges = model.find("merges"); merges && merges->size() > 0)
    merges->refuse(cat("has ", merges->size(), " merges; only vocabularies of characters or bytes are supported"));
  if (has(tokenizer, "normalizer"))
    tokenizer.at("normalizer").refuse(cat("changes the text, which is not supported", advice));
  // ByteLevel's post-processor only shifts offsets, and a template without special tokens does nothing; others add
  // tokens.
  if (const auto after = tokenizer.find("post_processor")) {
    const std::string type = after->at("type").as_string();
    const bool empty_template = type == "TemplateProcessing" && after->at("special_tokens").size() == 0;
    if (type != "ByteLevel" && !empty_template)
      after->refuse(cat("adds tokens to the text (", shown(type), "), which is not supported", advice));
  }
  const std::string before = type_of(tokenizer, "pre_tokenizer");
  const bool bytes = before == "ByteLevel";
  if (!bytes && !before.empty() && before != "Split")
    tokenizer.at("pre_tokenizer").refuse(cat("splits the text (", shown(before), "), which is not supported", advice));

  const JsonView vocab = model.at("vocab");
  const auto members = vocab.members();
  const auto count = static_cast<Index>(members.size());
  if (count < 1 || count > kMaxTokens) vocab.refuse(cat("has ", count, " tokens; expected 1 to ", kMaxTokens));
  std::vector<std::string> tokens(members.size());
  std::vector<bool> taken(members.size(), false);
  for (const auto& [token, id] : members) {
    const auto number = id.json().if_int64();
    if (!number || *number < 0 || *number >= count)
      vocab.refuse(cat("the id of ", shown(token), " is ", json_text(id.json()), "; expected a whole number from 0 to ",
                       count - 1));
    const auto place = static_cast<std::size_t>(*number);
    if (taken[place]) vocab.refuse(cat("two tokens have the id ", place));
    taken[place] = true;
    tokens[place] = token;
  }
  if (bytes) return bytes_of(vocab, tokens);
  std::u32string characters;
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    const std::u32string token = decode_utf8(tokens[id], vocab.where());
    if (token.size() != 1)
      vocab.refuse(cat("token ", id, " is ", shown(tokens[id]), ", which is not one character", advice));
    characters += token[0];
  }
  return Vocabulary::of_characters(characters, vocab.where());
}

}  // namespace headlight
