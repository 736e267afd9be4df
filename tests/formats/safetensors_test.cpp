// Reading of safetensors: each check of the reader, and conversion of values.
#include "headlight/formats/safetensors.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "os/file.h"
#include "support/expect_error.h"
#include "support/temporary_directory.h"

namespace headlight {
namespace {

std::string length_bytes(std::uint64_t length) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(length >> (8 * i));
  return bytes;
}

// Builds a file by hand, so that the reader is also tested on files that the writer would not produce.
std::string file_of(const std::string& header, const std::string& data = "") {
  return length_bytes(header.size()) + header + data;
}

std::string entry(const std::string& name, const std::string& type, const std::string& shape,
                  const std::string& offsets) {
  return "\"" + name + "\":{\"dtype\":\"" + type + "\",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}";
}

// Loads each bad file from disk, as a user would.
std::string refusal(const std::string& bytes) {
  static const TemporaryDirectory directory;
  const std::string path = directory / "bad.safetensors";
  write_file_atomically(path, bytes);
  const std::string line = error_of([&] { SafeTensors::load(path); });
  EXPECT_TRUE(line == "(no error)" || line.starts_with(path + ": ")) << line;
  return line;
}

std::string zeros(std::size_t n) { return std::string(n, '\0'); }

TEST(SafeTensorsRead, Check1AtLeastEightBytes) {
  for (std::size_t size = 0; size < 8; ++size)
    EXPECT_TRUE(contains(refusal(zeros(size)), cat(": not a safetensors file: ", size, " bytes")));
}

TEST(SafeTensorsRead, Check2HeaderLength) {
  for (const std::uint64_t length : {std::uint64_t{100'000'001}, std::uint64_t{1} << 63, ~std::uint64_t{0}})
    EXPECT_TRUE(
        contains(refusal(length_bytes(length) + "{}"), cat("give a header length of ", length, ", but at most")));
  EXPECT_TRUE(contains(refusal("PK\x03\x04 what a zip begins with"), "not a safetensors file"));
}

TEST(SafeTensorsRead, Check3HeaderWithinTheFile) {
  EXPECT_TRUE(contains(refusal(length_bytes(3) + "{}"), "truncated: its header takes 3 bytes, but only 2 follow"));
  EXPECT_TRUE(contains(refusal(length_bytes(100'000'000) + "{}"), "its header takes 100000000 bytes"));
}

TEST(SafeTensorsRead, Check4Utf8) {
  EXPECT_TRUE(contains(refusal(file_of("{\"\xC0\x80\":1}")), "byte 10: the header is not UTF-8"));
}

TEST(SafeTensorsRead, Check5WhatTheHeaderSays) {
  const std::pair<std::string, const char*> cases[] = {
      {"", "header: line 1, column 1: expected a value"},
      {"{", "header: line 1, column 2"},
      {"{}x", "expected nothing after the value"},
      {"[]", "header: expected an object of tensors"},
      {"null", "header: expected an object of tensors"},
      {"{\"a\":1}", "header: a: expected an object, found 1"},
      {"{\"a\":{\"shape\":[],\"data_offsets\":[0,4]}}", "header: a: \"dtype\" is missing"},
      {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", "\"shape\" is missing"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[]}}", "\"data_offsets\" is missing"},
      {"{" + entry("a", "F31", "[]", "[0,4]") + "}", "header: a.dtype: the dtype \"F31\" is unknown"},
      {"{" + entry("a", "f32", "[]", "[0,4]") + "}", "the dtype \"f32\" is unknown"},
      {"{\"a\":{\"dtype\":5,\"shape\":[],\"data_offsets\":[0,4]}}", "header: a.dtype: expected a string, found 5"},
      {"{" + entry("a", "F32", "1", "[0,4]") + "}", "header: a.shape: expected an array of sizes"},
      {"{" + entry("a", "F32", "[1,-1]", "[0,4]") + "}", "(unsigned integers), at element 1"},
      {"{" + entry("a", "F32", "[1.0]", "[0,4]") + "}", "header: a.shape: expected sizes"},
      {"{" + entry("a", "F32", "[\"1\"]", "[0,4]") + "}", "header: a.shape: expected sizes"},
      {"{" + entry("a", "F32", "[18446744073709551616]", "[0,4]") + "}", "header: a.shape: expected sizes"},
      {"{" + entry("a", "F32", "[]", "{}") + "}", "header: a.data_offsets: expected an array of offsets"},
      {"{" + entry("a", "F32", "[]", "[0]") + "}", "expected two offsets, begin and end, found 1"},
      {"{" + entry("a", "F32", "[]", "[0,4,8]") + "}", "expected two offsets, begin and end, found 3"},
      {"{" + entry("a", "F32", "[]", "[-0,4]") + "}", "header: a.data_offsets: expected offsets"},
      {"{" + entry("a", "F32", "[]", "[0,4e0]") + "}", "at element 1"},
      {"{\"__metadata__\":[]}", "header: __metadata__: expected an object"},
      {"{\"__metadata__\":null}", "header: __metadata__: expected an object"},
      {"{\"__metadata__\":{\"k\":1}}", "header: __metadata__.k: expected a string, found 1"},
  };
  for (const auto& [header, part] : cases) EXPECT_TRUE(contains(refusal(file_of(header, zeros(4))), part)) << header;
}

