// The safetensors reader; its checks are numbered as in headlight/formats/safetensors.h.
#include <algorithm>
#include <limits>
#include <tuple>
#include <utility>

#include "base/utf8.h"
#include "formats/json.h"
#include "formats/safetensors_format.h"
#include "headlight/base/error.h"
#include "headlight/formats/safetensors.h"
#include "os/file.h"

namespace headlight {

namespace {

// A tensor as the header describes it, before the checks.
struct Claim {
  std::string name;
  StoredType type;
  std::vector<std::uint64_t> shape;
  std::uint64_t begin, end;
};

struct Header {
  std::vector<Claim> claims;
  Metadata metadata;
};

constexpr const char* kAgain = "; copy or download the file again";

std::uint64_t little_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i)
    value |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  return value;
}

// Checks 1 to 4: finds the header.
std::string_view find_header(std::string_view bytes, const std::string& source) {
  if (bytes.size() < 8)
    fail(source, ": not a safetensors file: ", bytes.size(),
         " bytes, but the header length alone takes 8; choose another file");
  const std::uint64_t length = little_endian(bytes);
  if (length > kSafeTensorsMaxHeader)
    fail(source, ": not a safetensors file: its first 8 bytes give a header length of ", length, ", but at most ",
         kSafeTensorsMaxHeader, " is allowed; choose another file");
  if (length > bytes.size() - 8)  // 8 + length cannot overflow after check 2
    fail(source, ": the file is truncated: its header takes ", length, " bytes, but only ", bytes.size() - 8,
         " follow; copy or download it again");
  const std::string_view header = bytes.substr(8, static_cast<std::size_t>(length));
  if (const auto problem = find_invalid_utf8(header))
    fail(source, ": byte ", 8 + problem->offset, ": the header is not UTF-8: ", problem->reason, kAgain);
  return header;
}

std::vector<std::uint64_t> unsigned_numbers(const JsonView& array, const char* what) {
  std::vector<std::uint64_t> numbers;
  if (!array.json().is_array()) array.refuse(cat("expected an array of ", what));
  for (const Json& element : *array.json().if_array()) {
    const auto number = element.if_uint64();
    if (!number) array.refuse(cat("expected ", what, " (unsigned integers), at element ", numbers.size()));
    numbers.push_back(*number);
  }
  return numbers;
}

// Check 5: parses the header.
Header read_header(std::string_view text, const std::string& source) {
  const std::string where = source + ": header";
  const Json document = parse_json(text, where);
  if (!document.is_object()) fail(where, ": expected an object of tensors");
  Header header;
  for (const auto& [name, entry] : JsonView(document, where).members()) {
    if (name == kSafeTensorsMetadata) {
      for (const auto& [key, value] : entry.members()) header.metadata.emplace(key, value.as_string());
      continue;
    }
    const JsonView type = entry.at("dtype");
    const auto known = stored_type_named(type.as_string());
    if (!known) type.refuse(cat("the dtype \"", type.as_string(), "\" is unknown; convert the tensor to F32"));
    std::vector<std::uint64_t> shape = unsigned_numbers(entry.at("shape"), "sizes");
    const JsonView place = entry.at("data_offsets");
    const std::vector<std::uint64_t> offsets = unsigned_numbers(place, "offsets");
    if (offsets.size() != 2) place.refuse(cat("expected two offsets, begin and end, found ", offsets.size()));
    header.claims.push_back(Claim{name, *known, std::move(shape), offsets[0], offsets[1]});
  }
  return header;
}

