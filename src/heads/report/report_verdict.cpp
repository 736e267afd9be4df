// The sentences of a report's verdict.
#include <algorithm>
#include <map>

#include "base/format.h"
#include "base/words.h"
#include "heads/report/head_report.h"

namespace headlight {

namespace {

std::string range_text(std::span<const double> values, int decimals) {
  if (values.empty()) return "not measured";
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  return cat(fixed_text(*low, decimals), " to ", fixed_text(*high, decimals));
}

// In percent.
std::string share_range_text(std::span<const double> shares) {
  if (shares.empty()) return range_text(shares, 0);
  std::vector<double> percent(shares.begin(), shares.end());
  for (double& p : percent) p *= 100;
  return range_text(percent, 0) + "%";
}

double highest(std::span<const double> values) {
  return values.empty() ? 0 : *std::max_element(values.begin(), values.end());
}

std::string heads_text(std::size_t n) { return cat(n, n == 1 ? " head" : " heads"); }

// Names the head with the largest loss increase on each prediction subset, heads with the most subsets first.
std::string strongest(const HeadStudy& study) {
  std::map<std::size_t, std::vector<std::string>> by_head;
  for (std::size_t s = 1; s < study.subsets.size(); ++s) {
    std::size_t best = study.heads.size();
    for (std::size_t h = 0; h < study.heads.size(); ++h) {
      const LossIncrease& increase = study.heads[h].mean[s];
      if (increase.low > kMatters && (best == study.heads.size() || increase.mean > study.heads[best].mean[s].mean))
        best = h;
    }
    if (best < study.heads.size())
      by_head[best].push_back(cat(study.subsets[s].name, " (", fixed_text(study.heads[best].mean[s].mean, 2), ")"));
  }
  std::vector<std::size_t> order;
  for (const auto& [head, subsets] : by_head) order.push_back(head);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return by_head[a].size() > by_head[b].size(); });
  std::string text;
  for (const std::size_t head : order)
    text += cat(text.empty() ? "" : "; ", head_name(study.heads[head].id), " for ", word_list(by_head[head], "and"));
  return text;
}

// Compares the value of the heads with the values of a baseline.
std::string against(double heads, std::span<const double> null) {
  if (null.empty()) return "not compared";
  return heads > highest(null) ? "heads above all of them"
                               : "heads not above all of them: no evidence that heads are special";
}

// "<name> 0.30; random subspaces 0.10 to 0.40 (...); untrained models 0.00 to 0.20 (...)."
std::string index_text(std::string_view name, double heads, std::span<const double> subspaces,
                       std::span<const double> untrained) {
  return cat(name, " ", fixed_text(heads, 2), "; random subspaces ", range_text(subspaces, 2), " (",
             against(heads, subspaces), "); untrained models ", range_text(untrained, 2), " (",
             against(heads, untrained), ").");
}

void add_specialization(std::vector<std::string>& says, const HeadStudy& study) {
  says.push_back(index_text("How sure: specialization index", study.specialization, study.specialization_subspaces,
                            study.specialization_untrained));
  const auto dissociations = static_cast<double>(study.dissociations.size());
  says.push_back(cat("Double dissociations: ", study.dissociations.size(), "; random subspaces ",
                     range_text(study.dissociations_subspaces, 0), " (",
                     against(dissociations, study.dissociations_subspaces), "); untrained models ",
                     range_text(study.dissociations_untrained, 0), "."));
}

// On a text with experts all predictions have the same rule, so specialization is over sources instead of rules.
void add_experts(std::vector<std::string>& says, const ExpertStudy& study) {
  for (const std::string& sentence : head_sentences(study)) says.push_back(sentence);
  const auto sources =
      std::count_if(study.experts.begin(), study.experts.end(), [](const Expert& e) { return e.needs_attention; });
  says.push_back(
      cat("Sources that the model loses with exactly one head: ", study.experts_with_one_head(), " of ", sources, "."));
  says.push_back(index_text("How sure: specialization index over sources", study.index, study.index_subspaces,
                            study.index_untrained));
}

}  // namespace