TEST(SafeTensorsRead, DuplicateKeys) {
  const std::string one = entry("a", "F32", "[]", "[0,4]"), two = entry("a", "F32", "[]", "[4,8]");
  EXPECT_TRUE(contains(refusal(file_of("{" + one + "," + two + "}", zeros(8))), "duplicate key"));
  EXPECT_TRUE(contains(refusal(file_of("{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}")), "duplicate key"));
  EXPECT_TRUE(contains(refusal(file_of("{\"__metadata__\":{},\"__metadata__\":{}}")), "duplicate key"));
  EXPECT_TRUE(contains(
      refusal(file_of("{\"a\":{\"dtype\":\"F32\",\"dtype\":\"U32\",\"shape\":[],\"data_offsets\":[0,4]}}", zeros(4))),
      "duplicate key"));
}

TEST(SafeTensorsRead, Check6NoGapNoOverlap) {
  const auto pair = [](const std::string& first, const std::string& second) {
    return "{" + entry("a", "F32", "[]", first) + "," + entry("b", "F32", "[]", second) + "}";
  };
  EXPECT_TRUE(contains(refusal(file_of("{" + entry("a", "F32", "[]", "[4,8]") + "}", zeros(8))),
                       "tensor \"a\" begins at offset 4, but the data begins at 0"));
  EXPECT_TRUE(contains(refusal(file_of(pair("[0,4]", "[8,12]"), zeros(12))),
                       "tensor \"b\" begins at offset 8, but the previous tensor ends at 4"));
  EXPECT_TRUE(contains(refusal(file_of(pair("[4,8]", "[0,6]"), zeros(8))),
                       "tensor \"a\" begins at offset 4, but the previous tensor ends at 6"));
  EXPECT_TRUE(contains(refusal(file_of(pair("[0,4]", "[0,4]"), zeros(4))), "tensor \"b\" begins at offset 0, but"));
  EXPECT_TRUE(contains(refusal(file_of(pair("[0,4]", "[4,3]"), zeros(4))),
                       "tensor \"b\" ends at offset 3, before its begin 4"));
  EXPECT_TRUE(contains(refusal(file_of("{" + entry("a", "U8", "[]", "[18446744073709551615,0]") + "}")),
                       "begins at offset 18446744073709551615"));
}

TEST(SafeTensorsRead, Check7Overflow) {
  const char* shapes[] = {"[4294967296,4294967296]", "[18446744073709551615]",    "[2305843009213693952]",
                          "[288230376151711744]",  // the number of bytes fits 64 bits, the number of bits does not
                          "[0,9223372036854775808]", "[65536,65536,65536,65536]", "[4294967296,4294967296,0]"};
  for (const char* shape : shapes)
    EXPECT_TRUE(contains(refusal(file_of("{" + entry("a", "F64", shape, "[0,8]") + "}", zeros(8))),
                         cat("tensor \"a\" is too large: the size of ", shape, " overflows")));
}