// Check 6: the tensors cover the data without gaps or overlaps. Sorts the claims by offset.
void check_layout(std::vector<Claim>& claims, const std::string& source) {
  std::sort(claims.begin(), claims.end(), [](const Claim& a, const Claim& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  std::uint64_t reached = 0;
  for (const Claim& claim : claims) {
    if (claim.begin != reached) {
      fail(source, ": tensor \"", claim.name, "\" begins at offset ", claim.begin, ", but ",
           reached == 0 ? "the data begins at 0" : cat("the previous tensor ends at ", reached), kAgain);
    }
    if (claim.end < claim.begin)
      fail(source, ": tensor \"", claim.name, "\" ends at offset ", claim.end, ", before its begin ", claim.begin,
           kAgain);
    reached = claim.end;
  }
}

// Checks 7 and 8: the length of each tensor matches its dtype and shape.
void check_sizes(const std::vector<Claim>& claims, const std::string& source) {
  constexpr auto kMaxSize = static_cast<std::uint64_t>(std::numeric_limits<Index>::max());
  for (const Claim& claim : claims) {
    const auto needed = bytes_needed(claim.type, claim.shape);
    const bool representable =
        std::all_of(claim.shape.begin(), claim.shape.end(), [](std::uint64_t size) { return size <= kMaxSize; });
    if (!needed || !representable)
      fail(source, ": tensor \"", claim.name, "\" is too large: the size of ", shape_text(claim.shape), " overflows",
           kAgain);
    if (claim.end - claim.begin != *needed)
      fail(source, ": tensor \"", claim.name, "\" takes ", claim.end - claim.begin, " bytes, but ", claim.type, " ",
           shape_text(claim.shape), " needs ", *needed, kAgain);
  }
}

// Check 9: the last tensor ends at the end of the file.
void check_end(const std::vector<Claim>& claims, std::uint64_t data_bytes, const std::string& source) {
  const std::uint64_t end = claims.empty() ? 0 : claims.back().end;
  if (end > data_bytes)
    fail(source, ": the file is truncated: its tensors take ", end, " bytes, but ", data_bytes,
         " follow the header; copy or download it again");
  if (end < data_bytes) fail(source, ": ", data_bytes - end, " bytes follow the last tensor", kAgain);
}

}  // namespace

SafeTensors SafeTensors::load(const std::string& path) { return parse(read_file(path), path); }

SafeTensors SafeTensors::parse(std::string bytes, const std::string& source) {
  auto file = std::make_shared<File>();
  file->source = source;
  file->bytes = std::move(bytes);
  const std::string_view text = find_header(file->bytes, source);
  Header header = read_header(text, source);
  const std::size_t data_begin = 8 + text.size();
  check_layout(header.claims, source);
  check_sizes(header.claims, source);
  check_end(header.claims, file->bytes.size() - data_begin, source);

  file->metadata = std::move(header.metadata);
  const std::span<const std::byte> data = std::as_bytes(std::span(file->bytes)).subspan(data_begin);
  file->tensors.reserve(header.claims.size());
  for (Claim& claim : header.claims) {
    TensorView view{std::move(claim.name), claim.type, {}, {}};
    view.shape.reserve(claim.shape.size());
    for (const std::uint64_t size : claim.shape) view.shape.push_back(static_cast<Index>(size));
    view.data = data.subspan(static_cast<std::size_t>(claim.begin), static_cast<std::size_t>(claim.end - claim.begin));
    file->tensors.push_back(std::move(view));
  }
  for (std::size_t i = 0; i < file->tensors.size(); ++i) file->index.emplace(file->tensors[i].name, i);
  return SafeTensors(std::move(file));
}

std::vector<std::string> SafeTensors::names() const {
  std::vector<std::string> names;
  for (const TensorView& tensor : tensors()) names.push_back(tensor.name);
  return names;
}

const TensorView* SafeTensors::find(std::string_view name) const {
  const auto found = file_->index.find(name);
  return found == file_->index.end() ? nullptr : &tensors()[found->second];
}

const TensorView& SafeTensors::at(std::string_view name) const {
  const TensorView* tensor = find(name);
  if (!tensor)
    fail(source(), ": tensor \"", name, "\" is missing among ", tensors().size(), " tensors; use a complete file");
  return *tensor;
}

}  // namespace headlight
