// The GGUF reader.
#include <algorithm>
#include <bit>
#include <set>

#include "base/utf8.h"
#include "formats/gguf.h"
#include "formats/gguf_format.h"
#include "formats/safetensors_format.h"
#include "headlight/base/error.h"
#include "os/file.h"

namespace headlight {

namespace {

// Reads values one after another and fails at the end of the file.
class Cursor {
 public:
  Cursor(std::string_view bytes, const std::string& source) : bytes_(bytes), source_(source) {}

  std::uint64_t place() const { return at_; }
  std::uint64_t left() const { return bytes_.size() - at_; }

  std::string_view take(std::uint64_t count) {
    if (count > left())
      fail(source_, ": the file is truncated: ", count, " bytes expected at byte ", at_, "; copy or download it again");
    const std::string_view taken = bytes_.substr(static_cast<std::size_t>(at_), static_cast<std::size_t>(count));
    at_ += count;
    return taken;
  }
  template <class T>
  T number() {
    const std::string_view bytes = take(sizeof(T));
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i)
      bits |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
    if constexpr (std::is_same_v<T, float>) return std::bit_cast<float>(static_cast<std::uint32_t>(bits));
    else return static_cast<T>(bits);
  }
  std::string text() {
    const std::string_view bytes = take(number<std::uint64_t>());
    if (const auto problem = find_invalid_utf8(bytes))
      fail(source_, ": the string before byte ", at_, " is not UTF-8: ", problem->reason,
           "; copy or download the file again");
    return std::string(bytes);
  }
  // Reads the number of values that follow; each takes at least `least_bytes` bytes.
  std::uint64_t count(std::uint64_t least_bytes) {
    const auto n = number<std::uint64_t>();
    if (n > left() / least_bytes)
      fail(source_, ": the file is truncated: its header lists ", n, " values; copy or download it again");
    return n;
  }

 private:
  std::string_view bytes_;
  const std::string& source_;
  std::uint64_t at_ = 0;
};

GgufValue read_value(Cursor& cursor, const std::string& where) {
  const auto kind = cursor.number<std::uint32_t>();
  switch (static_cast<GgufKind>(kind)) {
    case GgufKind::kU32:
      return cursor.number<std::uint32_t>();
    case GgufKind::kI32:
      return cursor.number<std::int32_t>();
    case GgufKind::kF32:
      return cursor.number<float>();
    case GgufKind::kBool:
      return cursor.number<std::uint8_t>() != 0;
    case GgufKind::kString:
      return cursor.text();
    case GgufKind::kArray:
      break;
    default:
      fail(where, " has the unsupported kind ", kind);
  }
  const auto element = cursor.number<std::uint32_t>();
  if (static_cast<GgufKind>(element) == GgufKind::kString) {
    std::vector<std::string> texts(static_cast<std::size_t>(cursor.count(8)));
    for (std::string& text : texts) text = cursor.text();
    return texts;
  }
  if (static_cast<GgufKind>(element) == GgufKind::kI32) {
    std::vector<std::int32_t> numbers(static_cast<std::size_t>(cursor.count(4)));
    for (std::int32_t& value : numbers) value = cursor.number<std::int32_t>();
    return numbers;
  }
  fail(where, " is an array of the unsupported kind ", element);
}

// An entry of the tensor table, before its place in the data is checked.
struct GgufClaim {
  TensorView view;  // data not set yet
  std::uint64_t offset = 0, bytes = 0;
};

GgufClaim read_claim(Cursor& cursor, const std::string& source) {
  GgufClaim claim;
  claim.view.name = cursor.text();
  const std::string where = cat(source, ": tensor \"", claim.view.name, "\"");
  const auto rank = cursor.number<std::uint32_t>();
  if (rank == 0 || rank > 4) fail(where, " has rank ", rank, "; expected 1 to 4");
  std::vector<std::uint64_t> shape;
  for (std::uint32_t i = 0; i < rank; ++i) shape.insert(shape.begin(), cursor.number<std::uint64_t>());
  const auto type = cursor.number<std::uint32_t>();
  if (type > static_cast<std::uint32_t>(GgufTensorType::kF16))
    fail(where, " has type ", type, ", but only F32 and F16 are supported; use the file that it was quantized from");
  claim.view.type = static_cast<GgufTensorType>(type) == GgufTensorType::kF32 ? StoredType::kF32 : StoredType::kF16;
  claim.offset = cursor.number<std::uint64_t>();
  const auto needed = bytes_needed(claim.view.type, shape);
  if (!needed || std::any_of(shape.begin(), shape.end(), [](std::uint64_t size) { return size >> 62 != 0; }))
    fail(where, " is too large: the size of ", shape_text(shape), " overflows; copy or download the file again");
  claim.bytes = *needed;
  for (const std::uint64_t size : shape) claim.view.shape.push_back(static_cast<Index>(size));
  return claim;
}

}  // namespace