std::vector<std::string> report_verdict(const HeadStudy& study) {
  std::vector<std::string> says;
  if (study.heads.empty()) return {"The model has no heads left."};
  std::map<std::string, std::vector<std::string>> by_verdict;
  std::map<std::string, std::size_t> reasons;
  std::size_t matter = 0, disagree = 0;
  for (const HeadFinding& f : study.heads) {
    by_verdict[f.verdict].push_back(f.label.labelled ? cat(head_name(f.id), " (", f.label.name(study.roles), ")")
                                                     : head_name(f.id));
    if (!f.label.labelled) ++reasons[f.label.reason];
    if (f.kinds_disagree) ++disagree;
    if (std::any_of(f.mean.begin(), f.mean.end(), [](const LossIncrease& r) { return r.low > kMatters; })) ++matter;
  }
  says.push_back(cat("Found: of ", heads_text(study.heads.size()), ", ", matter, matter == 1 ? " matters" : " matter",
                     " for some predictions (with 95% confidence, ablation increases the loss there by more "
                     "than ",
                     kMatters, " nats)."));
  if (const std::string text = strongest(study); !text.empty())
    says.push_back(
        cat("Largest loss increases, in nats, by ", study.truth_known ? "rule: " : "prediction subset: ", text, "."));
  const auto causal = by_verdict.find("causal");
  says.push_back(causal == by_verdict.end()
                     ? "No head is causal: no labeled head affects the predictions of its role."
                     : cat("Causal heads, whose ablation impairs the predictions of their role: ",
                           word_list(causal->second, "and"), "."));
  for (const char* verdict : {"attention only", "sink", "redundant"})
    if (const auto found = by_verdict.find(verdict); found != by_verdict.end())
      says.push_back(cat("Verdict \"", verdict, "\": ", word_list(found->second, "and"), "."));
  if (study.experts) add_experts(says, *study.experts);
  else add_specialization(says, study);
  says.push_back(
      cat("Prunable at a loss increase of at most ", kPrunableLoss, " nats: ", fixed_text(100 * study.prunable, 0),
          "% of the heads in greedy order, in random orders ", share_range_text(study.prunable_random), "."));
  if (const std::size_t none = study.heads.size() - static_cast<std::size_t>(std::count_if(
                                                        study.heads.begin(), study.heads.end(),
                                                        [](const HeadFinding& f) { return f.label.labelled; }));
      none > 0) {
    // Failed condition -> phrase for one head, phrase for several heads.
    static const std::map<std::string, std::pair<std::string, std::string>> kWhy{
        {"kappa", {"attends to no known role (kappa below 0.4)", "attend to no known role (kappa below 0.4)"}},
        {"margin",
         {"attends about equally to several roles (margin below 0.1)",
          "attend about equally to several roles (margin below 0.1)"}},
        {"untrained", {"scores no higher than untrained heads", "score no higher than untrained heads"}},
        {"content",
         {"scores about the same on another text (kappa_c below 0.2)",
          "score about the same on another text (kappa_c below 0.2)"}},
        {"halves", {"differs between the halves of the text", "differ between the halves of the text"}}};
    std::vector<std::string> parts;
    for (const auto& [reason, count] : reasons) {
      const auto why = kWhy.find(reason);
      parts.push_back(cat(count, " ",
                          why == kWhy.end() ? reason
                          : count == 1      ? why->second.first
                                            : why->second.second));
    }
    says.push_back(cat("Failed: ", none, " of ", heads_text(study.heads.size()), none == 1 ? " has" : " have",
                       " no label: ", word_list(parts, "and"), "."));
  }
  if (disagree > 0)
    says.push_back(cat("For ", heads_text(disagree),
                       ", mean-, zero- and resample-ablation differ in "
                       "sign or by a factor of three, so the loss increase is uncertain."));
  says.push_back("One model, one seed: headlight heads study tests whether these results hold for other seeds.");
  return says;
}

}  // namespace headlight
