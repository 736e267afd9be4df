// The text on which the heads of a run are measured: windows, character classes and, if known, rules and evidence.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "heads/ablation/prediction_subsets.h"
#include "heads/roles/head_windows.h"
#include "heads/roles/roles.h"
#include "training/run_data.h"

namespace headlight {

struct MeasuredText {
  // Up to `most` windows of the held-out text, or of the training text if none is held out.
  MeasuredText(const RunData& data, Index context, Index most);
  RoleText role_text() const {
    return {.ids = windows.inputs(),
            .classes = &classes,
            .evidence = evidence,
            .rule = rule,
            .experts = {experts.begin(), experts.end()}};
  }

  HeadWindows windows;
  TokenClasses classes;
  std::vector<std::int32_t> evidence;  // of each target; empty when unknown
  std::vector<std::uint8_t> rule;
  std::vector<std::vector<std::int32_t>> experts;  // [expert]: as `evidence`, for this expert
};

// The roles that can be measured on this text: roles_for(), and one role per expert.
std::vector<Role> roles_of(const MeasuredText& text, const RunData& data);
// The prediction subsets: "all", then the rules of the text if known, otherwise text_subsets(). Small subsets are left
// out.
std::vector<PredictionSubset> subsets_of(const MeasuredText& text, const RunData& data);
// The mean loss on each subset; 0 for an empty subset.
std::vector<double> mean_on(std::span<const float> losses, std::span<const PredictionSubset> subsets);
// The entropy floor on each subset; empty when the truth is unknown.
std::vector<double> floor_on(const MeasuredText& text, const RunData& data, std::span<const PredictionSubset> subsets);

// A token as printable text: the character, or the number of a byte that is not a character.
std::string shown_token(const Vocabulary& vocabulary, std::int32_t id);
// The name of the rule that generated the target at this place; "" where nothing is predicted or the rule is unknown.
std::string rule_at(const MeasuredText& text, const RunData& data, Index place);

// [window][head]: attention weights as bytes (255 for a weight of 1), heads in the order of all_heads(). Rows are
// concatenated; row t holds keys 0 .. t.
std::vector<std::vector<std::vector<std::uint8_t>>> attention_bytes(const HeadedModel& model,
                                                                    const HeadWindows& windows);

}  // namespace headlight
