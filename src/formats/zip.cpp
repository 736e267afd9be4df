// The zip writer: local headers, contents, central directory.
#include "formats/zip.h"

#include <cstdint>

#include "formats/crc32.h"
#include "formats/little_endian.h"
#include "headlight/base/error.h"
#include "os/file.h"

namespace headlight {

namespace {

constexpr std::uint32_t kLocalHeader = 0x04034B50, kDirectoryHeader = 0x02014B50, kEndOfDirectory = 0x06054B50;
constexpr std::uint16_t kVersion = 20, kNamesAreUtf8 = 0x0800, kStored = 0;
constexpr std::uint16_t kMidnight = 0, kFirstOf1980 = 0x21;  // the earliest date of the format

constexpr std::uint64_t kMaxZipBytes = 0xFFFF'FFFE, kMaxFiles = 0xFFFE;  // a field with all bits set means zip64

// The fields that a local header and a directory entry have in common.
void append_common_fields(std::string& bytes, const ZipFile& file, std::uint32_t crc, std::uint64_t size) {
  for (const std::uint16_t field : {kVersion, kNamesAreUtf8, kStored, kMidnight, kFirstOf1980})
    append_little(bytes, field);
  append_little(bytes, crc);
  append_little(bytes, static_cast<std::uint32_t>(size));  // stored
  append_little(bytes, static_cast<std::uint32_t>(size));  // original
  append_little(bytes, static_cast<std::uint16_t>(file.name.size()));
  append_little(bytes, std::uint16_t{0});  // no extra field
}

}  // namespace

void save_zip(const std::string& path, std::span<const ZipFile> files) {
  if (files.size() > kMaxFiles)
    fail(path, ": ", files.size(), " files exceed the ", kMaxFiles,
         " of a zip archive; write single .npy files instead");
  std::vector<std::string> headers;
  std::string directory;
  std::uint64_t offset = 0;
  for (const ZipFile& file : files) {
    std::uint32_t crc = 0;
    std::uint64_t size = 0;
    for (const std::string_view piece : file.pieces) {
      crc = crc32(piece, crc);
      size += piece.size();
    }
    std::string header;
    append_little(header, kLocalHeader);
    append_common_fields(header, file, crc, size);
    header += file.name;

    append_little(directory, kDirectoryHeader);
    append_little(directory, kVersion);  // made by
    append_common_fields(directory, file, crc, size);
    append_little(directory, std::uint16_t{0});  // no comment
    append_little(directory, std::uint16_t{0});  // disk number
    append_little(directory, std::uint16_t{0});  // internal attributes
    append_little(directory, std::uint32_t{0});  // external attributes
    append_little(directory, static_cast<std::uint32_t>(offset));
    directory += file.name;

    offset += header.size() + size;
    headers.push_back(std::move(header));
    if (offset + directory.size() > kMaxZipBytes)
      fail(path, ": the archive would exceed 4 GB, the limit of zip; write single .npy files instead");
  }
  std::string end;
  append_little(end, kEndOfDirectory);
  append_little(end, std::uint32_t{0});  // numbers of this disk and of the directory's disk
  append_little(end, static_cast<std::uint16_t>(files.size()));
  append_little(end, static_cast<std::uint16_t>(files.size()));
  append_little(end, static_cast<std::uint32_t>(directory.size()));
  append_little(end, static_cast<std::uint32_t>(offset));
  append_little(end, std::uint16_t{0});  // no comment

  std::vector<std::string_view> all;
  for (std::size_t i = 0; i < files.size(); ++i) {
    all.push_back(headers[i]);
    all.insert(all.end(), files[i].pieces.begin(), files[i].pieces.end());
  }
  all.push_back(directory);
  all.push_back(end);
  write_file_atomically(path, all);
}

}  // namespace headlight
