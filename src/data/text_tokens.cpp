// TextTokens: the concatenated texts as a TokenSource that encodes on each read.
#include "data/text_tokens.h"

#include <algorithm>
#include <utility>

#include "base/utf8.h"
#include "data/text_scan.h"
#include "headlight/base/error.h"

namespace headlight {

class TextTokens::Source : public TokenSource {
 public:
  Source(Vocabulary vocabulary, bool bytes, bool known)
      : bytes_(bytes), known_(known), vocabulary_(std::move(vocabulary)) {
    for (const char32_t character : vocabulary_.characters()) set_.add(character);
  }

  Index size() const override { return size_; }
  void read(Index first, std::span<std::int32_t> to) const override;

  void keep_marks() { removes_marks_ = false; }
  void add(FileBytes text, const std::string& source);
  Result finish();

 private:
  // A text, or the line break inserted between two texts.
  struct Piece {
    FileBytes text;
    Index first;                // index of its first token in the whole sequence
    std::vector<Index> before;  // see TextScan
  };

  std::size_t read_piece(const Piece& piece, Index first, std::span<std::int32_t> to) const;
  [[noreturn]] void refuse_unknown(const FileBytes& file, const std::string& source) const;
  void append(FileBytes text, TextScan scan);
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
  if (!bytes_) refuse_other_encodings(text.view(), source, text.path());
  const bool marked = removes_marks_ && text.view().starts_with(kByteOrderMark);
  if (marked) text.skip(kByteOrderMark.size());
  if (text.view().empty()) return;
  // The hash covers inserted line breaks, too.
  const bool breaks =
      !pieces_.empty() && pieces_.back().text.view().back() != '\n' && (bytes_ || !known_ || set_.has(U'\n'));
  BytesHash before = hash_;
  FileBytes line_break = FileBytes::of("\n");
  TextScan of_break = scan_text(line_break, !bytes_, before.head());
  if (breaks) before.add(line_break.view(), of_break.words);
  TextScan scan = scan_text(text, !bytes_, before.head());
  if (scan.bad >= 0) {
    // Validate the offending sequence again, for the reason.
    const std::string_view rest = text.view().substr(static_cast<std::size_t>(scan.bad));
    const auto problem = find_invalid_utf8(rest.substr(0, 4));
    text.check();
    fail(source, ": byte ", static_cast<std::size_t>(scan.bad) + text.skipped(), " is not UTF-8 (",
         problem ? problem->reason : "", "); convert the text to UTF-8, or train on its bytes with --tokens byte");
  }
  if (known_ && !bytes_) {
    for (const char32_t character : scan.set.characters())
      if (!set_.has(character)) refuse_unknown(text, source);
  }
  if (breaks) append(std::move(line_break), std::move(of_break));
  append(std::move(text), std::move(scan));
  if (marked) marked_.push_back(source);
}

void TextTokens::Source::append(FileBytes text, TextScan scan) {
  BytesHash longer = hash_;
  longer.add(text.view(), scan.words);
  text.check();
  hash_ = longer;
  if (!known_) set_.add(scan.set);
  text.expect_random_access();
  pieces_.push_back({std::move(text), size_, std::move(scan.before)});
  size_ += scan.characters;
}

// Throws the error that names the first character outside the vocabulary.
void TextTokens::Source::refuse_unknown(const FileBytes& file, const std::string& source) const {
  const std::string_view text = file.view();
  const char* at = text.data();
  const char* end = at + text.size();
  char32_t character = 0;
  for (Index number = 1; at < end; ++number) {
    at += std::max<std::size_t>(1, read_utf8(at, end, character));
    if (set_.has(character)) continue;
    file.check();
    fail(source, ": character ", number, " ", printable(character), " is not in this model's vocabulary (",
         vocabulary_.size(), " characters); the text must be of the characters that the model knows");
  }
  file.check();
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
  auto piece = std::upper_bound(pieces_.begin(), pieces_.end(), first,
                                [](Index place, const Piece& p) { return place < p.first; }) -
               1;
  for (; !to.empty(); ++piece) {
    const std::size_t count = read_piece(*piece, first - piece->first, to);
    first += static_cast<Index>(count);
    to = to.subspan(count);
  }
}

// Reads as many ids as the piece has, and returns how many. Error: the file changed after the scan.
std::size_t TextTokens::Source::read_piece(const Piece& piece, Index first, std::span<std::int32_t> to) const {
  const Index next = &piece == &pieces_.back() ? size_ : (&piece + 1)->first;
  const std::size_t count = std::min(to.size(), static_cast<std::size_t>(next - piece.first - first));
  const std::string_view text = piece.text.view();
  const char* at = text.data() + find_character(text, piece.before, first);
  const char* end = text.data() + text.size();
  for (std::int32_t& id : to.first(count)) {
    if (bytes_) {
      id = static_cast<unsigned char>(*at++);
      continue;
    }
    char32_t character = 0;
    const std::size_t length = read_utf8(at, end, character);
    id = length > 0 ? id_of(character) : -1;
    if (id < 0) {
      piece.text.check();
      fail(piece.text.path(), ": changed while it was in use: byte ",
           at - text.data() + static_cast<std::ptrdiff_t>(piece.text.skipped()),
           " is no character of the vocabulary any more; bring the text back, and go on with it");
    }
    at += length;
  }
  piece.text.check();
  return count;
}

TextTokens::TextTokens(const Vocabulary& known) : source_(std::make_shared<Source>(known, known.is_bytes(), true)) {}
TextTokens::TextTokens(bool bytes) : source_(std::make_shared<Source>(Vocabulary::bytes(), bytes, false)) {}
TextTokens::~TextTokens() = default;
TextTokens::TextTokens(TextTokens&&) noexcept = default;

void TextTokens::keep_marks() { source_->keep_marks(); }

void TextTokens::add(FileBytes text, const std::string& source) { source_->add(std::move(text), source); }

TextTokens::Result TextTokens::finish() {
  Result result = source_->finish();
  result.ids = TokenIds(std::shared_ptr<const TokenSource>(std::move(source_)));
  return result;
}

}  // namespace headlight
