// The JSON parser, writer and typed access, with the text and the position of every error.
#include "formats/json.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "base/clock.h"
#include "headlight/base/random.h"
#include "support/expect_error.h"

namespace headlight {
namespace {

Json parsed(std::string_view text) { return parse_json(text, "t.json"); }
std::string refusal(std::string_view text) {
  return error_of([&] { parsed(text); });
}

TEST(JsonParse, AcceptsAndWritesBack) {
  const std::pair<const char*, const char*> cases[] = {
      {"null", "null"},
      {" true ", "true"},
      {"\t\r\n false", "false"},
      {"0", "0"},
      {"-1", "-1"},
      {"9223372036854775807", "9223372036854775807"},
      {"-9223372036854775808", "-9223372036854775808"},
      {"18446744073709551615", "18446744073709551615"},
      {"18446744073709551616", "18446744073709551616.0"},
      {"-9223372036854775809", "-9223372036854775808.0"},
      {"-0", "-0.0"},
      {"1.0", "1.0"},
      {"0.1", "0.1"},
      {"1e3", "1000.0"},
      {"1E+2", "100.0"},
      {"25e-2", "0.25"},
      {"1e-999", "0.0"},
      {"5e-324", "5e-324"},
      {"1.7976931348623157e308", "1.7976931348623157e+308"},
      {"\"\"", "\"\""},
      {"\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"a\\\"\\\\/\\b\\f\\n\\r\\t\""},
      {"\"\\u0041\\u00e9\\u65E5\\ud83d\\ude42\"", "\"A\xC3\xA9\xE6\x97\xA5\xF0\x9F\x99\x82\""},
      {"\"\\u0000\\u001f\x7f\"", "\"\\u0000\\u001f\\u007f\""},
      {"[]", "[]"},
      {"[ 1 , [ ] , { } ]", "[1,[],{}]"},
      {"{\"b\":1,\"a\":{\"\":null}}", "{\"b\":1,\"a\":{\"\":null}}"},
  };
  for (const auto& [text, written] : cases) {
    EXPECT_EQ(json_text(parsed(text)), written);
    EXPECT_EQ(parsed(json_text(parsed(text))), parsed(text)) << text;
    EXPECT_EQ(parsed(pretty_json_text(parsed(text))), parsed(text)) << text;
  }
}

TEST(JsonParse, RefusesWithLineColumnAndReason) {
  const std::pair<std::string_view, const char*> cases[] = {
      {"", "t.json: line 1, column 1: expected a value, found the end"},
      {"  \n ", "line 2, column 2: expected a value, found the end"},
      {"[1,]", "line 1, column 4: expected a value, found ']'; remove the comma"},
      {"{\"a\":1,}", "line 1, column 8: expected a key in double quotes, found '}'; remove the comma"},
      {"[1 2]", "line 1, column 4: expected ',' or ']' after an element, found '2'"},
      {"{\"a\" 1}", "expected ':' after a key, found '1'"},
      {"{\"a\":1 \"b\":2}", "column 8: expected ',' or '}' after a member, found '\"'"},
      {"{a:1}", "expected a key in double quotes, found 'a'"},
      {"{1:1}", "expected a key"},
      {"[", "found the end"},
      {"{", "found the end"},
      {"{\"a\"", "expected ':' after a key, found the end"},
      {"[1", "found the end"},
      {"]", "expected a value, found ']'"},
      {"1 2", "column 3: expected nothing after the value, found '2'"},
      {"{}\n\n  x", "line 3, column 3: expected nothing after the value, found 'x'"},
      {"nul", "only words in JSON are true, false and null"},
      {"True", "write true or false"},
      {"truex", "expected nothing after the value, found 'x'"},
      {"NaN", "no NaN"},
      {"-Infinity", "needs a digit after the minus sign"},
      {"Infinity", "no Infinity"},
      {"'a'", "double quotes"},
      {"// x\n1", "no comments"},
      {"01", "extra zeros"},
      {"-01", "extra zeros"},
      {"-", "needs a digit after the minus sign"},
      {"+1", "begins with a digit or a minus sign"},
      {".5", "begins with a digit or a minus sign"},
      {"1.", "needs a digit after the decimal point"},
      {"1.e3", "needs a digit after the decimal point"},
      {"1e", "needs a digit in the exponent"},
      {"1e+", "needs a digit in the exponent"},
      {"0x10", "found 'x'"},
      {"1e999", "too large for a double"},
      {"-1e999", "too large for a double"},
      {"\"a", "column 1: this string has no closing quote; add one"},
      {"\"a\nb\"", "column 3: a string cannot contain '\\n' unescaped"},
      {"\"\t\"", "a string cannot contain '\\t' unescaped"},
      {"\"\\x41\"", "unknown escape"},
      {"\"\\", "unknown escape"},
      {"\"\\u12\"", "four hexadecimal digits"},
      {"\"\\u12G4\"", "four hexadecimal digits"},
      {"\"\\u+123\"", "four hexadecimal digits"},
      {"\"\\u-123\"", "four hexadecimal digits"},
      {"\"\\ud83d\"", "half of a surrogate pair"},
      {"\"\\ud83dx\"", "half of a surrogate pair"},
      {"\"\\ud83d\\u0041\"", "half of a surrogate pair"},
      {"\"\\ude42\"", "half of a surrogate pair"},
      {"\"\\ude42\\ud83d\"", "half of a surrogate pair"},
      {"\"\xE9\"", "t.json: byte 1: not UTF-8: 0xE9 begins a character that is cut short"},
      {"\"\xED\xA0\x80\"", "surrogate"},
      {"\"\xC0\x80\"", "overlong"},
      {"\xEF\xBB\xBF{}", "byte order mark"},
      {"[\"\xC3\xA9\xE6\x97\xA5\", x]", "line 1, column 8: expected a value, found 'x'"},
      {"\f1", "found U+000C"},
      {std::string_view("1\0", 2), "found U+0000"},
      {"\xC3\xA9", "found '\xC3\xA9'"},
  };
  for (const auto& [text, part] : cases) EXPECT_TRUE(contains(refusal(text), part)) << text;
}

TEST(JsonParse, RefusesAKeyTwice) {
  EXPECT_EQ(refusal("{\"a\":1,\n \"b\":{\"a\":1}, \"a\":2}"), "t.json: line 2, column 15: duplicate key; remove one");
  EXPECT_TRUE(contains(refusal("{\"a\":1,\"\\u0061\":2}"), "duplicate key"));
  // Many keys: a quadratic search for duplicates would time out.
  std::string many = "{";
  for (int i = 0; i < 200000; ++i) many += cat("\"", i, "\":0,");
  const double start = monotonic_seconds();
  EXPECT_EQ(JsonView(parsed(many + "\"x\":0}"), "").size(), 200001);
  EXPECT_TRUE(contains(refusal(many + "\"777\":0}"), "duplicate key"));
  EXPECT_LT(monotonic_seconds() - start, 20);
}

TEST(JsonParse, BoundsDepthAndNumberOfValues) {
  const auto nested = [](int depth) {
    return std::string(static_cast<std::size_t>(depth), '[') + std::string(static_cast<std::size_t>(depth), ']');
  };
  EXPECT_NO_THROW(parsed(nested(kJsonMaxDepth)));
  EXPECT_TRUE(contains(refusal(nested(kJsonMaxDepth + 1)), "are nested more than"));
  EXPECT_TRUE(contains(refusal(std::string(10'000'000, '[')), "are nested more than"));
  std::string objects;
  for (int i = 0; i < 1000; ++i) objects += "{\"a\":";
  EXPECT_TRUE(contains(refusal(objects), "are nested more than"));

  std::string values = "[0";
  for (Index i = 2; i < kJsonMaxValues; ++i) values += ",0";
  EXPECT_EQ(JsonView(parsed(values + "]"), "").size(), kJsonMaxValues - 1);  // the array is a value too
  EXPECT_TRUE(contains(refusal(values + ",0]"), "values; split the file"));
}

TEST(JsonParse, NoTruncationOrFlippedBitBreaksIt) {
  const std::string text =
      "{\"a\": [1, -2.5e3, true, false, null], \"\xC3\xA9\\u00e9\\ud83d\\ude42\": {\"x\": \"y\\n\"}, \"n\": "
      "18446744073709551615}";
  ASSERT_NO_THROW(parsed(text));
  for (std::size_t size = 0; size < text.size(); ++size) EXPECT_NE(refusal(text.substr(0, size)), "(no error)") << size;
  Rng random(11);
  int accepted = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string changed = text;
    for (Index n = 1 + random.below(3); n > 0; --n)
      changed[static_cast<std::size_t>(random.below(static_cast<Index>(text.size())))] =
          static_cast<char>(random.below(256));
    try {
      const Json value = parsed(changed);
      EXPECT_EQ(parsed(json_text(value)), value);  // every accepted value survives a round trip
      ++accepted;
    } catch (const Error&) {
    }
  }
  EXPECT_GT(accepted, 0);
}

TEST(JsonWrite, DoublesComeBackBitForBit) {
  Rng random(3);
  for (int i = 0; i < 50000; ++i) {
    const double value = std::bit_cast<double>(random.next());
    if (!std::isfinite(value)) continue;
    const Json back = parsed(json_text(value));
    EXPECT_FALSE(back.is_whole());
    EXPECT_EQ(std::bit_cast<std::uint64_t>(*back.if_double()), std::bit_cast<std::uint64_t>(value));
  }
  EXPECT_EQ(json_text(0.1), "0.1");
  EXPECT_EQ(json_text(3e-4), "3e-04");
  EXPECT_EQ(json_text(100.0), "100.0");
  EXPECT_EQ(json_text(-0.0), "-0.0");
}

TEST(JsonWrite, WholeNumbersOfEveryType) {
  EXPECT_EQ(json_text(std::numeric_limits<std::int64_t>::min()), "-9223372036854775808");
  EXPECT_EQ(json_text(std::numeric_limits<std::uint64_t>::max()), "18446744073709551615");
  EXPECT_EQ(json_text(std::uint8_t{7}), "7");
  EXPECT_EQ(json_text(true), "true");
  EXPECT_EQ(Json(std::uint64_t{5}), Json(5)) << "one value has one form";
}

TEST(JsonWrite, Pretty) {
  Json document = Json::object();
  document.set("name", "x").set("sizes", Json::Array{1, 2}).set("empty", Json::object()).set("none", Json::array());
  document.set("nested", Json::object().set("list", Json::array().push(Json::object().set("a", 1)).push(2)));
  EXPECT_EQ(pretty_json_text(document),
            "{\n  \"name\": \"x\",\n  \"sizes\": [1, 2],\n  \"empty\": {},\n  \"none\": [],\n  \"nested\": {\n"
            "    \"list\": [\n      {\n        \"a\": 1\n      },\n      2\n    ]\n  }\n}\n");
  EXPECT_EQ(parsed(pretty_json_text(document)), document);
}

TEST(JsonWrite, RefusesWhatJsonCannotHold) {
  Json document = Json::object();
  document.set("losses", Json::Array{1.5, std::nan("")});
  EXPECT_EQ(error_of([&] { json_text(document); }),
            "json: losses[1] is nan, which JSON cannot represent; write null instead");
  EXPECT_TRUE(contains(error_of([] { json_text(-HUGE_VAL); }), "json: the value is -inf"));
  EXPECT_TRUE(contains(error_of([] { json_text(Json::object().set("t", "\xFF")); }), "json: t is not UTF-8: byte 0"));
  EXPECT_TRUE(contains(error_of([] { json_text(Json::object().set("\xFF", 1)); }), "is not UTF-8"));
  EXPECT_EQ(json_text(Json::finite_or_null(std::nan(""))), "null");
  EXPECT_EQ(json_text(Json::finite_or_null(HUGE_VAL)), "null");
  EXPECT_EQ(json_text(Json::finite_or_null(2.5)), "2.5");
}

TEST(Json, SetReplacesInPlace) {
  Json object = Json::object();
  object.set("a", 1).set("b", 2).set("a", 3);
  EXPECT_EQ(json_text(object), "{\"a\":3,\"b\":2}");
  EXPECT_EQ(object.find("c"), nullptr);
  EXPECT_EQ(Json(1).find("a"), nullptr);
  EXPECT_TRUE(contains(error_of([] { Json(1).set("a", 1); }), "not an object"));
  EXPECT_TRUE(contains(error_of([] { Json::object().push(1); }), "not an array"));
}

TEST(JsonView, ErrorsNameThePlace) {
  const Json document = parsed(
      "{\"training\":{\"steps\":\"abc\",\"lr\":1e-3,\"big\":18446744073709551615,\"half\":0.5,\"none\":null},"
      "\"list\":[1,{\"x\":true}]}");
  const JsonView config(document, "config.json");
  const JsonView training = config.at("training");
  EXPECT_EQ(config.where(), "config.json");
  EXPECT_EQ(config.at("list").at(1).at("x").where(), "config.json: list[1].x");
  EXPECT_EQ(error_of([&] { training.at("steps").as_index(); }),
            "config.json: training.steps: expected a whole number, found \"abc\"");
  EXPECT_EQ(error_of([&] { training.at("half").as_index(); }),
            "config.json: training.half: expected a whole number, found 0.5");
  EXPECT_EQ(error_of([&] { training.at("big").as_index(); }),
            "config.json: training.big: 18446744073709551615 is outside -9223372036854775808 to 9223372036854775807");
  EXPECT_EQ(error_of([&] { config.at("list").at(0).as_index(2, 9); }), "config.json: list[0]: 1 is outside 2 to 9");
  EXPECT_EQ(error_of([&] { training.at("step"); }),
            "config.json: training: \"step\" is missing; present: steps, lr, big, half, none");
  EXPECT_EQ(error_of([&] { config.at("list").at(2); }), "config.json: list: element 2 does not exist; the array has 2");
  EXPECT_EQ(error_of([&] { config.at("list").at(-1); }),
            "config.json: list: element -1 does not exist; the array has 2");
  EXPECT_EQ(error_of([&] { config.at("list").at("a"); }), "config.json: list: expected an object, found an array");
  EXPECT_EQ(error_of([&] { config.at(0); }), "config.json: expected an array, found an object");
  EXPECT_EQ(error_of([&] { training.at("lr").as_bool(); }),
            "config.json: training.lr: expected true or false, found 0.001");
  EXPECT_EQ(error_of([&] { training.at("lr").as_string(); }),
            "config.json: training.lr: expected a string, found 0.001");
  EXPECT_EQ(error_of([&] { training.at("none").as_double(); }),
            "config.json: training.none: expected a number, found null");
  EXPECT_EQ(error_of([&] { config.at("list").as_double(); }), "config.json: list: expected a number, found an array");
  EXPECT_EQ(error_of([&] { training.at("half").as_uint64(); }),
            "config.json: training.half: expected a whole number from 0 to 2^64 - 1, found 0.5");
  EXPECT_EQ(error_of([&] { training.at("half").size(); }),
            "config.json: training.half: expected an array or an object, found 0.5");
  EXPECT_EQ(error_of([&] {
              training.allow_only({"steps", "lr"});
            }),
            "config.json: training: \"big\" is unknown; known: steps, lr");
}

TEST(JsonView, GivesValues) {
  const Json document =
      parsed("{\"i\":-3,\"u\":18446744073709551615,\"d\":0.5,\"s\":\"x\",\"b\":true,\"n\":null,\"a\":[4,5]}");
  const JsonView view(document, "t.json");
  EXPECT_EQ(view.at("i").as_index(), -3);
  EXPECT_EQ(view.at("i").as_double(), -3.0);
  EXPECT_EQ(view.at("u").as_uint64(), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(view.at("d").as_double(), 0.5);
  EXPECT_EQ(view.at("s").as_string(), "x");
  EXPECT_TRUE(view.at("b").as_bool());
  EXPECT_FALSE(view.find("n"));
  EXPECT_FALSE(view.find("z"));
  EXPECT_EQ(view.find("a")->elements()[1].as_index(), 5);
  EXPECT_EQ(view.members()[2].first, "d");
  EXPECT_EQ(view.members()[2].second.where(), "t.json: d");
  EXPECT_NO_THROW(view.allow_only({"i", "u", "d", "s", "b", "n", "a"}));
}

}  // namespace
}  // namespace headlight
