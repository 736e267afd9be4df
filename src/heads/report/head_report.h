// The report of a study of heads: a self-contained HTML page. The browser draws all figures from one block of JSON in
// the page. This header declares the functions that make the block and the page.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "heads/study/head_study.h"
#include "heads/watch/head_history.h"

namespace headlight {

inline constexpr std::size_t kReportBytes = 3'000'000;  // maximum size of a page

struct ReportOptions {
  Index texts = 6;         // windows of text with attention; fewer if they do not fit
  Index characters = 128;  // of each text, at most; also at most the context
  int random_orders = 20;  // pruning curves in random orders
  // Curves to show. Default: the curves of the study, or newly measured curves if the study has none.
  std::optional<PruneStudy> pruning = {};
  std::uint64_t seed = 1;
};

// The verdict as sentences: findings, their certainty, and failures, with the numbers of the study.
std::vector<std::string> report_verdict(const HeadStudy& study);

// The data of one model. Members besides "study" (to_json(study) without "pairs", numbers rounded to five decimals):
//   verdict     sentences
//   roles       [{name, meaning, content}]
//   redundancy  [head][head] over all predictions, and redundancy_most: the highest lower bound over prediction
//               subsets; both absent without pairs
//   pruning     to_json(PruneStudy): chosen on the first half of the windows, measured on the second
//   texts       [{length, tokens, rules, losses, attention: {head: bytes}, masks: {role: bits}}]; bytes and bits in
//               base64
// bytes: rows 0 .. length-1 of the attention, where row t holds keys 0 .. t, 255 for a weight of 1. bits: 1 for the
// role's keys, in the same order, eight per byte with the first in the highest bit. Errors: as study_heads().
Json report_data(const HeadedModel& model, const RunData& data, const HeadStudy& study,
                 const ReportOptions& options = {});

// Adds the history of training to the data, reduced so that the page fits `most` bytes, as the member
//   history     {roles, subsets, heads, floor, windows, tokens, rules: as in head_history.h; length: of the text;
//               snapshots: number in the run's file. For the snapshots on the page:
//               steps, training_loss, validation_loss: [snapshot], loss: [snapshot][subsets],
//               kappa, kappa_content: [snapshot][head][role], to three decimals,
//               attention: [snapshot] {head: bytes as in texts} or null}
// If the attention does not fit, the text becomes shorter (down to 16 characters), then fewer snapshots, evenly chosen,
// have attention. If losses and scores exceed 600,000 bytes, fewer snapshots are on the page. The last snapshot is
// always included. Does nothing for a history without snapshots.
void set_history(Json& report, const HeadHistory& history, std::size_t most = kReportBytes);

// The page for such data. Escaping ensures that no text in the data ends the JSON block or becomes markup. Error: a
// page of more than kReportBytes.
std::string report_page(const Json& data);

// Encodes base64 (RFC 4648, with padding).
std::string base64(const std::vector<std::uint8_t>& bytes);

}  // namespace headlight