Gguf Gguf::load(const std::string& path) { return parse(read_file(path), path); }

Gguf Gguf::parse(std::string bytes, const std::string& source) {
  auto file = std::make_shared<File>();
  file->source = source;
  file->bytes = std::move(bytes);
  Cursor cursor(file->bytes, source);
  if (file->bytes.size() < kGgufMagic.size() || cursor.take(kGgufMagic.size()) != kGgufMagic)
    fail(source, ": not a GGUF file: it does not begin with \"", kGgufMagic, "\"; choose another file");
  if (const auto version = cursor.number<std::uint32_t>(); version != kGgufVersion)
    fail(source, ": GGUF version ", version, " is not supported; convert the file to version ", kGgufVersion);
  const std::uint64_t tensors = cursor.count(24), entries = cursor.count(13);

  std::set<std::string> names;
  for (std::uint64_t i = 0; i < entries; ++i) {
    std::string name = cursor.text();
    if (!names.insert(name).second) fail(source, ": two entries are named \"", name, "\"; rename one");
    GgufValue value = read_value(cursor, cat(source, ": ", name));
    file->metadata.emplace_back(std::move(name), std::move(value));
  }
  names.clear();
  std::vector<GgufClaim> claims;
  for (std::uint64_t i = 0; i < tensors; ++i) {
    claims.push_back(read_claim(cursor, source));
    if (!names.insert(claims.back().view.name).second)
      fail(source, ": two tensors are named \"", claims.back().view.name, "\"; rename one");
  }
  const std::uint64_t begin = (cursor.place() + kGgufAlignment - 1) / kGgufAlignment * kGgufAlignment;
  const std::uint64_t size = file->bytes.size() - std::min<std::uint64_t>(begin, file->bytes.size());
  const std::span<const std::byte> all = std::as_bytes(std::span(file->bytes));
  for (GgufClaim& claim : claims) {
    if (claim.offset % kGgufAlignment != 0)
      fail(source, ": tensor \"", claim.view.name, "\" begins at ", claim.offset, ", which is not a multiple of ",
           kGgufAlignment);
    if (claim.bytes > size || claim.offset > size - claim.bytes)
      fail(source, ": the file is truncated: tensor \"", claim.view.name, "\" takes ", claim.bytes, " bytes at ",
           claim.offset, ", but the data has ", size, " bytes; copy or download it again");
    if (claim.bytes > 0)
      claim.view.data =
          all.subspan(static_cast<std::size_t>(begin + claim.offset), static_cast<std::size_t>(claim.bytes));
    file->tensors.push_back(std::move(claim.view));
  }
  return Gguf(std::move(file));
}

const GgufValue& Gguf::value(std::string_view name) const {
  for (const auto& [key, value] : metadata())
    if (key == name) return value;
  fail(source(), ": entry \"", name, "\" is missing");
}

void Gguf::wrong_kind(std::string_view name) const { fail(source(), ": entry \"", name, "\" has an unexpected kind"); }

}  // namespace headlight
