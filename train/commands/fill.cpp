// headlight fill: fills the gaps of a text with a model that reads in both directions.
#include <algorithm>
#include <numeric>

#include "base/format.h"
#include "base/utf8.h"
#include "base/words.h"
#include "cli/cli.h"
#include "formats/json.h"
#include "generation_flags.h"
#include "headlight/base/error.h"
#include "headlight/generation/generate.h"

namespace headlight::cli {

namespace {

// The ids of the text, with the mask for each gap character. Errors: `gap` is not one character, a character outside
// the vocabulary.
std::vector<std::int32_t> ids_with_gaps(const std::string& text, const std::string& gap, const Vocabulary& vocabulary) {
  const std::u32string mark = decode_utf8(gap, "--gap");
  if (mark.size() != 1) throw UsageError(cat("--gap ", quoted(gap), ": is not one character; use one such as _"));
  std::vector<std::int32_t> ids;
  std::u32string piece;
  const auto add_piece = [&] {
    if (piece.empty()) return;
    const std::vector<std::int32_t> more = vocabulary.encode(encode_utf8(piece), "text");
    ids.insert(ids.end(), more.begin(), more.end());
    piece.clear();
  };
  for (const char32_t c : decode_utf8(text, "text")) {
    if (c != mark[0]) {
      piece += c;
      continue;
    }
    add_piece();
    ids.push_back(static_cast<std::int32_t>(vocabulary.size()));
  }
  add_piece();
  return ids;
}

// The tokens of a gap by falling probability.
std::vector<std::int32_t> candidates(const FilledGap& gap, Index count) {
  std::vector<std::int32_t> order(gap.probability.size());
  std::iota(order.begin(), order.end(), 0);
  const auto chance = [&](std::int32_t id) { return gap.probability[static_cast<std::size_t>(id)]; };
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return chance(a) > chance(b); });
  order.resize(std::min(order.size(), static_cast<std::size_t>(count)));
  return order;
}

int run_fill(const Arguments& args) {
  const std::string& directory = args.operands()[0];
  const Index top = args.whole("top", 3, 1, 1000);
  const TrainedModel trained =
      load_model(directory, args.has("last") ? CheckpointChoice::kLast : CheckpointChoice::kBest);
  if (trained.model->objective() != Objective::kMasked)
    fail(directory, ": the model ", trained.info.config.model,
         " does not fill gaps; train one with headlight train --model encoder");
  const Vocabulary& vocabulary = trained.info.vocabulary;
  const std::string gap_mark = args.text("gap", "_");
  std::vector<std::int32_t> ids = ids_with_gaps(args.operands()[1], gap_mark, vocabulary);
  // As in training, the input begins with the token before the document or line.
  const std::size_t before = trained.info.document_end.empty() ? 0 : 1;
  if (before > 0) ids.insert(ids.begin(), trained.info.document_end.back());
  if (std::count(ids.begin(), ids.end(), static_cast<std::int32_t>(vocabulary.size())) == 0)
    throw UsageError(cat(quoted(args.operands()[1]), ": has no gap; mark each missing character by ", gap_mark));
  const std::vector<FilledGap> gaps =
      fill_gaps(*trained.model, ids, args.has("at-once") ? FillOrder::kAtOnce : FillOrder::kConfidentFirst);
  const std::string text = vocabulary.decode(std::span(ids).subspan(before));
  if (args.has("json")) {
    Json all = Json::array();
    for (const FilledGap& gap : gaps) {
      Json best = Json::array();
      for (const std::int32_t id : candidates(gap, top))
        best.push(Json::object()
                      .set("token", vocabulary.is_bytes() ? vocabulary.name(id) : vocabulary.piece(id))
                      .set("probability", gap.probability[static_cast<std::size_t>(id)]));
      all.push(Json::object()
                   .set("place", static_cast<Index>(gap.place - before))
                   .set("round", gap.round)
                   .set("candidates", best));
    }
    print(json_text(Json::object().set("text", text).set("gaps", all)) + "\n");
    return 0;
  }
  print(text + "\n");
  print("\nplace  round  candidates\n");
  for (const FilledGap& gap : gaps) {
    std::string line = cat(padded(std::to_string(gap.place - before), 5), padded(std::to_string(gap.round), 7), " ");
    for (const std::int32_t id : candidates(gap, top))
      line += cat(" ", vocabulary.name(id), " ", fixed_text(gap.probability[static_cast<std::size_t>(id)], 3));
    print(line + "\n");
  }
  return 0;
}

}  // namespace

Command fill_command() {
  return {.name = "fill",
          .summary = "Fills the gaps of a text with a model trained by --model encoder.",
          .usage = "DIR TEXT [--gap CHAR] [--at-once] [--top N] [--json]",
          .examples = {"headlight fill runs/encoder \"Once upon a t_me there w_s\"",
                       "headlight fill runs/encoder \"th# c#t_1\" --gap \"#\" --json",
                       "headlight train --model encoder --out runs/encoder  # trains such a model"},
          .flags = {{"gap", "CHAR", "the character that marks a gap of one character", "Options", "_"},
                    {"at-once", "",
                     "fill all gaps at once; otherwise fill the most certain gap first, then predict the others again"},
                    {"top", "N", "candidates to print for each gap", "Options", "3"},
                    {"last", "", "use the last checkpoint instead of the best one"},
                    {"json", "", "print JSON"}},
          .least_operands = 2,
          .most_operands = 2,
          .run = run_fill};
}

}  // namespace headlight::cli
