// TextTokens: the concatenated texts as a TokenSource that encodes on each read.
#include "data/text_tokens.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/utf8.h"
#include "data/text_scan.h"
#include "headlight/base/error.h"

namespace headlight {

namespace {

constexpr Index kMaxIds = 2048;  // of one call of read_piece

}  // namespace

class TextTokens::Source : public TokenSource {
 public:
  Source(Vocabulary vocabulary, bool bytes, bool known)
      : bytes_(bytes), known_(known), vocabulary_(std::move(vocabulary)) {
    for (const char32_t character : vocabulary_.characters()) set_.add(character);
  }

  Index size() const override { return size_; }
  void read(Index first, std::span<std::int32_t> to) const override;

  void keep_byte_order_marks() { removes_marks_ = false; }
  void add(FileBytes text, const std::string& source);
  Result finish();

 private:
  // A text, or the line break inserted between two texts.
  struct Piece {
    FileBytes text;
    std::size_t start;          // offset of its first character in the file: after the byte order mark
    Index first;                // index of its first token in the whole sequence
    std::vector<Index> before;  // see TextScan
  };

  void read_piece(const Piece& piece, Index first, std::span<std::int32_t> to) const;
  [[noreturn]] void refuse_unknown(const FileBytes& text, std::size_t start, const std::string& source) const;
  void append(FileBytes text, std::size_t start, TextScan scan);
  std::int32_t id_of(char32_t character) const { return character < ids_.size() ? ids_[character] : -1; }

