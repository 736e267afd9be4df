// The bytes of .npy and .npz files. tests/interop checks that NumPy reads the files.
#include "formats/npy.h"

#include <gtest/gtest.h>

#include "formats/crc32.h"
#include "formats/little_endian.h"
#include "formats/zip.h"
#include "os/file.h"
#include "os/folder.h"
#include "support/expect_error.h"
#include "support/temporary_directory.h"

namespace headlight {
namespace {

const std::vector<float> kSix = {1, -2, 0.5f, 3, 4, 1e-8f};

std::string bytes_of_values(std::span<const float> values) {
  std::string bytes;
  for (const float value : values) append_little(bytes, value);
  return bytes;
}

TEST(Crc32, IsThatOfTheStandard) {
  EXPECT_EQ(crc32("123456789"), 0xCBF43926u);
  EXPECT_EQ(crc32(""), 0u);
  EXPECT_EQ(crc32("a"), 0xE8B7BE43u);
  EXPECT_EQ(crc32(std::string(32, '\0')), 0x190A55ADu);
  EXPECT_EQ(crc32(std::string(32, '\xFF')), 0xFF6CAB0Bu);
  EXPECT_EQ(crc32("456789", crc32("123")), 0xCBF43926u);
}

TEST(LittleEndian, LowestByteFirst) {
  std::string bytes;
  append_little(bytes, std::uint32_t{0x01020304});
  append_little(bytes, std::uint16_t{0xABCD});
  append_little(bytes, 1.0f);
  append_little(bytes, std::int32_t{-2});
  EXPECT_EQ(bytes, std::string("\x04\x03\x02\x01\xCD\xAB\x00\x00\x80\x3F\xFE\xFF\xFF\xFF", 14));
}

TEST(Npy, HeaderIsWhatNumPyWrites) {
  const std::string header = npy_header(tensor_view<float>("w", {2, 3}, kSix));
  EXPECT_EQ(header.size() % 64, 0u);
  EXPECT_EQ(header.substr(0, 10), std::string("\x93NUMPY\x01\x00\x76\x00", 10));
  EXPECT_TRUE(contains(header, "{'descr': '<f4', 'fortran_order': False, 'shape': (2,3), }"));
  EXPECT_EQ(header.back(), '\n');
}

TEST(Npy, ShapesAreTuples) {
  const auto shape_in = [](std::vector<Index> shape) {
    const std::string header = npy_header({"w", StoredType::kF32, std::move(shape), {}});
    const std::size_t begin = header.find("'shape': ") + 9;
    return header.substr(begin, header.find(", }") - begin);
  };
  EXPECT_EQ(shape_in({}), "()");
  EXPECT_EQ(shape_in({3}), "(3,)");
  EXPECT_EQ(shape_in({2, 3}), "(2,3)");
  EXPECT_EQ(shape_in({2, 0, 4}), "(2,0,4)");
  // A header longer than 64 bytes.
  EXPECT_EQ(npy_header({"w", StoredType::kF32, std::vector<Index>(20, 1'000'000'007), {}}).size() % 64, 0u);
}

TEST(Npy, TypesHaveTheirNames) {
  for (const auto& [type, name] : {std::pair{StoredType::kF32, "'<f4'"},
                                   {StoredType::kF64, "'<f8'"},
                                   {StoredType::kF16, "'<f2'"},
                                   {StoredType::kI32, "'<i4'"},
                                   {StoredType::kI64, "'<i8'"},
                                   {StoredType::kU64, "'<u8'"},
                                   {StoredType::kI16, "'<i2'"},
                                   {StoredType::kU16, "'<u2'"},
                                   {StoredType::kU32, "'<u4'"},
                                   {StoredType::kU8, "'|u1'"},
                                   {StoredType::kI8, "'|i1'"},
                                   {StoredType::kBool, "'|b1'"}})
    EXPECT_TRUE(contains(npy_header({"w", type, {1}, {}}), name));
  for (const StoredType type : {StoredType::kBF16, StoredType::kF8_E4M3, StoredType::kF8_E5M2})
    EXPECT_TRUE(contains(error_of([&] { npy_header({"w", type, {1}, {}}); }), "which NumPy lacks"));
}

TEST(Npy, FileIsHeaderAndValues) {
  const TemporaryDirectory directory;
  const TensorView view = tensor_view<float>("w", {3, 2}, kSix);
  save_npy(directory / "w.npy", view);
  EXPECT_EQ(read_file(directory / "w.npy"), npy_header(view) + bytes_of_values(kSix));
  TensorView wrong = view;
  wrong.shape = {3, 3};
  EXPECT_TRUE(contains(error_of([&] { save_npy(directory / "v.npy", wrong); }), "does not take 24 bytes"));
  EXPECT_FALSE(path_exists(directory / "v.npy"));
}

// ---- zip: an independent reader that begins at the end of the file --------------------------------------------------

std::uint64_t number_at(const std::string& bytes, std::size_t at, int size) {
  std::uint64_t value = 0;
  for (int i = 0; i < size; ++i)
    value |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes.at(at + static_cast<std::size_t>(i))))
             << 8 * i;
  return value;
}

std::map<std::string, std::string> unzip(const std::string& bytes) {
  std::map<std::string, std::string> files;
  const std::size_t end = bytes.size() - 22;
  EXPECT_EQ(number_at(bytes, end, 4), 0x06054B50u);
  const std::uint64_t count = number_at(bytes, end + 10, 2), directory = number_at(bytes, end + 16, 4);
  EXPECT_EQ(directory + number_at(bytes, end + 12, 4), end);
  std::size_t at = directory;
  for (std::uint64_t i = 0; i < count; ++i) {
    EXPECT_EQ(number_at(bytes, at, 4), 0x02014B50u);
    EXPECT_EQ(number_at(bytes, at + 10, 2), 0u) << "stored";
    const std::size_t size = number_at(bytes, at + 20, 4), name_size = number_at(bytes, at + 28, 2);
    EXPECT_EQ(number_at(bytes, at + 24, 4), size);
    const std::string name = bytes.substr(at + 46, name_size);
    const std::size_t local = number_at(bytes, at + 42, 4);
    EXPECT_EQ(number_at(bytes, local, 4), 0x04034B50u);
    EXPECT_EQ(number_at(bytes, local + 26, 2), name_size);
    EXPECT_EQ(bytes.substr(local + 30, name_size), name);
    // The fields from version to sizes are equal in the local header and the directory entry.
    EXPECT_EQ(bytes.substr(local + 4, 22), bytes.substr(at + 6, 22));
    files[name] = bytes.substr(local + 30 + name_size, size);
    EXPECT_EQ(number_at(bytes, at + 16, 4), crc32(files[name])) << name;
    at += 46 + name_size;
  }
  EXPECT_EQ(at, end);
  return files;
}

TEST(Zip, HoldsItsFiles) {
  const TemporaryDirectory directory;
  const std::string large(100'000, 'x');
  const ZipFile files[] = {{"a.txt", {"123", "456789"}}, {"empty", {}}, {"é日.npy", {large}}};
  save_zip(directory / "z.zip", files);
  const auto found = unzip(read_file(directory / "z.zip"));
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found.at("a.txt"), "123456789");
  EXPECT_EQ(found.at("empty"), "");
  EXPECT_EQ(found.at("é日.npy"), large);
  save_zip(directory / "none.zip", {});
  EXPECT_TRUE(unzip(read_file(directory / "none.zip")).empty());
}

TEST(Npz, HoldsTensorsAndTexts) {
  const TemporaryDirectory directory;
  const std::vector<std::int32_t> ids = {7, -1};
  const TensorView views[] = {tensor_view<float>("blocks.0.w", {2, 3}, kSix),
                              tensor_view<std::int32_t>("ids", {2}, ids)};
  save_npz(directory / "m.npz", views, {{"config.json", "{}"}});
  const auto found = unzip(read_file(directory / "m.npz"));
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found.at("blocks.0.w.npy"), npy_header(views[0]) + bytes_of_values(kSix));
  EXPECT_EQ(found.at("ids.npy"), npy_header(views[1]) + std::string("\x07\0\0\0\xFF\xFF\xFF\xFF", 8));
  EXPECT_EQ(found.at("config.json"), "{}");
  const TensorView twice[] = {views[0], views[0]};
  EXPECT_TRUE(contains(error_of([&] { save_npz(directory / "t.npz", twice); }),
                       "two files of the archive are named \"blocks.0.w.npy\"; rename one"));
}

}  // namespace
}  // namespace headlight
