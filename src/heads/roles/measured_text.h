// The text on which the heads of a run are measured, and what is known about it; shared by what measures them.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "heads/ablation/slots.h"
#include "heads/roles/head_windows.h"
#include "heads/roles/roles.h"
#include "training/run_data.h"

namespace headlight {

struct MeasuredText {
  // Up to `most` windows of the held-out text; of that which is trained on where nothing is held out.
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
  std::vector<std::int32_t> evidence;  // of the targets; empty when not known
  std::vector<std::uint8_t> rule;
  std::vector<std::vector<std::int32_t>> experts;  // the evidence of each, of the targets
};

// The roles that this text can tell apart: roles_for(), and one for each expert.
std::vector<Role> roles_of(const MeasuredText& text, const RunData& data);
// All predictions, then the rules of the text, or the kinds of slots of any text; without those with few predictions.
std::vector<Slots> slots_of(const MeasuredText& text, const RunData& data);
// The mean over the places of each; 0 where there are none.
std::vector<double> mean_on(std::span<const float> losses, std::span<const Slots> slots);
// The same of the lowest loss possible; empty where the truth is not known.
std::vector<double> floor_on(const MeasuredText& text, const RunData& data, std::span<const Slots> slots);

// How one token is shown: as it is where it is a character, as its number where it is a byte that is none.
std::string shown_token(const Vocabulary& vocabulary, std::int32_t id);
// The name of the rule that wrote the target at this place; "" where nothing is predicted or no rule known.
std::string rule_at(const MeasuredText& text, const RunData& data, Index place);

// The attention on each window of each head, in the order of all_heads(): row after row, row t its keys 0 .. t, 255 for a
// weight of 1.
std::vector<std::vector<std::vector<std::uint8_t>>> attention_bytes(const CharTransformer& model,
                                                                    const HeadWindows& windows);

}  // namespace headlight
