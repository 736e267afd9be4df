// Registrations that a program must not make: command_line() reports each in one line, with exit code 1.
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>

#include "base/registration.h"
#include "headlight/models/registry.h"
#include "headlight/nn/feed_forward.h"
#include "headlight/nn/multi_head_attention.h"
#include "headlight/nn/norm.h"
#include "own_program.h"
#include "support/expect_error.h"

namespace headlight::tests {
namespace {

ModelKind kind(std::vector<ModelSetting> settings, std::vector<std::string> shared = {}) {
  return {.name = "own",
          .help = "a model",
          .shared = std::move(shared),
          .settings = std::move(settings),
          .make = [](const ModelOptions&, Index) -> std::unique_ptr<LanguageModel> { return nullptr; }};
}

// A regular expression for standard error: "mine: `line`", then the rest of one line.
std::string only_line(const std::string& line) {
  std::string expression = "^mine: ";
  for (const char c : line)
    expression += std::string(std::string_view("().*[]?+").find(c) == std::string::npos ? "" : "\\") + c;
  return expression + (line.ends_with('\n') ? "$" : "[^\n]*\n$");
}

// Registers in a child process, so that this process does not change, and checks the child's exit code and error.
void expect_refused(const std::function<void()>& register_all, const std::string& line) {
  const auto child = [&](const std::vector<std::string>& words) {
    register_all();
    std::exit(call_command_line(words));
  };
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"bin/mine", "--version"}, {"bin/mine", "train", "--steps", "1"}})
    EXPECT_EXIT(child(words), testing::ExitedWithCode(1), only_line(line)) << line;
}

TEST(RefusedRegistration, OfNamesThatAreTaken) {
  expect_refused(
      [] {
        ModelKind gru = kind({});
        gru.name = "gru";
        register_model(gru);
      },
      "register_model: there is a family gru already; use another name\n");
  expect_refused(
      [] {
        register_norm({"layer", "", [](Index) { return std::unique_ptr<Norm>(); }});
      },
      "register_norm: the name layer is taken; use another name\n");
  expect_refused(
      [] {
        register_activation({"gelu", "", [](const Tensor& x) { return x; }});
      },
      "register_activation: the name gelu is taken; use another name\n");
  expect_refused(
      [] {
        register_attention({"window", "", "W", {}});
      },
      "register_attention: no name or no function; give both\n");
  // The first error counts.
  expect_refused(
      [] {
        register_model({.name = "", .help = "", .make = {}});
        register_norm({"layer", "", {}});
      },
      "register_model: a family needs a name and a make function\n");
}

TEST(RefusedRegistration, OfOwnSettingsNamedLikeOtherFlags) {
  struct Case {
    const char *name, *line;
  };
  for (const Case& c :
       {Case{"width",
             "model own: its own setting width is named like the shared setting --width; list it in "
             "ModelKind::shared, or use another name\n"},
        Case{"kv-heads", "model own: its own setting kv-heads is named like the shared setting --kv-heads; list it"},
        Case{"lr", "model own: its own setting lr is named like the setting --lr; use another name\n"},
        Case{"model", "model own: its own setting model is named like the setting --model; use another name\n"},
        Case{"teacher", "model own: its own setting teacher is named like the setting --teacher; use another name\n"},
        Case{"out", "model own: its own setting out is named like the flag --out of mine train; use another name\n"},
        Case{"help", "model own: its own setting help is named like the flag --help of mine train; use another"},
        Case{"no-tied", "model own: its own setting no-tied is named like the flag --no-tied of mine train; use"},
        Case{"two_words", "register_model: the setting two_words of own cannot be a flag; use lower-case letters"},
        Case{"", "register_model: the setting '' of own cannot be a flag; use lower-case letters"},
        Case{"Taps", "register_model: the setting Taps of own cannot be a flag; use lower-case letters"}}) {
    expect_refused([&] { register_model(kind({integer_setting(c.name, 3, 1, 9, "a number")})); }, c.line);
  }
  const ModelSetting taps = integer_setting("taps", 3, 1, 9, "a number");
  expect_refused(
      [&] {
        register_model(kind({taps, taps}));
      },
      "register_model: own declares the setting taps twice; use another name\n");
}

TEST(RefusedRegistration, OfDefaultsThatTheFlagRefuses) {
  expect_refused([] { register_model(kind({integer_setting("taps", 10, 1, 9, "")})); },
                 "register_model: the setting taps of own has the default 10 outside 1 to 9; use a default in this");
  expect_refused([] { register_model(kind({choice_setting("taps", {}, "")})); },
                 "register_model: the setting taps of own has no choices; give at least one\n");
}

TEST(RefusedRegistration, OfSharedSettingsThatDoNotExist) {
  expect_refused(
      [] {
        register_model(kind({}, {"layers", "wdith"}));
      },
      "model own: there is no shared setting wdith; use one of layers, heads, kv-heads, width, context, ");
  // A setting of text or training, and another family's own setting, are not shared.
  for (const char* name : {"lr", "kernel", "model", ""})
    expect_refused([&] { register_model(kind({}, {name})); },
                   cat("model own: there is no shared setting ", *name ? name : "''", "; use one of layers, "));
}

TEST(RefusedRegistration, IsReportedByTheFirstLookUpWithoutACommandLine) {
  register_norm({"layer", "", {}});
  EXPECT_EQ(error_of([] { find_model("gru"); }), "register_norm: no name or no function; give both");
  EXPECT_NE(find_model("gru"), nullptr) << "reported once";
  register_norm({"layer", "", [](Index) { return std::unique_ptr<Norm>(); }});
  EXPECT_EQ(error_of([] { make_norm("rms", 3); }), "register_norm: the name layer is taken; use another name");
  EXPECT_EQ(error_of(check_registrations), "(no error)");
}

}  // namespace
}  // namespace headlight::tests
