// The data of a report: study, attention and role masks of a few texts, pruning, redundancy.
#include "heads/report/head_report.h"

#include <algorithm>
#include <cmath>

#include "base/utf8.h"
#include "heads/roles/measured_text.h"
#include "heads/study/number_json.h"

namespace headlight {

namespace {

constexpr Index kAttentionBytes = 900'000;  // of all texts together; base64 makes them 4/3 as large in the page
constexpr Rounded kRounded{1e5};

// A copy with rounded numbers and valid UTF-8 strings, because a file name may be invalid UTF-8.
Json shortened(const Json& value) {
  if (const Json::Object* object = value.if_object()) {
    Json copy = Json::object();
    for (const Json::Member& m : *object) copy.set(m.key, shortened(m.value));
    return copy;
  }
  if (const Json::Array* array = value.if_array()) {
    Json copy = Json::array();
    for (const Json& v : *array) copy.push(shortened(v));
    return copy;
  }
  if (value.is_number() && !value.is_whole()) return kRounded(*value.if_double());
  if (const std::string* text = value.if_string()) {
    Utf8Stream stream;
    std::u32string characters = stream.feed(*text);
    characters += stream.finish();
    return encode_utf8(characters);
  }
  return value;
}

// ---- attention on a few windows -------------------------------------------------------------------------------------

std::vector<std::uint8_t> mask_bits(const RoleMasks& masks, std::size_t role, Index window) {
  const Index length = masks.length(), places = length * (length + 1) / 2;
  std::vector<std::uint8_t> bits(static_cast<std::size_t>((places + 7) / 8));
  for (const RoleMasks::Query& q : masks.queries(role, window, window + 1)) {
    for (const std::int32_t j : masks.keys(q)) {
      const auto place = static_cast<std::size_t>(q.t * (q.t + 1) / 2 + j);
      bits[place / 8] |= static_cast<std::uint8_t>(0x80u >> place % 8);
    }
  }
  return bits;
}

Json texts(const HeadedModel& model, const RunData& data, const HeadStudy& study, const ReportOptions& options) {
  const std::vector<HeadId> heads = all_heads(model);
  const auto n = std::max<Index>(1, static_cast<Index>(heads.size()));
  Index length = std::min(model.context(), options.characters);
  while (length > 8 && n * length * (length + 1) / 2 > kAttentionBytes) --length;
  const Index count = std::clamp<Index>(kAttentionBytes / (n * length * (length + 1) / 2), 1, options.texts);
  const MeasuredText text(data, length, count);
  const HeadWindows& windows = text.windows;
  const RoleMasks masks(study.roles, text.role_text(), length);
  const std::vector<float> losses = token_losses(model, windows);
  const auto looked = attention_bytes(model, windows);

  Json array = Json::array();
  for (Index w = 0; w < windows.size(); ++w) {
    Json tokens = Json::array(), rules = Json::array(), attention = Json::object(), by_role = Json::object();
    std::vector<double> loss;
    for (Index t = 0; t < length; ++t) {
      const auto place = static_cast<std::size_t>(w * length + t);
      tokens.push(shown_token(data.vocabulary, windows.inputs()[place]));
      loss.push_back(static_cast<double>(losses[place]));
      const std::string rule = rule_at(text, data, w * length + t);
      if (!text.rule.empty()) rules.push(rule.empty() ? Json() : Json(rule));
    }
    for (std::size_t h = 0; h < heads.size(); ++h)
      attention.set(head_name(heads[h]), base64(looked[static_cast<std::size_t>(w)][h]));
    for (std::size_t r = 0; r < study.roles.size(); ++r)
      by_role.set(study.roles[r].name, base64(mask_bits(masks, r, w)));
    const std::int32_t last = windows.targets()[static_cast<std::size_t>((w + 1) * length - 1)];
    array.push(Json::object()
                   .set("length", length)
                   .set("tokens", tokens)
                   .set("next", last == kIgnoredTarget ? Json() : Json(shown_token(data.vocabulary, last)))
                   .set("rules", rules)
                   .set("losses", numbers_json(loss, kRounded))
                   .set("attention", attention)
                   .set("masks", by_role));
  }
  return array;
}

// ---- pruning and pairs ----------------------------------------------------------------------------------------------

// The pruning curves: given, from the study, or measured.
Json pruning(const HeadedModel& model, const RunData& data, const HeadStudy& study, const ReportOptions& options) {
  if (options.pruning) return to_json(*options.pruning);
  if (study.pruning.orders.size() > 1) return to_json(study.pruning);
  const HeadWindows windows = MeasuredText(data, model.context(), study.windows).windows;
  return to_json(study_pruning(model, windows, options.random_orders, options.seed, true));
}

// Symmetric matrices of the redundancy over all predictions and of its highest lower bound over prediction subsets.
void set_redundancy(Json& data, const HeadStudy& study) {
  const std::size_t n = study.heads.size();
  if (study.redundancy.empty()) return;
  std::vector<std::vector<double>> all(n, std::vector<double>(n)), most = all;
  for (std::size_t a = 0; a < n; ++a) {
    for (std::size_t b = a + 1; b < n; ++b) {
      const std::vector<LossIncrease>& increases = study.redundancy[a][b];
      all[a][b] = all[b][a] = increases[0].mean;
      const auto highest = std::max_element(increases.begin(), increases.end(),
                                            [](const LossIncrease& x, const LossIncrease& y) { return x.low < y.low; });
      most[a][b] = most[b][a] = highest->low;
    }
  }
  Json all_rows = Json::array(), most_rows = Json::array();
  for (std::size_t a = 0; a < n; ++a)
    all_rows.push(numbers_json(all[a], kRounded)), most_rows.push(numbers_json(most[a], kRounded));
  data.set("redundancy", all_rows).set("redundancy_most", most_rows);
}

}  // namespace

Json report_data(const HeadedModel& model, const RunData& data, const HeadStudy& study, const ReportOptions& options) {
  Json all = to_json(study), kept = Json::object(), roles = Json::array(), verdict = Json::array();
  for (const Json::Member& m : *all.if_object())
    if (m.key != "pairs" && m.key != "pruning" && m.key != "replicates") kept.set(m.key, m.value);
  for (const Role& r : study.roles)
    roles.push(Json::object().set("name", r.name).set("meaning", r.meaning).set("content", r.content));
  for (const std::string& sentence : report_verdict(study)) verdict.push(sentence);
  Json report = Json::object();
  report.set("verdict", verdict)
      .set("model", Json::object()
                        .set("layers", model.layers())
                        .set("width", model.width())
                        .set("context", model.context())
                        .set("parameters", model.parameter_count()))
      .set("study", kept)
      .set("roles", roles);
  set_redundancy(report, study);
  report.set("pruning", pruning(model, data, study, options)).set("texts", texts(model, data, study, options));
  return shortened(report);
}

}  // namespace headlight
