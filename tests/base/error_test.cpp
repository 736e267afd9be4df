// Errors: exit codes, the layer path before a message, and quoting of control characters.
#include "headlight/base/error.h"

#include <gtest/gtest.h>

#include <limits>

#include "headlight/base/shape.h"

namespace headlight {
namespace {

std::string message_of(void (*call)()) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Text, Pieces) {
  EXPECT_EQ(cat(), "");
  EXPECT_EQ(cat("a", std::string("b"), std::string_view("c"), 'd', 1, -2L, 3u, std::int64_t{1} << 40),
            "abcd1-231099511627776");
  EXPECT_EQ(cat(0.1, " ", 1e-6, " ", 0.5f, " ", 3.0, " ", 123456789.0), "0.1 1e-06 0.5 3 1.23457e+08");
  EXPECT_EQ(cat(std::numeric_limits<double>::quiet_NaN(), -std::numeric_limits<double>::infinity()), "nan-inf");
  EXPECT_EQ(cat("shape ", Shape{2, 3}), "shape [2,3]");
  EXPECT_EQ(number_text(0), "0");
  EXPECT_EQ(number_text(-0.25), "-0.25");
}

TEST(Errors, ExitCodes) {
  EXPECT_EQ(Error("x").exit_code(), 1);
  EXPECT_EQ(UsageError("x").exit_code(), 2);
  EXPECT_EQ(DivergedError("x").exit_code(), 3);
  EXPECT_STREQ(UsageError("what").what(), "what");
  EXPECT_STREQ(UsageError("of\ra file\n").what(), "of\\x0Da file\\n");
}

TEST(Errors, OutsideAnyLayer) {
  EXPECT_EQ(LayerScope::current(), nullptr);
  EXPECT_EQ(LayerScope::path(), "");
  EXPECT_EQ(message_of([] { fail("matmul: ", 3, " x ", Shape{4}); }), "matmul: 3 x [4]");
}

TEST(Errors, TheLayerPathPrecedesTheMessage) {
  const LayerScope blocks("blocks");
  const LayerScope zero("0");
  {
    const LayerScope attn("attn");
    const LayerScope qkv("qkv");
    EXPECT_EQ(LayerScope::path(), "blocks.0.attn.qkv");
    EXPECT_EQ(message_of([] { fail("matmul: no"); }), "blocks.0.attn.qkv: matmul: no");
    EXPECT_EQ(message_of([] {
                static_cast<void>(Shape{2, 3}[5]);
              }),
              "blocks.0.attn.qkv: axis 5 is outside the shape [2,3]");
  }
  const LayerScope mlp("mlp");
  EXPECT_EQ(LayerScope::path(), "blocks.0.mlp");
}

TEST(Errors, AnErrorEndsTheScopesThatItLeaves) {
  const LayerScope outer("outer");
  try {
    const LayerScope inner("inner");
    fail("x");
  } catch (const Error&) {
  }
  EXPECT_EQ(LayerScope::path(), "outer");
}

TEST(Errors, PathsAreTheSameObjectEachTime) {
  const auto visit = [](const char* name) {
    const LayerScope a("a"), b(name);
    return LayerScope::current();
  };
  const LayerPath* first = visit("one");
  const LayerPath* other = visit("two");
  EXPECT_EQ(visit("one"), first);
  EXPECT_NE(first, other);
  EXPECT_EQ(first->text(), "a.one");  // valid after the end of its scope
  EXPECT_EQ(other->text(), "a.two");
}

TEST(Errors, QuotedTextStaysOnOneLine) {
  try {
    fail("tensor \"", "a\nb\x1B[2J\r\x7F", "\" é");
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "tensor \"a\\nb\\x1B[2J\\x0D\\x7F\" é");
  }
}

}  // namespace
}  // namespace headlight
