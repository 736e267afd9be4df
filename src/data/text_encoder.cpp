#include "headlight/data/text_encoder.h"

#include <algorithm>
#include <numeric>

#include "headlight/base/error.h"
#include "headlight/base/utf8.h"

namespace headlight {

namespace {
constexpr std::size_t kCharacters = 0x110000;  // of Unicode
}

TextEncoder::TextEncoder(const Vocabulary& known) : vocabulary_(known), bytes_(known.is_bytes()), known_(true) {
  if (bytes_) return;
  id_of_.assign(kCharacters, -1);
  characters_ = known.characters();
  for (std::size_t i = 0; i < characters_.size(); ++i) id_of_[characters_[i]] = static_cast<std::int32_t>(i);
}

TextEncoder::TextEncoder(bool bytes) : bytes_(bytes), known_(bytes) {
  if (!bytes_) id_of_.assign(kCharacters, -1);
}

void TextEncoder::begin(const std::string& source) {
  source_ = source;
  byte_ = character_ = 0;
  pending_.clear();
  ids_before_ = ids_.size();
  characters_before_ = characters_.size();
  if (ids_.empty()) return;
  if (bytes_) {
    if (ids_.back() != '\n') ids_.push_back('\n');
  } else if (characters_[static_cast<std::size_t>(ids_.back())] != U'\n' && (!known_ || id_of_[U'\n'] >= 0)) {
    add(U'\n');
    character_ = 0;
  }
}

void TextEncoder::feed(std::string_view bytes) {
  if (bytes_) {
    for (const char c : bytes) ids_.push_back(static_cast<unsigned char>(c));
    return;
  }
  std::string joined;
  if (!pending_.empty()) {
    joined = pending_ + std::string(bytes);
    bytes = joined;
  }
  const std::string_view whole = bytes.substr(0, bytes.size() - incomplete_utf8_tail(bytes));
  if (const auto problem = find_invalid_utf8(whole))
    fail(source_, ": byte ", byte_ + problem->offset, " is not UTF-8 (", problem->reason,
         "); convert the text to UTF-8, or train on its bytes with --tokens byte");
  for (const char32_t character : decode_utf8(whole, source_)) add(character);
  byte_ += static_cast<Index>(whole.size());
  pending_ = std::string(bytes.substr(whole.size()));
}

void TextEncoder::add(char32_t character) {
  ++character_;
  std::int32_t& id = id_of_[character];
  if (id < 0) {
    if (known_)
      fail(source_, ": character ", character_, " ", printable(character), " is not in this model's vocabulary (",
           characters_.size(), " characters); the text must be of the characters that the model knows");
    id = static_cast<std::int32_t>(characters_.size());
    characters_ += character;
  }
  ids_.push_back(id);
}

void TextEncoder::end() {
  if (const auto problem = find_invalid_utf8(pending_))
    fail(source_, ": byte ", byte_ + problem->offset, " is not UTF-8 (", problem->reason,
         "); convert the text to UTF-8, or train on its bytes with --tokens byte");
}

void TextEncoder::undo() {
  ids_.resize(ids_before_);
  pending_.clear();
  if (known_) return;
  for (std::size_t i = characters_before_; i < characters_.size(); ++i) id_of_[characters_[i]] = -1;
  characters_.resize(characters_before_);
}

TextEncoder::Result TextEncoder::finish() {
  if (ids_.empty()) fail(source_, ": the text is empty");
  if (known_) return {std::move(vocabulary_), std::move(ids_)};
  std::vector<std::int32_t> order(characters_.size()), new_id(order);
  std::iota(order.begin(), order.end(), 0);
  const auto character = [&](std::int32_t id) { return characters_[static_cast<std::size_t>(id)]; };
  std::sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) { return character(a) < character(b); });
  std::u32string sorted;
  for (const std::int32_t id : order) {
    new_id[static_cast<std::size_t>(id)] = static_cast<std::int32_t>(sorted.size());
    sorted += character(id);
  }
  for (std::int32_t& id : ids_) id = new_id[static_cast<std::size_t>(id)];
  return {Vocabulary::of_characters(std::move(sorted), source_), std::move(ids_)};
}

}  // namespace headlight
