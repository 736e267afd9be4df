// An expert study as JSON.
#include "heads/sources/expert_study.h"
#include "heads/study/number_json.h"

namespace headlight {

namespace {

Json estimate_json(const Interval& e) {
  return Json::object()
      .set("value", Json::finite_or_null(e.mean))
      .set("low", Json::finite_or_null(e.low))
      .set("high", Json::finite_or_null(e.high));
}

Json to_json(const Estimates& estimates, std::span<const Expert> experts) {
  Json object = Json::object();
  for (std::size_t e = 0; e < experts.size(); ++e) object.set(experts[e].name, estimate_json(estimates[e]));
  return object;
}

// The estimates without intervals: [part][expert].
Json matrix_json(const std::vector<Estimates>& parts) {
  Json rows = Json::array();
  for (const Estimates& part : parts) {
    Json row = Json::array();
    for (const Interval& e : part) row.push(Json::finite_or_null(e.mean));
    rows.push(row);
  }
  return rows;
}

Json matrices_json(std::span<const Retention> retentions) {
  Json all = Json::array();
  for (const Retention& r : retentions) all.push(matrix_json(r.parts));
  return all;
}

Json table_json(std::span<const double> table, std::size_t columns) {
  Json rows = Json::array();
  for (std::size_t first = 0; first < table.size(); first += columns)
    rows.push(numbers_json(table.subspan(first, columns), Rounded{1e4}));
  return rows;
}

Json head_json(const ExpertStudy& study, std::size_t h) {
  Json attention = Json::object(), tables = Json::object();
  for (std::size_t e = 0; e < study.experts.size(); ++e) {
    const RoleScore& s = study.attention[h][e];
    attention.set(study.experts[e].name,
                  Json::object().set("attention", s.attention).set("chance", s.chance).set("kappa", s.kappa()));
    if (!study.tables) continue;
    const TableMatch& m = study.tables->match[h][e];
    tables.set(study.experts[e].name,
               Json::object().set("correlation", m.correlation).set("null_95", m.null_95).set("p", m.p));
  }
  Json loses = Json::array();
  for (std::size_t e = 0; e < study.experts.size(); ++e)
    if (study.loses(h, e)) loses.push(study.experts[e].name);
  const std::size_t columns = study.symbols.size() - 1;
  return Json::object()
      .set("head", head_name(study.heads[h]))
      .set("main_source", study.experts[study.main_source(h)].name)
      .set("loses", loses)
      .set("retention", to_json(study.retention.parts[h], study.experts))
      .set("attention", attention)
      .set("table_match", study.tables ? tables : Json())
      .set("table", study.tables ? table_json(study.tables->learned[h], columns) : Json())
      .set("direct", study.direct ? to_json(study.direct->by_expert[h], study.experts) : Json())
      .set("direct_to_target", study.direct ? Json(study.direct->to_target[h]) : Json())
      .set("patching", to_json(study.patching.heads[h], study.experts));
}

}  // namespace

Json to_json(const ExpertStudy& study) {
  Json experts = Json::array(), heads = Json::array(), symbols = Json::array();
  const std::vector<std::string> sentences = head_sentences(study);
  for (const char c : study.symbols) symbols.push(std::string(1, c));
  const std::size_t n = study.symbols.size();
  for (std::size_t e = 0; e < study.experts.size(); ++e) {
    const Expert& expert = study.experts[e];
    Json rows = Json::array();
    if (study.tables)
      for (const std::size_t r : study.tables->rows[e]) rows.push(static_cast<Index>(r));
    experts.push(Json::object()
                     .set("name", expert.name)
                     .set("reads", expert.reads)
                     .set("needs_attention", expert.needs_attention)
                     .set("swaps", study.patching.swaps[e])
                     .set("rows_compared", rows)
                     .set("table", study.tables ? table_json(study.tables->truth[e], n - 1) : Json()));
  }
  for (std::size_t h = 0; h < study.heads.size(); ++h) heads.push(head_json(study, h).set("sentence", sentences[h]));
  return Json::object()
      .set("symbols", symbols)
      .set("experts", experts)
      .set("heads", heads)
      .set("retention_whole", to_json(study.retention.whole, study.experts))
      .set("retention_without_heads", to_json(study.retention.none, study.experts))
      .set("patching_whole", to_json(study.patching.whole, study.experts))
      .set("experts_with_one_head", static_cast<Index>(study.experts_with_one_head()))
      .set("specialization", Json::object()
                                 .set("heads", study.index)
                                 .set("random_subspaces", numbers_json(study.index_subspaces))
                                 .set("untrained", numbers_json(study.index_untrained)))
      .set("retention_random_subspaces", matrices_json(study.subspaces))
      .set("retention_untrained", matrices_json(study.untrained));
}

}  // namespace headlight
