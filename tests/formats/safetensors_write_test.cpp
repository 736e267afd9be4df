// Writing of safetensors: layout, round trips and errors; and reading of truncated or randomly damaged files.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "headlight/base/random.h"
#include "headlight/formats/safetensors.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/process.h"
#include "support/expect_error.h"
#include "support/temporary_directory.h"

namespace headlight {
namespace {

std::string length_bytes(std::uint64_t length) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(length >> (8 * i));
  return bytes;
}

struct Sample {
  std::vector<float> f32{1.5f, -0.0f, std::numeric_limits<float>::quiet_NaN(), HUGE_VALF, 1e-42f, 3};
  std::vector<double> f64{0.1};
  std::vector<std::int32_t> i32{-1, 2};
  std::vector<std::int64_t> i64{std::numeric_limits<std::int64_t>::min()};
  std::vector<std::uint8_t> u8{0, 255, 7};
  std::vector<std::uint64_t> u64{~std::uint64_t{0}, 5};

  std::vector<TensorView> views() const {
    return {
        tensor_view<float>("w.f32", {1, 2, 3, 1, 1}, f32),
        tensor_view<double>("scalar", {}, f64),
        tensor_view<std::int32_t>("i32", {2}, i32),
        tensor_view<std::int64_t>("i64", {1}, i64),
        tensor_view<std::uint8_t>("\xC3\xA9 \"quoted\"\n", {3}, u8),
        tensor_view<std::uint64_t>("u64", {2, 1}, u64),
        tensor_view<float>("empty", {0, 5}, {}),
        TensorView{"half", StoredType::kBF16, {3}, std::as_bytes(std::span(f32)).first(6)},
    };
  }
};

TEST(SafeTensorsWrite, RoundTrip) {
  const TemporaryDirectory directory;
  const std::string path = directory / "model.safetensors";
  const Sample sample;
  const std::vector<TensorView> views = sample.views();
  const Metadata metadata{{"format", "pt"}, {"b", "\xF0\x9F\x99\x82"}, {"", ""}};
  save_safetensors(path, views, metadata);
  const SafeTensors file = SafeTensors::load(path);
  EXPECT_EQ(file.metadata(), metadata);
  ASSERT_EQ(file.tensors().size(), views.size());
  for (const TensorView& view : views) {
    const TensorView& back = file.at(view.name);
    EXPECT_EQ(back.type, view.type) << view.name;
    EXPECT_EQ(back.shape, view.shape) << view.name;
    EXPECT_TRUE(std::equal(back.data.begin(), back.data.end(), view.data.begin(), view.data.end())) << view.name;
  }
  std::vector<float> floats(6);
  file.read("w.f32", std::span(floats));
  for (std::size_t i = 0; i < floats.size(); ++i)
    EXPECT_EQ(std::bit_cast<std::uint32_t>(floats[i]), std::bit_cast<std::uint32_t>(sample.f32[i]));
  std::vector<std::uint64_t> words(2);
  file.read("u64", std::span(words));
  EXPECT_EQ(words, sample.u64);
  std::int64_t smallest = 0;
  file.read("i64", std::span(&smallest, 1));
  EXPECT_EQ(smallest, sample.i64[0]);
  double tenth = 0;
  file.read("scalar", std::span(&tenth, 1));
  EXPECT_EQ(tenth, 0.1);
}

TEST(SafeTensorsWrite, OrderPaddingAndAlignment) {
  const TemporaryDirectory directory;
  const std::string path = directory / "model.safetensors";
  const Sample sample;
  std::vector<TensorView> views = sample.views();
  save_safetensors(path, views, {{"b", "2"}, {"a", "1"}});
  const std::string bytes = read_file(path);
  const SafeTensors file = SafeTensors::parse(bytes, "s");
  EXPECT_EQ(file.names(), (std::vector<std::string>{"i64", "scalar", "u64", "empty", "i32", "w.f32", "half",
                                                    "\xC3\xA9 \"quoted\"\n"}));
  const std::size_t header = static_cast<unsigned char>(bytes[0]) + 256u * static_cast<unsigned char>(bytes[1]);
  EXPECT_EQ(header % 8, 0u);
  EXPECT_TRUE(bytes.substr(8).starts_with("{\"__metadata__\":{\"a\":\"1\",\"b\":\"2\"},\"i64\":{\"dtype\":\"I64\","));
  const std::byte* start = file.tensors().front().data.data();
  for (const TensorView& tensor : file.tensors())
    EXPECT_EQ((tensor.data.data() - start) % bytes_of(tensor.type), 0) << tensor.name;

  std::reverse(views.begin(), views.end());
  save_safetensors(path, views, {{"a", "1"}, {"b", "2"}});
  EXPECT_EQ(read_file(path), bytes) << "the same content in another order gives other bytes";
}

TEST(SafeTensorsWrite, ExactBytes) {
  const TemporaryDirectory directory;
  const std::string path = directory / "model.safetensors";
  save_safetensors(path, {});
  EXPECT_EQ(read_file(path), length_bytes(8) + "{}      ");
  const float value = 1.0f;
  const TensorView view = tensor_view<float>("a", {}, std::span(&value, 1));
  save_safetensors(path, std::span(&view, 1));
  const std::string header = "{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}   ";
  EXPECT_EQ(header.size(), 56u);
  EXPECT_EQ(read_file(path), length_bytes(56) + header + std::string("\0\0\x80\x3F", 4));
}

TEST(SafeTensorsWrite, RefusesWhatCannotBeRead) {
  const TemporaryDirectory directory;
  const std::string path = directory / "model.safetensors";
  const float values[2] = {};
  const auto refused = [&](std::vector<TensorView> views, const Metadata& metadata = {}) {
    return error_of([&] { save_safetensors(path, views, metadata); });
  };
  const TensorView good = tensor_view<float>("a", {2}, std::span(values));
  EXPECT_EQ(refused({good, good}), path + ": two tensors are named \"a\"; rename one");
  EXPECT_TRUE(contains(refused({tensor_view<float>("__metadata__", {2}, std::span(values))}), "cannot be named"));
  EXPECT_EQ(refused({tensor_view<float>("a", {3}, std::span(values))}),
            path + ": tensor \"a\": F32 [3] needs 12 bytes, but has 8");
  EXPECT_TRUE(contains(refused({tensor_view<float>("a", {-2, -1}, std::span(values))}), "negative size: [-2,-1]"));
  EXPECT_TRUE(contains(refused({tensor_view<float>("a", {Index{1} << 62, 4}, std::span(values))}), "too many bytes"));
  EXPECT_TRUE(contains(refused({tensor_view<float>("\xFF", {2}, std::span(values))}), "not UTF-8"));
  EXPECT_TRUE(contains(refused({good}, {{"k", "\xFF"}}), "not UTF-8"));
  EXPECT_TRUE(contains(refused({good}, {{"k", std::string(100'000'000, 'x')}}), "at most 100000000 are allowed"));
  EXPECT_FALSE(path_exists(path));
  EXPECT_TRUE(list_directory(directory.path()).empty());
}

// ---- hostile files --------------------------------------------------------------------------------------------------

std::string small_good_file() {
  const TemporaryDirectory directory;
  const Sample sample;
  save_safetensors(directory / "good", sample.views(), {{"format", "pt"}});
  return read_file(directory / "good");
}

TEST(SafeTensorsHostile, EveryTruncationIsAnError) {
  const std::string good = small_good_file();
  ASSERT_NO_THROW(SafeTensors::parse(good, "s"));
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_NE(error_of([&] { SafeTensors::parse(good.substr(0, size), "s"); }), "(no error)") << size;
  EXPECT_NE(error_of([&] { SafeTensors::parse(good + " ", "s"); }), "(no error)");
}

TEST(SafeTensorsHostile, FlippedBitsNeverBreakIt) {
  const std::string good = small_good_file();
  const std::size_t header_end = 8 + static_cast<unsigned char>(good[0]) + 256u * static_cast<unsigned char>(good[1]);
  const Index memory = peak_memory_bytes();
  Rng random(5);
  int refused = 0, accepted = 0;
  const auto attempt = [&](const std::string& bytes) {
    try {
      const SafeTensors file = SafeTensors::parse(bytes, "s");
      std::size_t nonzero = 0, total = 0;  // every byte of a view is readable
      for (const TensorView& tensor : file.tensors())
        for (const std::byte byte : tensor.data) ++total, nonzero += byte != std::byte{0};
      EXPECT_LT(total, bytes.size());
      EXPECT_LE(nonzero, total);
      ++accepted;
    } catch (const Error&) {
      ++refused;
    }
  };
  for (std::size_t i = 0; i < 8 * header_end; ++i) {  // flip every bit before the data
    std::string bytes = good;
    bytes[i / 8] = static_cast<char>(bytes[i / 8] ^ (1 << (i % 8)));
    attempt(bytes);
  }
  for (int i = 0; i < 10000; ++i) {
    std::string bytes = good;
    for (Index n = 1 + random.below(8); n > 0; --n)
      bytes[static_cast<std::size_t>(random.below(static_cast<Index>(bytes.size())))] =
          static_cast<char>(random.below(256));
    attempt(bytes);
  }
  for (int i = 0; i < 5000; ++i) {  // change only digits, so that the JSON stays valid and the numbers are wrong
    std::string bytes = good;
    for (Index n = 1 + random.below(3); n > 0;) {
      char& c = bytes[8 + static_cast<std::size_t>(random.below(static_cast<Index>(header_end) - 8))];
      if (c < '0' || c > '9') continue;
      c = static_cast<char>('0' + random.below(10));
      --n;
    }
    attempt(bytes);
  }
  EXPECT_GT(refused, 5000);
  EXPECT_GT(accepted, 0);  // flips in names and data are valid
  EXPECT_LT(peak_memory_bytes() - memory, Index{256} << 20);
}

}  // namespace
}  // namespace headlight
