// A study of heads as one HTML page that needs nothing else: no network, no other file. All figures are drawn in the
// browser from one block of JSON within the page; this is what makes that block, and the page around it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "heads/study/head_study.h"
#include "heads/watch/head_history.h"

namespace headlight {

inline constexpr std::size_t kReportBytes = 3'000'000;  // what a page may weigh

struct ReportOptions {
  Index texts = 6;         // windows of text to look at attention on; fewer where it would not fit
  Index characters = 128;  // of each, at most; at most the context
  int random_orders = 20;  // of pruning
  // Curves to show; none: those of the study, or measured where it has none.
  std::optional<PruneStudy> pruning = {};
  std::uint64_t seed = 1;
};

// What was found, how sure it is, what failed: a sentence each. Numbers are those of the study.
std::vector<std::string> report_verdict(const HeadStudy& study);

// What the page shows of one model. Members, beside "study" (to_json(study) without "pairs", numbers to five decimals):
//   verdict     sentences
//   roles       [{name, meaning, content}]
//   redundancy  [head][head] over all predictions, and redundancy_most: the highest lower bound over slots; absent
//               without pairs
//   pruning     to_json(PruneStudy): chosen on the first half of the windows, measured on the second
//   texts       [{length, tokens, rules, losses, attention: {head: bytes}, masks: {role: bits}}]; bytes and bits in base64
// bytes: rows 0 .. length-1 of the attention, row t being its keys 0 .. t, 255 for a weight of 1. bits: the same places, 1
// where the role looks, eight to a byte with the first in the highest bit.
// Errors: as study_heads().
Json report_data(const CharTransformer& model, const RunData& data, const HeadStudy& study,
                 const ReportOptions& options = {});

// Adds to such data what happened while the model trained, so that a page of `most` bytes can hold it: the member
//   history     {roles, slots, heads, floor, windows, tokens, rules: as in head_history.h; length: of the text, and
//               snapshots: how many the run kept, of which here are
//               steps, training_loss, validation_loss: [snapshot], loss: [snapshot][slots],
//               kappa, kappa_content: [snapshot][head][role], to three decimals,
//               attention: [snapshot] {head: bytes as in texts} or null}
// Where it would not fit: first attention of a shorter text (down to 16 characters), then of fewer snapshots, evenly chosen;
// then fewer snapshots altogether, where they would take more than 600,000 bytes. The last one is always there. Does nothing
// for a history without snapshots.
void set_history(Json& report, const HeadHistory& history, std::size_t most = kReportBytes);

// The page around such data. Nothing in the data can end its block or become markup. Error: more than kReportBytes.
std::string report_page(const Json& data);

// RFC 4648, with padding.
std::string base64(const std::vector<std::uint8_t>& bytes);

}  // namespace headlight