TEST(SafeTensorsRead, Check8SizeOfEachTensor) {
  EXPECT_TRUE(contains(refusal(file_of("{" + entry("a", "F32", "[2,3]", "[0,20]") + "}", zeros(20))),
                       "tensor \"a\" takes 20 bytes, but F32 [2,3] needs 24"));
  EXPECT_TRUE(contains(refusal(file_of("{" + entry("a", "F64", "[0,3]", "[0,8]") + "}", zeros(8))),
                       "takes 8 bytes, but F64 [0,3] needs 0"));
  EXPECT_TRUE(contains(refusal(file_of("{" + entry("a", "BF16", "[]", "[0,0]") + "}")), "BF16 [] needs 2"));
}

TEST(SafeTensorsRead, Check9TheEnd) {
  const std::string header = "{" + entry("a", "F32", "[]", "[0,4]") + "}";
  EXPECT_TRUE(contains(refusal(file_of(header, zeros(3))), "truncated: its tensors take 4 bytes, but 3 follow"));
  EXPECT_TRUE(contains(refusal(file_of(header, zeros(9))), "5 bytes follow the last tensor"));
  EXPECT_TRUE(contains(refusal(file_of("{}", zeros(1))), "1 bytes follow the last tensor"));
  const std::string far = entry("a", "U8", "[1000000000000000000]", "[0,1000000000000000000]");
  EXPECT_TRUE(contains(refusal(file_of("{" + far + "}", zeros(4))), "truncated"));
}

TEST(SafeTensorsRead, ChecksComeInOrder) {
  // The file fails every later check as well; the first failing check is reported.
  EXPECT_TRUE(contains(refusal(length_bytes(100'000'001) + "\xFF"), "give a header length"));
  EXPECT_TRUE(contains(refusal(length_bytes(9) + "\xFF"), "its header takes 9"));
  EXPECT_TRUE(contains(refusal(file_of("\xFF[", zeros(3))), "not UTF-8"));
  EXPECT_TRUE(contains(refusal(file_of("{" + entry("a", "X", "[9]", "[4,3]") + "}")), "dtype"));
  EXPECT_TRUE(contains(refusal(file_of("{" + entry("a", "U8", "[4294967296,4294967296]", "[4,3]") + "}")), "begins"));
  EXPECT_TRUE(contains(refusal(file_of("{" + entry("a", "U8", "[4294967296,4294967296]", "[0,3]") + "}")), "overflow"));
  EXPECT_TRUE(contains(refusal(file_of("{" + entry("a", "U8", "[9]", "[0,3]") + "}")), "needs 9"));
}

TEST(SafeTensorsRead, WhatIsAllowed) {
  EXPECT_EQ(SafeTensors::parse(file_of("{}"), "s").tensors().size(), 0u);
  EXPECT_EQ(SafeTensors::parse(file_of("{\"__metadata__\":{}}      "), "s").metadata().size(), 0u);
  // Entries not sorted by offset, a header of odd length, unknown keys, and empty tensors between others.
  const std::string header = "{" + entry("last", "U8", "[1]", "[4,5]") + ",\"__metadata__\":{\"format\":\"pt\"}," +
                             entry("none", "F64", "[3,0]", "[4,4]") + "," + entry("", "I32", "[]", "[0,4]") +
                             ",\"none2\":{\"extra\":[1],\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}} ";
  const SafeTensors file = SafeTensors::parse(file_of(header, "\x01\x02\x03\x84\x07"), "s");
  EXPECT_EQ(file.names(), (std::vector<std::string>{"none2", "", "none", "last"}));
  EXPECT_EQ(file.metadata(), (Metadata{{"format", "pt"}}));
  EXPECT_EQ(file.at("none").shape, (std::vector<Index>{3, 0}));
  EXPECT_EQ(file.find("nothing"), nullptr);
  std::int32_t whole = 0;
  file.read("", std::span(&whole, 1));
  EXPECT_EQ(whole, -2080177663);  // 0x84030201
  std::uint8_t byte = 0;
  file.read("last", std::span(&byte, 1));
  EXPECT_EQ(byte, 7);
  EXPECT_EQ(error_of([&] { file.at("nothing"); }),
            "s: tensor \"nothing\" is missing among 4 tensors; use a complete file");
}

