// The loss of a model on a text.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "headlight/corpora/traced_text.h"
#include "headlight/data/windows.h"
#include "headlight/models/transformer.h"

namespace headlight {

struct Evaluation {
  double loss = 0;  // mean over the predicted tokens, nats
  Index predictions = 0;
  std::vector<Window> windows;  // what was predicted
  // -log P(token) for each predicted token, window after window.
  std::vector<float> losses;
};

// The mean loss over the text's evaluation windows (data/windows.h); over at most `most` of them, evenly spread, when
// `most` is positive. Nothing is recorded, nothing dropped, and the result does not depend on the thread count.
Evaluation evaluate(const CharTransformer& model, const TokenText& text, Index most = 0);

// How a model does on the characters that one rule of a corpus wrote.
struct RuleLoss {
  std::string rule;
  Index predictions = 0;
  double loss = 0, floor = 0;  // means, nats
};
// One entry for each rule that wrote something that was predicted, most predictions first.
std::vector<RuleLoss> loss_by_rule(const Evaluation& evaluation, std::span<const double> log_probability,
                                   std::span<const std::uint8_t> rule, std::span<const std::string> rule_names);

// A model beside a simpler reader of the same text.
struct ReferenceLoss {
  std::string reference;
  double loss = 0;  // the reader's own mean, nats
  // How differently the two predict: the mean KL divergence of the model's distribution from the reader's, in nats,
  // estimated from the characters that came (see the source); 0 when they agree. Not a number where that cannot be done
  // (Reference::comparable).
  double distance = 0;
};
// Each of the references on what was predicted. One named "optimum", first, is the true probability itself: its distance
// is the model's loss above the floor.
std::vector<ReferenceLoss> reference_losses(const Evaluation& evaluation, std::span<const double> log_probability,
                                            std::span<const Reference> references);

// The mean of -log_probability over the tokens that those windows predict: the lowest loss possible on them.
double floor_of(std::span<const Window> windows, std::span<const double> log_probability);

}  // namespace headlight
