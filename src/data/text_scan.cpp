// CharacterSet, BytesHash, and the parallel scan of a text.
#include "data/text_scan.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/utf8.h"
#include "headlight/base/random.h"
#include "headlight/base/threads.h"

namespace headlight {

namespace {

constexpr std::size_t kBlock = std::size_t{1} << 18;  // bytes in one task of a thread; a multiple of kCell
constexpr std::size_t kBlocks = 16;                   // scanned by one parallel loop

std::uint64_t word_at(const char* at) {
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

constexpr std::uint64_t kOnes = 0x0101010101010101;
bool is_ascii(std::uint64_t word) { return (word & (kOnes << 7)) == 0; }
bool continues(char byte) { return (byte & 0xC0) == 0x80; }
// How many of the eight bytes begin a character, that is, do not have the form 10xxxxxx.
Index beginning_in(std::uint64_t word) {
  const std::uint64_t continuing = (word >> 7) & (~word >> 6) & kOnes;
  return 8 - static_cast<Index>((continuing * kOnes) >> 56);
}
Index characters_in(std::string_view bytes) {
  Index count = 0;
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) count += beginning_in(word_at(bytes.data() + i));
  for (; i < bytes.size(); ++i) count += continues(bytes[i]) ? 0 : 1;
  return count;
}

// The last offset in at-3..at where a character begins, so that blocks end between characters. If there is none, the
// text is not UTF-8: returns `at`, and the block that begins there reports the error.
std::size_t character_boundary(std::string_view bytes, std::size_t at) {
  if (at >= bytes.size()) return bytes.size();
  for (std::size_t back = 0; back <= std::min<std::size_t>(3, at); ++back)
    if (!continues(bytes[at - back])) return at - back;
  return at;
}

struct Block {
  bool fine = true;
  CharacterSet set;
  BytesHash::Words words;
  std::vector<Index> in_cell;  // how many characters begin in each cell
};

Block scan_block(std::string_view bytes, std::size_t first, std::size_t last, bool characters, std::size_t head) {
  Block block;
  block.words = BytesHash::Words::of(bytes, first, last, head);
  if (!characters) return block;
  for (std::size_t cell = first; cell < last; cell += TextScan::kCell)
    block.in_cell.push_back(characters_in(bytes.substr(cell, std::min(TextScan::kCell, last - cell))));

  const char* at = bytes.data() + character_boundary(bytes, first);
  const char* end = bytes.data() + character_boundary(bytes, last);
  std::array<bool, 128> seen{};
  while (at < end) {
    if (end - at >= 8) {
      if (is_ascii(word_at(at))) {
        for (int i = 0; i < 8; ++i) seen[static_cast<unsigned char>(at[i])] = true;
        at += 8;
        continue;
      }
    }
    char32_t character = 0;
    const std::size_t length = read_utf8(at, end, character);
    if (length == 0) {
      block.fine = false;
      return block;
    }
    if (character < 128) seen[character] = true;
    else block.set.add(character);
    at += length;
  }
  for (char32_t c = 0; c < 128; ++c)
    if (seen[c]) block.set.add(c);
  return block;
}

}  // namespace

void CharacterSet::add(const CharacterSet& other) {
  for (std::size_t i = 0; i < ascii_.size(); ++i) ascii_[i] |= other.ascii_[i];
  if (!other.wide_.empty()) wide_.resize(other.wide_.size());
  for (std::size_t i = 0; i < other.wide_.size(); ++i) wide_[i] |= other.wide_[i];
}

std::u32string CharacterSet::characters() const {
  std::u32string found;
  for (char32_t c = 0; c < 128; ++c)
    if (has(c)) found += c;
  for (std::size_t i = 0; i < wide_.size(); ++i)
    for (std::uint64_t rest = wide_[i]; rest != 0; rest &= rest - 1)
      found += static_cast<char32_t>(64 * i + static_cast<std::size_t>(std::countr_zero(rest)));
  return found;
}

namespace {

constexpr std::uint64_t kBase = 0x9E3779B97F4A7C15;

std::uint64_t mixed(std::uint64_t word) {
  word *= 0xBF58476D1CE4E5B9;
  return word ^ word >> 32;
}

std::uint64_t power_of_base(std::uint64_t exponent) {
  std::uint64_t result = 1;
  for (std::uint64_t power = kBase; exponent > 0; exponent >>= 1, power *= power)
    if (exponent & 1) result *= power;
  return result;
}

}  // namespace

BytesHash::Words BytesHash::Words::of(std::string_view bytes, std::size_t first, std::size_t last, std::size_t head) {
  Words words;
  std::size_t at = first <= head ? head : head + (first - head + 7) / 8 * 8;
  for (; at < last && at + 8 <= bytes.size(); at += 8) {
    words.value = words.value * kBase + mixed(word_at(bytes.data() + at));
    ++words.count;
  }
  return words;
}

void BytesHash::append(const Words& words) {
  value_ = value_ * power_of_base(words.count) + words.value;
  words_ += words.count;
}

void BytesHash::add(std::string_view piece, const Words& words) {
  const std::size_t begun = std::min(head(), piece.size());
  pending_ += piece.substr(0, begun);
  if (pending_.size() == 8) {
    append(Words::of(pending_, 0, 8, 0));
    pending_.clear();
  }
  append(words);
  pending_ += piece.substr(begun + 8 * static_cast<std::size_t>(words.count));
}

std::uint64_t BytesHash::value() const {
  std::uint64_t last = pending_.size();
  for (const char byte : pending_) last = last << 8 | static_cast<unsigned char>(byte);
  return mix64(value_ ^ mix64(words_ ^ mix64(last)));
}

TextScan scan_text(const FileBytes& text, bool characters, std::size_t head) {
  const std::string_view bytes = text.view();
  TextScan scan;
  std::vector<Block> blocks(kBlocks);
  for (std::size_t group = 0; group < bytes.size(); group += kBlocks * kBlock) {
    const std::size_t group_end = std::min(bytes.size(), group + kBlocks * kBlock);
    const auto count = static_cast<Index>((group_end - group + kBlock - 1) / kBlock);
    const auto first_of = [&](Index block) {
      return std::min(group_end, group + static_cast<std::size_t>(block) * kBlock);
    };
    parallel_for(count, 1, [&](Index begin, Index end) {
      for (Index b = begin; b < end; ++b)
        blocks[static_cast<std::size_t>(b)] = scan_block(bytes, first_of(b), first_of(b + 1), characters, head);
    });
    for (Index b = 0; b < count; ++b) {
      const Block& block = blocks[static_cast<std::size_t>(b)];
      if (!block.fine) {
        text.check();
        const std::size_t from = character_boundary(bytes, first_of(b));
        const auto problem = find_invalid_utf8(bytes.substr(from));
        scan.bad = static_cast<Index>(from) + (problem ? problem->offset : 0);
        return scan;
      }
      scan.words.value = scan.words.value * power_of_base(block.words.count) + block.words.value;
      scan.words.count += block.words.count;
      scan.set.add(block.set);
      for (const Index in_cell : block.in_cell) {
        scan.before.push_back(scan.characters);
        scan.characters += in_cell;
      }
    }
    text.check();
    text.give_back(group, group_end - group);
  }
  if (!characters) scan.characters = static_cast<Index>(bytes.size());
  if (scan.characters == static_cast<Index>(bytes.size())) scan.before = {};
  return scan;
}

std::size_t find_character(std::string_view bytes, const std::vector<Index>& before, Index index) {
  if (before.empty()) return static_cast<std::size_t>(index);
  const auto cell = std::upper_bound(before.begin(), before.end(), index) - before.begin() - 1;
  Index skip = index - before[static_cast<std::size_t>(cell)];
  std::size_t at = static_cast<std::size_t>(cell) * TextScan::kCell;
  while (at + 8 <= bytes.size()) {
    const Index here = beginning_in(word_at(bytes.data() + at));
    if (here > skip) break;
    skip -= here;
    at += 8;
  }
  for (; at < bytes.size(); ++at)
    if (!continues(bytes[at]) && skip-- == 0) break;
  return at;
}

}  // namespace headlight
