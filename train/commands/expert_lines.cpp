// The tables and sentences of `headlight heads` for texts with experts.
#include "expert_lines.h"

#include <algorithm>
#include <cmath>

#include "base/format.h"
#include "cli/cli.h"
#include "headlight/base/text.h"
#include "headlight/corpora/traced_text.h"
#include "headlight/ops/ops.h"
#include "heads/roles/head_scores.h"
#include "heads/sources/expert_regression.h"
#include "heads/sources/learned_tables.h"
#include "terminal/columns.h"

namespace headlight::cli {

namespace {

constexpr std::size_t kHeadColumn = 12;
constexpr int kSourceColumn = 10;

std::string left_aligned(std::string text) {
  text.resize(std::max(text.size() + 1, kHeadColumn), ' ');
  return text;
}

std::string matrix_lines(const ExpertStudy& study) {
  std::string lines =
      "\nshare of each source that the model still uses (1: all, 0: nothing) when a head\n"
      "is mean-ablated:\n" +
      std::string(kHeadColumn, ' ');
  for (const Expert& expert : study.experts) lines += padded(expert.name, kSourceColumn);
  lines += "\n";
  const auto row = [&](const std::string& name, const Estimates& k, const auto& mark) {
    lines += left_aligned(name);
    for (std::size_t e = 0; e < k.size(); ++e)
      lines += padded(cat(fixed_text(k[e].mean, 2), mark(e) ? "*" : " "), kSourceColumn);
    lines += "\n";
  };
  const auto never = [](std::size_t) { return false; };
  row("none", study.retention.whole, never);
  for (std::size_t h = 0; h < study.heads.size(); ++h)
    row(head_name(study.heads[h]), study.retention.parts[h], [&](std::size_t e) { return study.loses(h, e); });
  row("all heads", study.retention.none, never);
  return lines + "*: ablation removes more than a tenth of the source (95% interval).\n";
}

std::string source_lines(const ExpertStudy& study) {
  if (!study.tables || !study.direct) return "";
  std::string lines = "\nhead        source      attention   kappa   writes   moves   table  shuffled\n";
  for (std::size_t h = 0; h < study.heads.size(); ++h) {
    const std::size_t e = study.main_source(h);
    if (!study.loses(h, e)) {
      lines += cat(left_aligned(head_name(study.heads[h])), "none\n");
      continue;
    }
    const TableMatch& match = study.tables->match[h][e];
    std::string source = study.experts[e].name;
    source.resize(std::max<std::size_t>(source.size(), 10), ' ');
    lines +=
        cat(left_aligned(head_name(study.heads[h])), source, padded(fixed_text(study.attention[h][e].attention, 2), 11),
            padded(fixed_text(study.attention[h][e].kappa(), 2), 8),
            padded(fixed_text(study.direct->by_expert[h][e].mean, 2), 9),
            padded(fixed_text(study.patching.heads[h][e].mean, 2), 8), padded(fixed_text(match.correlation, 2), 8),
            padded(fixed_text(match.null_95, 2), 10), "\n");
  }
  return lines +
         "source: the source that ablation reduces most; none: no source is marked *.\n"
         "writes: share of the source's table that the head adds to the logits. moves:\n"
         "when the source is swapped, share of the effect that the head's output carries.\n"
         "table: correlation of the table in the head's weights with the true one;\n"
         "shuffled: 95th percentile with the true table's rows and columns permuted.\n";
}

std::string range(std::span<const double> values) {
  if (values.empty()) return "not measured";
  double sum = 0;
  for (const double v : values) sum += v;
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  return cat(fixed_text(sum / static_cast<double>(values.size()), 2), " (", fixed_text(*low, 2), "-",
             fixed_text(*high, 2), ")");
}

}  // namespace

std::string expert_lines(const ExpertStudy& study) {
  std::string lines = matrix_lines(study) + source_lines(study) + "\n";
  for (const std::string& sentence : head_sentences(study)) lines += wrapped("", sentence);
  const auto sources =
      std::count_if(study.experts.begin(), study.experts.end(), [](const Expert& e) { return e.needs_attention; });
  lines +=
      cat("\nsources with one head  ", study.experts_with_one_head(), " of ", sources, "\n", "specialization index   ",
          fixed_text(study.index, 2), " over sources; random subspaces ", range(study.index_subspaces), ",\n",
          std::string(23, ' '), "untrained ", range(study.index_untrained), "\n");
  return lines;
}

}  // namespace headlight::cli