  bool bytes_, known_, removes_marks_ = !bytes_;
  Vocabulary vocabulary_;  // complete after finish()
  CharacterSet set_;       // the known vocabulary's characters, or those that occurred
  std::vector<Piece> pieces_;
  Index size_ = 0;
  BytesHash hash_;
  std::string last_source_;
  std::vector<std::string> marked_;
  std::vector<std::int32_t> ids_;  // indexed by code point; -1: not in the vocabulary
};

void TextTokens::Source::add(FileBytes text, const std::string& source) {
  last_source_ = source;
  if (!bytes_) refuse_other_encodings(text.part(0, kEncodingSample), source, text.path());
  const bool marked = removes_marks_ && text.part(0, kByteOrderMark.size()) == kByteOrderMark;
  const std::size_t start = marked ? kByteOrderMark.size() : 0;
  if (text.size() == start) return;
  const FileBytes* previous = pieces_.empty() ? nullptr : &pieces_.back().text;
  const bool breaks =
      previous && previous->part(previous->size() - 1, 1) != "\n" && (bytes_ || !known_ || set_.has(U'\n'));
  // The hash covers inserted line breaks, too.
  BytesHash hash = hash_;
  FileBytes line_break = FileBytes::of(breaks ? "\n" : "");
  TextScan of_break = scan_text(line_break, 0, !bytes_, hash);
  TextScan scan = scan_text(text, start, !bytes_, hash);
  if (scan.problem) refuse_invalid_utf8(*scan.problem, source);
  if (known_ && !bytes_) {
    for (const char32_t character : scan.set.characters())
      if (!set_.has(character)) refuse_unknown(text, start, source);
  }
  hash_ = hash;
  if (breaks) append(std::move(line_break), 0, std::move(of_break));
  append(std::move(text), start, std::move(scan));
  if (marked) marked_.push_back(source);
}

void TextTokens::Source::append(FileBytes text, std::size_t start, TextScan scan) {
  if (!known_) set_.add(scan.set);
  pieces_.push_back({std::move(text), start, size_, std::move(scan.before)});
  size_ += scan.characters;
}

// Throws the error that names the first character outside the vocabulary.
void TextTokens::Source::refuse_unknown(const FileBytes& text, std::size_t start, const std::string& source) const {
  constexpr std::size_t kBuffer = 1 << 16;
  Index number = 0;
  Utf8Stream stream;
  for (std::size_t at = start; at < text.size(); at += kBuffer)
    for (const char32_t character : stream.feed(text.part(at, kBuffer))) {
      ++number;
      if (!set_.has(character))
        fail(source, ": character ", number, " ", printable(character), " is not in this model's vocabulary (",
             vocabulary_.size(), " characters); use a text of these characters only");
    }
  fail(source, ": changed while it was read; try again");
}

TextTokens::Result TextTokens::Source::finish() {
  if (size_ == 0) fail(last_source_, ": the text is empty");
  if (!known_ && !bytes_) vocabulary_ = Vocabulary::of_characters(set_.characters(), last_source_);
  if (!bytes_) {
    const std::u32string& characters = vocabulary_.characters();
    ids_.assign(static_cast<std::size_t>(*std::max_element(characters.begin(), characters.end())) + 1, -1);
    for (std::size_t id = 0; id < characters.size(); ++id) ids_[characters[id]] = static_cast<std::int32_t>(id);
  }
  return {vocabulary_, {}, hash_.value(), std::move(marked_)};
}

void TextTokens::Source::read(Index first, std::span<std::int32_t> to) const {
  const auto after = std::upper_bound(pieces_.begin(), pieces_.end(), first,
                                      [](Index place, const Piece& p) { return place < p.first; });
  for (auto piece = after - 1; !to.empty(); ++piece) {
    const Index end = piece + 1 == pieces_.end() ? size_ : (piece + 1)->first;
    while (first < end && !to.empty()) {
      const auto count = static_cast<std::size_t>(std::min({static_cast<Index>(to.size()), end - first, kMaxIds}));
      read_piece(*piece, first - piece->first, to.first(count));
      first += static_cast<Index>(count);
      to = to.subspan(count);
    }
  }
}

// Reads at most kMaxIds ids of a piece, from its token number `first` on. Error: the file changed after the scan.
void TextTokens::Source::read_piece(const Piece& piece, Index first, std::span<std::int32_t> to) const {
  // If every character is a single byte, read exactly the bytes of these ids. Otherwise read all cells in which one of
  // the characters begins, and 3 more bytes, because the last character may end there.
  std::size_t begin = static_cast<std::size_t>(first), end = begin + to.size();
  Index skip = 0;  // characters before the first
  if (!piece.before.empty()) {
    const auto cells_up_to = [&](Index character) {
      return std::upper_bound(piece.before.begin(), piece.before.end(), character) - piece.before.begin();
    };
    const auto cell = static_cast<std::size_t>(cells_up_to(first) - 1);
    skip = first - piece.before[cell];
    begin = cell * TextScan::kCell;
    end = static_cast<std::size_t>(cells_up_to(first + static_cast<Index>(to.size()) - 1)) * TextScan::kCell + 3;
  }
  begin += piece.start;
  // Characters have at most 4 bytes, and cells extend the range on both sides.
  std::array<char, 4 * kMaxIds + 2 * TextScan::kCell + 3> buffer;
  end = std::min({end + piece.start, piece.text.size(), begin + buffer.size()});
  const std::span<char> bytes = std::span(buffer).first(end - begin);
  piece.text.read(begin, bytes);

  const char* at = bytes.data();
  const char* const last = at + bytes.size();
  if (!piece.before.empty())
    while (at < last && (continues_utf8(*at) || skip-- > 0)) ++at;
  for (std::int32_t& id : to) {
    if (bytes_) {
      id = static_cast<unsigned char>(*at++);
      continue;
    }
    char32_t character = 0;
    const std::size_t length = read_utf8(at, last, character);
    id = length > 0 ? id_of(character) : -1;
    if (id < 0)
      fail(piece.text.path(), ": changed while it was in use: byte ",
           begin + static_cast<std::size_t>(at - bytes.data()),
           " no longer begins a character of the vocabulary; restore the text and run again with --resume");
    at += length;
  }
}

TextTokens::TextTokens(const Vocabulary& known) : source_(std::make_shared<Source>(known, known.is_bytes(), true)) {}
TextTokens::TextTokens(bool bytes) : source_(std::make_shared<Source>(Vocabulary::bytes(), bytes, false)) {}
TextTokens::~TextTokens() = default;
TextTokens::TextTokens(TextTokens&&) noexcept = default;

void TextTokens::keep_byte_order_marks() { source_->keep_byte_order_marks(); }

void TextTokens::add(FileBytes text, const std::string& source) { source_->add(std::move(text), source); }

TextTokens::Result TextTokens::finish() {
  Result result = source_->finish();
  result.ids = TokenIds(std::shared_ptr<const TokenSource>(std::move(source_)));
  return result;
}

}  // namespace headlight
