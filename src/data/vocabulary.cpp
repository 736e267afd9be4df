// Vocabulary: construction, encoding and decoding.
#include "headlight/data/vocabulary.h"

#include <algorithm>
#include <cstdio>

#include "base/utf8.h"
#include "headlight/base/error.h"

namespace headlight {

namespace {

// Like decode_utf8, but the error also suggests --tokens byte.
std::u32string decode_text(std::string_view text, const std::string& source) {
  if (const auto problem = find_invalid_utf8(text)) refuse_invalid_utf8(*problem, source);
  return decode_utf8(text, source);
}

}  // namespace

Vocabulary Vocabulary::of_text(std::string_view text, const std::string& source) {
  std::u32string characters = decode_text(text, source);
  if (characters.empty()) fail(source, ": the text is empty");
  std::sort(characters.begin(), characters.end());
  characters.erase(std::unique(characters.begin(), characters.end()), characters.end());
  return of_characters(std::move(characters), source);
}

Vocabulary Vocabulary::of_characters(std::u32string characters, const std::string& source) {
  if (characters.empty()) fail(source, ": the vocabulary is empty");
  Vocabulary v;
  for (std::size_t i = 0; i < characters.size(); ++i)
    if (!v.ids_.emplace(characters[i], static_cast<std::int32_t>(i)).second)
      fail(source, ": the vocabulary has ", printable(characters[i]), " twice; remove one");
  v.characters_ = std::move(characters);
  return v;
}

Vocabulary Vocabulary::bytes() { return {}; }

std::vector<std::int32_t> Vocabulary::encode(std::string_view text, const std::string& source) const {
  std::vector<std::int32_t> ids;
  if (is_bytes()) {
    ids.reserve(text.size());
    for (const char c : text) ids.push_back(static_cast<unsigned char>(c));
    return ids;
  }
  const std::u32string characters = decode_text(text, source);
  ids.reserve(characters.size());
  for (std::size_t i = 0; i < characters.size(); ++i) {
    const auto found = ids_.find(characters[i]);
    if (found == ids_.end())
      fail(source, ": character ", i + 1, " ", printable(characters[i]), " is not in this model's vocabulary (", size(),
           " characters); use only characters of the vocabulary");
    ids.push_back(found->second);
  }
  return ids;
}

std::string Vocabulary::decode(std::span<const std::int32_t> ids) const {
  std::string text;
  for (const std::int32_t id : ids) text += piece(id);
  return text;
}

std::string Vocabulary::piece(std::int32_t id) const {
  if (id < 0 || id >= size()) fail("vocabulary: token ", id, " is outside 0 to ", size() - 1);
  if (is_bytes()) return std::string(1, static_cast<char>(id));
  return encode_utf8(characters_[static_cast<std::size_t>(id)]);
}

std::string Vocabulary::name(std::int32_t id) const {
  if (id < 0 || id >= size()) fail("vocabulary: token ", id, " is outside 0 to ", size() - 1);
  if (!is_bytes()) return printable(characters_[static_cast<std::size_t>(id)]);
  char text[8];
  std::snprintf(text, sizeof text, "0x%02X", static_cast<unsigned>(id));
  return text;
}

}  // namespace headlight
