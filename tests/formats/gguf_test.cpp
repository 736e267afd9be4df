// GGUF: round trips, the layout, and rejection of damaged files. tests/interop checks that llama.cpp reads the files.
#include "formats/gguf.h"

#include <gtest/gtest.h>

#include "formats/little_endian.h"
#include "headlight/base/random.h"
#include "os/file.h"
#include "os/folder.h"
#include "support/expect_error.h"
#include "support/temporary_directory.h"

namespace headlight {
namespace {

const std::vector<float> kSix = {1, -2, 0.5f, 3, 4, 1e-8f}, kOne = {9};
const GgufMetadata kMetadata = {{"a.name", std::string("é日🙂")},
                                {"a.count", std::uint32_t{4'000'000'000}},
                                {"a.sign", std::int32_t{-3}},
                                {"a.real", 0.25f},
                                {"a.yes", true},
                                {"a.words", std::vector<std::string>{"", "two words"}},
                                {"a.none", std::vector<std::string>{}},
                                {"a.kinds", std::vector<std::int32_t>{1, -1}}};

class GgufFile : public testing::Test {
 protected:
  GgufFile() {
    const TensorView views[] = {tensor_view<float>("w", {2, 3}, kSix), tensor_view<float>("b", {1}, kOne)};
    save_gguf(path_, kMetadata, views);
    bytes_ = read_file(path_);
  }
  std::string refused(const std::string& bytes) const {
    return error_of([&] { Gguf::parse(bytes, "f.gguf"); });
  }
  std::string with(std::size_t at, const std::string& part) const {
    std::string bytes = bytes_;
    return bytes.replace(at, part.size(), part);
  }

  TemporaryDirectory directory_;
  std::string path_ = directory_ / "f.gguf", bytes_;
};

TEST_F(GgufFile, ReadsBack) {
  const Gguf file = Gguf::load(path_);
  EXPECT_EQ(file.metadata(), kMetadata);
  ASSERT_EQ(file.tensors().size(), 2u);
  EXPECT_EQ(file.tensors()[0].name, "w");
  EXPECT_EQ(file.tensors()[0].shape, (std::vector<Index>{2, 3}));
  std::vector<float> values(6);
  copy_values(file.tensors()[0], "f.gguf", values);
  EXPECT_EQ(values, kSix);
  values.resize(1);
  copy_values(file.tensors()[1], "f.gguf", values);
  EXPECT_EQ(values, kOne);
  EXPECT_EQ(file.at<std::uint32_t>("a.count"), 4'000'000'000u);
  EXPECT_EQ(error_of([&] { file.at<float>("a.count"); }), path_ + ": entry \"a.count\" has an unexpected kind");
  EXPECT_EQ(error_of([&] { file.at<float>("a.nothing"); }), path_ + ": entry \"a.nothing\" is missing");
}

// The layout of the format: sizes innermost first, tensors at multiples of 32.
TEST_F(GgufFile, IsLaidOutAsTheFormatSays) {
  EXPECT_EQ(bytes_.substr(0, 8), std::string("GGUF\x03\0\0\0", 8));
  std::string counts;
  append_little(counts, std::uint64_t{2});
  append_little(counts, std::uint64_t{8});
  EXPECT_EQ(bytes_.substr(8, 16), counts);
  std::string tensor;
  append_little(tensor, std::uint64_t{1});
  tensor += "w";
  append_little(tensor, std::uint32_t{2});
  append_little(tensor, std::uint64_t{3});
  append_little(tensor, std::uint64_t{2});
  append_little(tensor, std::uint32_t{0});
  append_little(tensor, std::uint64_t{0});
  const std::size_t found = bytes_.find(tensor);
  ASSERT_NE(found, std::string::npos);
  const std::size_t data = (found + tensor.size() + 33 + 31) / 32 * 32;  // 33: the size of the other tensor's entry
  std::string value;
  append_little(value, 1.0f);
  EXPECT_EQ(bytes_.substr(data, 4), value);
  value.clear();
  append_little(value, 9.0f);
  EXPECT_EQ(bytes_.substr(data + 32, 4), value);
  EXPECT_EQ(bytes_.size() % 32, 0u);
}

TEST_F(GgufFile, CutShortAnywhereIsRefused) {
  const std::size_t needed = bytes_.size() - 28;  // the last tensor has 4 bytes; the file ends with padding zeros
  for (std::size_t size = 0; size < needed; ++size)
    EXPECT_NE(refused(bytes_.substr(0, size)), "(no error)") << size << " of " << bytes_.size();
  EXPECT_EQ(refused(bytes_.substr(0, needed)), "(no error)");
}

TEST_F(GgufFile, DamageIsNamed) {
  EXPECT_TRUE(contains(refused("GGUX"), "f.gguf: not a GGUF file"));
  EXPECT_TRUE(contains(refused(""), "f.gguf: not a GGUF file"));
  EXPECT_TRUE(contains(refused(with(4, "\x02")), "GGUF version 2 is not supported; convert the file to version 3"));
  const std::string huge(8, '\xFF');
  EXPECT_TRUE(contains(refused(with(8, huge)), "the file is truncated"));   // tensors
  EXPECT_TRUE(contains(refused(with(16, huge)), "the file is truncated"));  // entries
  EXPECT_TRUE(contains(refused(with(24, huge)), "the file is truncated"));  // the first name's length
  EXPECT_TRUE(contains(refused(with(32, "\xFF")), "is not UTF-8"));
  const std::size_t words = bytes_.find("a.words") + 7;
  EXPECT_TRUE(contains(refused(with(words + 8, huge)), "the file is truncated"));  // its count
  EXPECT_TRUE(contains(refused(with(words + 4, std::string("\x06\0\0\0", 4))), "array of the unsupported kind 6"));
  EXPECT_TRUE(contains(refused(with(words, std::string("\x0C\0\0\0", 4))), "a.words has the unsupported kind 12"));
  EXPECT_TRUE(contains(refused(with(bytes_.find("a.sign"), "a.real")), "two entries are named \"a.real\"; rename one"));
  const std::size_t tensor = bytes_.find("w", words + 40);
  EXPECT_TRUE(contains(refused(with(tensor, "b")), "two tensors are named \"b\"; rename one"));
  EXPECT_TRUE(contains(refused(with(tensor + 1, std::string("\x05\0\0\0", 4))), "has rank 5"));
  EXPECT_TRUE(contains(refused(with(tensor + 5, huge)), "too large"));
  EXPECT_TRUE(contains(refused(with(tensor + 5, std::string("\x04\0\0\0\0\0\0\x10", 8))), "too large"));
  EXPECT_TRUE(contains(refused(with(tensor + 5, std::string("\x00\x01", 2))), "takes 2048 bytes at 0"));
  EXPECT_TRUE(contains(refused(with(tensor + 21, "\x08")), "only F32 and F16 are supported"));
  EXPECT_TRUE(contains(refused(with(tensor + 25, "\x01")), "not a multiple of 32"));
  EXPECT_TRUE(contains(refused(with(tensor + 25, huge.substr(0, 7))), "f.gguf: "));
  EXPECT_TRUE(contains(refused(with(tensor + 25, std::string("\xE0\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 8))), "is truncated"));
}

// Random damage gives a valid file or an error of one line, never a crash.
TEST_F(GgufFile, RandomDamageNeverCrashes) {
  Rng rng(5);
  int errors = 0;
  for (int i = 0; i < 4000; ++i) {
    std::string bytes = bytes_;
    for (Index n = 1 + rng.below(4); n > 0; --n)
      bytes[static_cast<std::size_t>(rng.below(static_cast<Index>(bytes.size())))] = static_cast<char>(rng.below(256));
    errors += refused(bytes) != "(no error)";
  }
  EXPECT_GT(errors, 1000);
}

TEST_F(GgufFile, WriterRefusesWhatCannotBeStored) {
  const auto line = [&](const GgufMetadata& metadata, std::vector<TensorView> tensors) {
    return error_of([&] { save_gguf(directory_ / "g", metadata, tensors); });
  };
  const TensorView w = tensor_view<float>("w", {2, 3}, kSix);
  EXPECT_TRUE(contains(line({}, {w, w}), "two tensors are named \"w\"; rename one"));
  EXPECT_TRUE(contains(line({{"k", true}, {"k", false}}, {w}), "two entries are named \"k\"; rename one"));
  EXPECT_TRUE(contains(line({}, {tensor_view<float>("w", {}, kOne)}), "rank 0"));
  EXPECT_TRUE(contains(line({}, {tensor_view<float>("w", {4}, kSix)}), "does not take 24 bytes"));
  const std::vector<double> doubles = {1};
  EXPECT_TRUE(contains(line({}, {tensor_view<double>("w", {1}, doubles)}), "holds F64"));
  EXPECT_FALSE(path_exists(directory_ / "g"));
}

}  // namespace
}  // namespace headlight
