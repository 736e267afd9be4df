// How the heads of a run changed while it trained: heads.jsonl in its directory, which `headlight train --watch-heads`
// writes (head_watch.h). The first line says what is watched, each further one is a snapshot:
//
//   {"format":"headlight heads 1","roles":[name],"slots":[name],"floor":[number],"heads":["L0H0"],"windows":16,
//    "length":48,"tokens":[string],"rules":[name or null]}
//   {"step":100,"training_loss":2.1,"validation_loss":2.2,"loss":[number],"kappa":[[number]],
//    "kappa_content":[[number or null]],"evenness":[number],"attention":{"L0H0":base64}}
//
// Lists are in the order of those of the first line: of slots, of heads, of heads and in each of roles. Losses are in nats.
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

// The heads at one step.
struct HeadSnapshot {
  Index step = 0;              // updates before it
  double training_loss = 0;    // of this step's batch, before its update; after the last step, of the last batch
  double validation_loss = 0;  // not a number at steps that do not validate
  std::vector<double> loss;    // [slots], on the windows that are watched
  std::vector<std::vector<double>> kappa;          // [head][role]; see head_scores.h
  std::vector<std::vector<double>> kappa_content;  // [head][role]; not a number for roles that are not of content
  std::vector<double> evenness;                    // [head]
  // [head]: what it looks at in the one text that is shown. Row after row of the attention, row t its keys 0 .. t, as a
  // share of 255. length (length + 1) / 2 bytes.
  std::vector<std::vector<std::uint8_t>> attention;
};

struct HeadHistory {
  std::vector<std::string> roles;   // those with queries enough to be told (kLabelQueries in head_labels.h)
  std::vector<std::string> slots;   // the first is "all"
  std::vector<double> floor;        // [slots]: the lowest loss possible; empty where the truth is not known
  std::vector<HeadId> heads;        // layer by layer
  Index windows = 0;                // of held-out text, on which everything but the attention is measured
  Index length = 0;                 // of the text that is shown
  std::vector<std::string> tokens;  // it
  std::vector<std::string> rules;   // that wrote the character after each; "": nothing is predicted. Empty: not known
  std::vector<HeadSnapshot> snapshots;  // by rising step
};

// Lines of the file, without '\n'. Numbers are rounded to five decimals.
std::string header_line(const HeadHistory& history);
std::string snapshot_line(const HeadHistory& history, const HeadSnapshot& snapshot);

// Reads such a file. A last line that was cut short is left out; there may be no snapshots.
// Errors: no such file; more than 256 MB; a line that this program does not write, with its number and what is wrong.
HeadHistory head_history(const std::string& path);

// For a run that goes on at `step`: takes away the snapshots from there on, which will be made again, and what comes after
// them. The file must be of the same heads, roles and text: begin with header_line(history). False when there is no file,
// or not even one whole line. Error: a file of others; a line that is not a snapshot.
bool cut_head_history(const std::string& path, const HeadHistory& history, Index step);

// RFC 4648 with padding, as base64() in head_report.h writes it. Error: anything else, beginning with `what`.
std::vector<std::uint8_t> base64_bytes(std::string_view text, const std::string& what);

}  // namespace headlight
