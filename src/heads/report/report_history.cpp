// The history of training in a report: which snapshots and how much attention fit the page.
#include <algorithm>
#include <cmath>

#include "heads/report/head_report.h"
#include "heads/study/number_json.h"

namespace headlight {

namespace {

constexpr std::size_t kPage = 150'000;        // reserved for the page around the data
constexpr std::size_t kScoreBytes = 600'000;  // limit for losses and scores
constexpr std::size_t kReplayBytes = 900'000;
constexpr std::size_t kReplayed = 24;  // shorten the text before fewer snapshots than this have attention
constexpr std::size_t kMinLength = 16;
constexpr Rounded kBrief{1e3};

std::size_t places(std::size_t length) { return length * (length + 1) / 2; }
std::size_t base64_size(std::size_t bytes) { return (bytes + 2) / 3 * 4; }

// `keep` evenly spread indices below `count`, including the last and, if keep >= 2, the first.
std::vector<std::size_t> spread(std::size_t count, std::size_t keep) {
  std::vector<std::size_t> indices;
  for (std::size_t i = 0; i < keep; ++i) indices.push_back(keep == 1 ? count - 1 : i * (count - 1) / (keep - 1));
  return indices;
}

}  // namespace

void set_history(Json& report, const HeadHistory& h, std::size_t most) {
  if (h.snapshots.empty()) return;
  const std::size_t used = json_text(report).size() + kPage, left = most > used ? most - used : 0;

  // Upper bounds in bytes: "-0.123," for each of the two scores, "-12.345," for a loss.
  const std::size_t each = 14 * h.heads.size() * h.roles.size() + 8 * h.subsets.size() + 60;
  const std::size_t count = h.snapshots.size();
  const std::size_t keep = std::min(count, std::max<std::size_t>(2, std::min(kScoreBytes, left / 2) / each));
  const std::size_t scores = keep * each;

  const std::size_t room = left > scores ? std::min(kReplayBytes, left - scores) : 0;
  const auto snapshot_size = [&](std::size_t length) {
    return h.heads.size() * (base64_size(places(length)) + 12) + 3;
  };
  auto length = static_cast<std::size_t>(h.length);
  while (length > kMinLength && snapshot_size(length) * std::min(keep, kReplayed) > room) --length;
  const std::vector<std::size_t> kept = spread(count, keep),
                                 replayed = spread(keep, std::min(keep, room / snapshot_size(length)));

  Json names[] = {Json::array(), Json::array(), Json::array(), Json::array(), Json::array()};
  for (const std::string& name : h.roles) names[0].push(name);
  for (const std::string& name : h.subsets) names[1].push(name);
  for (const HeadId head : h.heads) names[2].push(head_name(head));
  for (std::size_t t = 0; t < length; ++t) {
    names[3].push(h.tokens[t]);
    if (!h.rules.empty()) names[4].push(h.rules[t].empty() ? Json() : Json(h.rules[t]));
  }
  Json steps = Json::array(), training = Json::array(), validation = Json::array(), loss = Json::array(),
       kappa = Json::array(), content = Json::array(), attention = Json::array();
  for (std::size_t i = 0; i < keep; ++i) {
    const HeadSnapshot& s = h.snapshots[kept[i]];
    steps.push(s.step);
    training.push(Json::finite_or_null(kBrief(s.training_loss)));
    validation.push(Json::finite_or_null(kBrief(s.validation_loss)));
    loss.push(numbers_json(s.loss, kBrief));
    kappa.push(rows_json(s.kappa, kBrief));
    content.push(rows_json(s.kappa_content, kBrief));
    Json maps;
    if (std::find(replayed.begin(), replayed.end(), i) != replayed.end()) {
      maps = Json::object();
      // The attention on a shorter text is a prefix, because rows are stored in order.
      for (std::size_t a = 0; a < h.heads.size(); ++a)
        maps.set(head_name(h.heads[a]), base64({s.attention[a].begin(),
                                                s.attention[a].begin() + static_cast<std::ptrdiff_t>(places(length))}));
    }
    attention.push(maps);
  }
  report.set("history", Json::object()
                            .set("roles", names[0])
                            .set("slots", names[1])
                            .set("heads", names[2])
                            .set("floor", h.floor.empty() ? Json() : numbers_json(h.floor, kBrief))
                            .set("windows", h.windows)
                            .set("snapshots", count)
                            .set("length", length)
                            .set("tokens", names[3])
                            .set("rules", h.rules.empty() ? Json() : names[4])
                            .set("steps", steps)
                            .set("training_loss", training)
                            .set("validation_loss", validation)
                            .set("loss", loss)
                            .set("kappa", kappa)
                            .set("kappa_content", content)
                            .set("attention", attention));
}

}  // namespace headlight
