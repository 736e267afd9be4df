// The colors and shades of attention weights, and the cross-attention of an encoder-decoder.
#include "attention_cells.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "base/format.h"
#include "base/words.h"
#include "formats/json.h"
#include "headlight/base/error.h"
#include "heads/roles/head_scores.h"
#include "os/terminal.h"

namespace headlight::cli {

Colors colors_of(const Arguments& args) {
  const std::string given = args.text("color", "auto");
  if (given == "true") return Colors::kTrue;
  if (given == "256") return Colors::k256;
  if (given == "none") return Colors::kNone;
  if (given != "auto") throw UsageError(cat("--color ", given, ": not one of auto, true, 256, none"));
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value ? value : "");
  };
  const std::string term = variable("TERM"), depth = variable("COLORTERM");
  if (!stdout_is_terminal() || !variable("NO_COLOR").empty() || term.empty() || term == "dumb") return Colors::kNone;
  if (depth == "truecolor" || depth == "24bit") return Colors::kTrue;
  return term.find("256") != std::string::npos ? Colors::k256 : Colors::kNone;
}

std::string column_text(const Vocabulary& vocabulary, std::int32_t id) {
  const std::string piece = vocabulary.piece(id);
  if (piece == " ") return "\u2423";
  if (piece == "\n") return "\u21b5";
  if (piece == "\t") return "\u21e5";
  if (piece.size() == 1) return piece[0] > ' ' && piece[0] < 0x7f ? piece : "\u00b7";
  const char32_t c = vocabulary.is_bytes() ? U'\0' : vocabulary.characters()[static_cast<std::size_t>(id)];
  // Show only scripts of single-width characters, because combining marks and wide characters would shift the columns.
  const bool narrow = (c >= 0xa1 && c < 0x300) || (c >= 0x370 && c < 0x590) || (c >= 0x1e00 && c < 0x2000);
  return narrow ? piece : "\u00b7";
}

std::string cell(double weight, Colors colors) {
  const double x = std::sqrt(std::clamp(weight, 0.0, 1.0));
  if (colors == Colors::kNone) {
    constexpr const char* kShades[] = {" ", "\u2591", "\u2592", "\u2593", "\u2588"};
    return kShades[std::min(4, static_cast<int>(x * 5))];
  }
  // From black over orange to white: lightness increases with the weight, so the scale is readable without color
  // vision.
  const auto level = [&](double from, double to) {
    return static_cast<int>(std::lround(255 * std::clamp((x - from) / (to - from), 0.0, 1.0)));
  };
  const int red = level(0, 0.6), green = level(0.2, 0.9), blue = level(0.6, 1);
  if (colors == Colors::kTrue) return cat("\x1b[48;2;", red, ";", green, ";", blue, "m \x1b[0m");
  const auto six = [](int value) { return (value * 5 + 127) / 255; };
  return cat("\x1b[48;5;", 16 + 36 * six(red) + 6 * six(green) + six(blue), "m \x1b[0m");
}

namespace {

Json alignment_json(const float* weights, std::size_t rows, std::size_t columns) {
  Json all = Json::array();
  for (std::size_t t = 0; t < rows; ++t) {
    Json row = Json::array();
    for (std::size_t s = 0; s < columns; ++s) row.push(static_cast<double>(weights[t * columns + s]));
    all.push(row);
  }
  return all;
}

}  // namespace

int show_alignment(const Arguments& args, const TrainedModel& trained, const EncoderDecoder& model, Colors colors) {
  const std::vector<std::string>& words = args.operands();
  const Vocabulary& vocabulary = trained.info.vocabulary;
  const std::vector<HeadId> heads =
      words[1] == "all" ? all_heads(model.config()) : std::vector{parse_head(words[1], model.config())};
  if (heads.empty()) fail("all: the model has no heads; use another run");
  std::vector<std::int32_t> source = vocabulary.encode(words[2], "text");
  if (source.empty()) fail("text: is empty; give a source");
  std::vector<std::int32_t> target = model.translate(source);
  const Tensor weights = model.alignment(source, target);  // [L,H,T+1,S+1]
  source.push_back(kPairTab);
  target.push_back(kPairEnd);
  const std::size_t rows = target.size(), columns = source.size();
  const auto of = [&](HeadId id) {
    return weights.data<float>() + static_cast<std::size_t>(id.layer * weights.size(1) + id.head) * rows * columns;
  };
  const std::string result = vocabulary.decode(std::span(target).first(rows - 1));
  if (args.has("json")) {
    Json maps = Json::array();
    for (const HeadId id : heads)
      maps.push(Json::object().set("head", head_name(id)).set("weights", alignment_json(of(id), rows, columns)));
    print(json_text(
              Json::object().set("run", words[0]).set("source", words[2]).set("target", result).set("heads", maps)) +
          "\n");
    return 0;
  }
  print(cat("Cross-attention of ", words[0], ": ", words[2], " -> ", result,
            "\nrows are target tokens, columns are source tokens; each row ends with the column\n"
            "of its largest weight\n"));
  for (const HeadId id : heads) {
    std::string keys = "  ";
    for (const std::int32_t token : source) keys += column_text(vocabulary, token);
    print(cat("\n", head_name(id), "\n", keys, "\n"));
    for (std::size_t t = 0; t < rows; ++t) {
      const float* const row = of(id) + t * columns;
      std::string line = cat(column_text(vocabulary, target[t]), " ");
      for (std::size_t s = 0; s < columns; ++s) line += cell(static_cast<double>(row[s]), colors);
      const auto most = static_cast<std::size_t>(std::max_element(row, row + columns) - row);
      print(cat(line, " ", column_text(vocabulary, source[most]), "@", most, " ",
                fixed_text(static_cast<double>(row[most]), 2), "\n"));
    }
  }
  if (colors == Colors::kNone)
    print("\nweights: blank below 0.04, \u2591 below 0.16, \u2592 below 0.36, \u2593 below 0.64, \u2588 above\n");
  return 0;
}

}  // namespace headlight::cli
