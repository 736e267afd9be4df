// CharacterSet, BytesHash, and the parallel scan of a text.
#include "data/text_scan.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <span>

#include "headlight/base/random.h"
#include "headlight/base/threads.h"

namespace headlight {

namespace {

constexpr std::size_t kBlock = std::size_t{1} << 18;  // bytes in one task of a thread; a multiple of kCell
constexpr std::size_t kBlocks = 16;                   // scanned by one parallel loop
constexpr std::size_t kWord = sizeof(std::uint64_t);

std::uint64_t word_at(const char* at) {
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

constexpr std::uint64_t kOnes = 0x0101010101010101;
bool is_ascii(std::uint64_t word) { return (word & (kOnes << 7)) == 0; }
Index characters_in(std::string_view bytes) {
  return std::count_if(bytes.begin(), bytes.end(), [](char byte) { return !continues_utf8(byte); });
}

// The last offset in at-3..at where a character begins, so that blocks end between characters. If there is none, the
// text is not UTF-8: returns `at`, and the block that begins there reports the error.
std::size_t character_boundary(std::string_view bytes, std::size_t at) {
  if (at >= bytes.size()) return bytes.size();
  for (std::size_t back = 0; back <= std::min<std::size_t>(3, at); ++back)
    if (!continues_utf8(bytes[at - back])) return at - back;
  return at;
}

struct Block {
  std::optional<Utf8Problem> problem;
  CharacterSet set;
  BytesHash::Words words;
  std::vector<Index> in_cell;  // how many characters begin in each cell
};

// Scans the bytes first .. last - 1 of the text that begins at offset `start` of the file.
Block scan_block(const FileBytes& text, std::size_t start, std::size_t first, std::size_t last, bool characters,
                 std::size_t head) {
  // Words and characters may cross the ends of the block, so read one more word on each side. Whole words keep the
  // alignment.
  const std::size_t from = first - std::min(first, kWord);
  const std::string bytes = text.part(start + from, last + kWord - from);
  first -= from;
  last -= from;
  Block block;
  block.words = BytesHash::Words::of(bytes, first, last, head);
  if (!characters) return block;
  for (std::size_t cell = first; cell < last; cell += TextScan::kCell)
    block.in_cell.push_back(
        characters_in(std::string_view(bytes).substr(cell, std::min(TextScan::kCell, last - cell))));

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
      const auto place = static_cast<std::size_t>(at - bytes.data());
      block.problem = find_invalid_utf8(std::string_view(bytes).substr(place));
      block.problem.value().offset += static_cast<Index>(start + from + place);
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

void BytesHash::add(const Words& words) {
  value_ = value_ * power_of_base(words.count) + words.value;
  words_ += words.count;
}

void BytesHash::add(std::string_view bytes) {
  for (const char byte : bytes) {
    pending_ += byte;
    if (pending_.size() < kWord) continue;
    add(Words::of(pending_, 0, kWord, 0));
    pending_.clear();
  }
}

std::uint64_t BytesHash::value() const {
  std::uint64_t last = pending_.size();
  for (const char byte : pending_) last = last << 8 | static_cast<unsigned char>(byte);
  return mix64(value_ ^ mix64(words_ ^ mix64(last)));
}

TextScan scan_text(const FileBytes& text, std::size_t start, bool characters, BytesHash& hash) {
  const std::size_t size = text.size() - start, head = hash.head();
  TextScan scan;
  std::vector<Block> blocks(kBlocks);
  std::size_t hashed = std::min(head, size);
  hash.add(text.part(start, hashed));
  for (std::size_t group = 0; group < size; group += kBlocks * kBlock) {
    const std::size_t group_end = std::min(size, group + kBlocks * kBlock);
    const auto count = static_cast<Index>((group_end - group + kBlock - 1) / kBlock);
    parallel_for(count, 1, [&](Index begin, Index end) {
      for (Index b = begin; b < end; ++b) {
        const std::size_t first = group + static_cast<std::size_t>(b) * kBlock;
        blocks[static_cast<std::size_t>(b)] =
            scan_block(text, start, first, std::min(group_end, first + kBlock), characters, head);
      }
    });
    for (const Block& block : std::span(blocks).first(static_cast<std::size_t>(count))) {
      if (block.problem) {
        scan.problem = block.problem;
        return scan;
      }
      hash.add(block.words);
      hashed += kWord * static_cast<std::size_t>(block.words.count);
      scan.set.add(block.set);
      for (const Index in_cell : block.in_cell) {
        scan.before.push_back(scan.characters);
        scan.characters += in_cell;
      }
    }
  }
  hash.add(text.part(start + hashed, kWord));
  if (!characters) scan.characters = static_cast<Index>(size);
  if (scan.characters == static_cast<Index>(size)) scan.before = {};
  return scan;
}

}  // namespace headlight