TEST(SafeTensorsRead, ViewsLiveAsLongAsACopy) {
  const TensorView* view = nullptr;
  SafeTensors copy = SafeTensors::parse(file_of("{" + entry("a", "U8", "[1]", "[0,1]") + "}", "x"), "s");
  {
    const SafeTensors original = copy;
    view = original.find("a");
  }
  EXPECT_EQ(std::to_integer<char>(view->data[0]), 'x');
}

// ---- values ---------------------------------------------------------------------------------------------------------

template <class T>
T value_of(const std::string& type, const std::string& bytes) {
  const SafeTensors file =
      SafeTensors::parse(file_of("{" + entry("x", type, "[]", cat("[0,", bytes.size(), "]")) + "}", bytes), "s");
  T value{};
  file.read("x", std::span(&value, 1));
  return value;
}

std::string two_bytes(unsigned bits) { return {static_cast<char>(bits), static_cast<char>(bits >> 8)}; }
std::string one_byte(unsigned bits) { return {static_cast<char>(bits)}; }

TEST(SafeTensorsValues, FloatsOfEveryType) {
  const std::pair<unsigned, double> f16[] = {
      {0x0000, 0},       {0x3C00, 1},          {0xC000, -2},       {0x7BFF, 65504},     {0x0400, 0x1p-14},
      {0x0001, 0x1p-24}, {0x83FF, -0x3FFp-24}, {0x7C00, HUGE_VAL}, {0xFC00, -HUGE_VAL}, {0x3555, 0x1.554p-2}};
  for (const auto& [bits, value] : f16) EXPECT_EQ(value_of<double>("F16", two_bytes(bits)), value) << bits;
  const std::pair<unsigned, double> bf16[] = {{0x3F80, 1}, {0xC040, -3}, {0x0001, 0x1p-133}, {0x7F80, HUGE_VAL}};
  for (const auto& [bits, value] : bf16) EXPECT_EQ(value_of<double>("BF16", two_bytes(bits)), value) << bits;
  const std::pair<unsigned, double> e5m2[] = {{0x3C, 1}, {0x7B, 57344}, {0x01, 0x1p-16}, {0x7C, HUGE_VAL}, {0xC2, -3}};
  for (const auto& [bits, value] : e5m2) EXPECT_EQ(value_of<double>("F8_E5M2", one_byte(bits)), value) << bits;
  const std::pair<unsigned, double> e4m3[] = {{0x38, 1},   {0x7E, 448}, {0x01, 0x1p-9},
                                              {0x78, 256}, {0xC4, -3},  {0xFE, -448}};
  for (const auto& [bits, value] : e4m3) EXPECT_EQ(value_of<double>("F8_E4M3", one_byte(bits)), value) << bits;
  EXPECT_TRUE(std::isnan(value_of<float>("F16", two_bytes(0x7E00))));
  EXPECT_TRUE(std::isnan(value_of<float>("BF16", two_bytes(0x7FC0))));
  EXPECT_TRUE(std::isnan(value_of<float>("F8_E5M2", one_byte(0x7F))));
  EXPECT_TRUE(std::isnan(value_of<float>("F8_E4M3", one_byte(0x7F))));
  EXPECT_TRUE(std::isnan(value_of<float>("F8_E4M3", one_byte(0xFF))));
  EXPECT_TRUE(std::signbit(value_of<float>("F16", two_bytes(0x8000))));
  EXPECT_EQ(value_of<float>("F64", length_bytes(std::bit_cast<std::uint64_t>(0.1))), 0.1f);
}

TEST(SafeTensorsValues, ErrorsNameFileAndTensor) {
  const SafeTensors file =
      SafeTensors::parse(file_of("{" + entry("x", "I64", "[2]", "[0,16]") + "}", zeros(16)), "m.safetensors");
  float floats[2];
  std::int64_t wholes[3];
  std::int32_t narrow[2];
  EXPECT_EQ(error_of([&] { file.read("x", std::span(floats)); }),
            "m.safetensors: tensor \"x\" holds I64; expected a floating type, such as F32");
  EXPECT_EQ(error_of([&] { file.read("x", std::span(wholes)); }),
            "m.safetensors: tensor \"x\" [2] has 2 elements; expected 3");
  EXPECT_EQ(error_of([&] { file.read("x", std::span(narrow)); }),
            "m.safetensors: tensor \"x\" holds I64; expected I32");
}

}  // namespace
}  // namespace headlight
