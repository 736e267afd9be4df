// The file heads.jsonl in a run's directory: the scores and attention of the run's heads at some steps of training,
// written by `headlight train --watch-heads` (head_watch.h). The first line is a header; every further line is a
// snapshot:
//
//   {"format":"headlight heads 1","roles":[name],"slots":[name],"floor":[number],"heads":["L0H0"],"windows":16,
//    "length":48,"tokens":[string],"rules":[name or null]}
//   {"step":100,"training_loss":2.1,"validation_loss":2.2,"loss":[number],"kappa":[[number]],
//    "kappa_content":[[number or null]],"evenness":[number],"attention":{"L0H0":base64}}
//
// Lists in snapshots follow the order of the header's lists: loss [subset], evenness [head], kappa and kappa_content
// [head][role]. Losses are in nats.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "headlight/base/index.h"
#include "headlight/base/text.h"
#include "heads/roles/head_scores.h"

namespace headlight {

inline constexpr const char* kHeadHistoryFile = "heads.jsonl";

// Scores and attention of the heads at one step.
struct HeadSnapshot {
  Index step = 0;                          // number of updates before it
  double training_loss = 0;                // of this step's batch, before its update; after training, of the last batch
  double validation_loss = 0;              // NaN at steps without validation
  std::vector<double> loss;                // [subset], on the measured windows
  std::vector<std::vector<double>> kappa;  // [head][role]; see head_scores.h
  std::vector<std::vector<double>> kappa_content;  // [head][role]; NaN for roles that are not content roles
  std::vector<double> evenness;                    // [head]
  // [head]: its attention on the shown text, as length (length + 1) / 2 bytes (255 for a weight of 1). Rows are
  // concatenated; row t holds keys 0 .. t.
  std::vector<std::vector<std::uint8_t>> attention;
};

struct HeadHistory {
  std::vector<std::string> roles;    // roles with at least kLabelQueries queries (head_labels.h)
  std::vector<std::string> subsets;  // names of the prediction subsets; the first is "all"
  std::vector<double> floor;         // [subset]: the entropy floor; empty when the truth is unknown
  std::vector<HeadId> heads;         // layer by layer
  Index windows = 0;                 // number of held-out windows; everything except `attention` is measured on these
  Index length = 0;                  // of the shown text, in tokens
  std::vector<std::string> tokens;   // the shown text
  std::vector<std::string> rules;    // [token]: rule behind the next character, "" if not predicted; empty if unknown
  std::vector<HeadSnapshot> snapshots;  // by increasing step
};

// The lines of the file, without '\n'. Numbers are rounded to five decimals.
std::string header_line(const HeadHistory& history);
std::string snapshot_line(const HeadHistory& history, const HeadSnapshot& snapshot);

// Reads a history file. Ignores an incomplete last line. The result may have no snapshots.
// Errors: no such file; a file of more than 256 MiB; an invalid line (the message gives its number and the fault).
HeadHistory head_history(const std::string& path);

// Prepares the file of a run that resumes at `step`: removes snapshots from `step` on, because training makes these
// again, and any incomplete line. The file must start with header_line(history). Returns false when there is no file or
// no complete line. Errors: a file with another header; a line that is not a snapshot.
bool truncate_head_history(const std::string& path, const HeadHistory& history, Index step);

// Decodes base64 (RFC 4648, with padding), the inverse of base64() in head_report.h. Error: any other text; the message
// begins with `what`.
std::vector<std::uint8_t> base64_bytes(std::string_view text, const std::string& what);

}  // namespace headlight
