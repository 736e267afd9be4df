// Tests of the registries of families and attention patterns: refused registrations, and refused runs of unknown
// families.
#include <gtest/gtest.h>

#include "base/registration.h"
#include "headlight/models/registry.h"
#include "headlight/models/transformer.h"
#include "support/expect_error.h"
#include "training/resolve.h"

namespace headlight {
namespace {

struct Nothing final : LanguageModel {
  Tensor operator()(std::span<const std::int32_t>, Index) const override { return {}; }
  Index vocabulary() const override { return 1; }
  Index context() const override { return 1; }
  std::string summary() const override { return "nothing"; }
};
ModelKind nothing(const std::string& name) {
  return {
      .name = name, .help = "does nothing", .make = [](const ModelOptions&, Index) -> std::unique_ptr<LanguageModel> {
        return std::make_unique<Nothing>();
      }};
}

// The error of a registration, which a table keeps until check_registrations() throws it.
template <class Register>
std::string kept_error_of(const Register& add) {
  EXPECT_EQ(error_of(add), "(no error)");
  return error_of(check_registrations);
}

TEST(Registry, RefusesNamesThatAreTakenAndSettingsThatDiffer) {
  EXPECT_TRUE(
      contains(kept_error_of([] { register_model(nothing("transformer")); }), "there is a family transformer already"));
  EXPECT_TRUE(contains(kept_error_of([] { register_model(nothing("")); }), "needs a name"));
  EXPECT_TRUE(contains(kept_error_of([] { register_model({.name = "x", .help = "", .make = {}}); }), "make function"));
  ModelKind other = nothing("other-kernel");
  other.settings = {integer_setting("kernel", 3, 2, 1024, "tokens that each convolution reads")};
  EXPECT_EQ(kept_error_of([&] { register_model(other); }),
            "register_model: the setting kernel of other-kernel differs from that of conv; use another name");
  EXPECT_EQ(find_model("other-kernel"), nullptr);
}

TEST(Registry, RefusesPatternsThatAreTakenOrUnknown) {
  const auto make = [](Index) -> std::shared_ptr<const AttentionPattern> { return nullptr; };
  EXPECT_TRUE(contains(kept_error_of([&] {
                         register_attention({"window", "", "W", make});
                       }),
                       "the name window is taken"));
  EXPECT_TRUE(contains(kept_error_of([&] { register_attention({"", "", "", make}); }), "no name or no function"));
  EXPECT_TRUE(contains(kept_error_of([] { register_attention({"x", "", "", {}}); }), "no name or no function"));
  const auto check = [](auto change) {
    TransformerConfig c;
    c.vocabulary = 5;
    change(c);
    return error_of([&] { c.check(); });
  };
  for (const char* text : {"", "Full", "full:2", "window", "window:", "window:0", "window:-1", "window:2x"})
    EXPECT_EQ(check([&](TransformerConfig& c) { c.attention = text; }),
              cat("model: no attention pattern ", text,
                  "; use full, window:W or linear, with a whole number from 1 after a colon"));
  EXPECT_EQ(check([](TransformerConfig& c) { c.attention = "linear", c.position = "alibi"; }),
            "model: linear attention has no scores to which alibi positions could add; use other positions");
  EXPECT_EQ(check([](TransformerConfig& c) { c.kv_heads = 3; }),
            "model: 4 heads are not divisible by 3 key heads; use a divisor of 4 for --kv-heads");
  EXPECT_EQ(check([](TransformerConfig& c) {
              c.kv_heads = 2, c.layer_heads = {4, 4, 4, 2};
            }),
            "model: heads per layer cannot be combined with 2 key heads; omit one of the two");
  EXPECT_EQ(check([](TransformerConfig& c) { c.kv_heads = 4, c.attention = "window:5000"; }), "(no error)");
}

TEST(Registry, RefusesSettingsOfOtherFamilies) {
  RequestedSettings asked;
  asked.flags = {{"model", "no-such"}};
  EXPECT_TRUE(contains(error_of([&] { resolve(asked); }), "--model no-such: this program has no such model; it has: "));
  const Json json = parse_json("{\"model\":\"theirs\"}", "config.json");
  RunConfig config;
  EXPECT_EQ(error_of([&] { from_json(config, JsonView(json, "config.json")); }),
            "config.json: model: this program has no model theirs; use the program that trained the run");
}

}  // namespace
}  // namespace headlight
