// The summary of a study as JSON: study.json, and the report's "seeds".
#include <cmath>

#include "heads/seeds/seed_compare.h"
#include "heads/seeds/seed_summary.h"

namespace headlight {

namespace {

Json to_json(const Interval& i) { return Json::object().set("mean", i.mean).set("low", i.low).set("high", i.high); }
Json to_json(const std::optional<Interval>& i) { return i ? to_json(*i) : Json(); }

// An array with make(item) for each item.
template <class Items, class Make>
Json array_of(const Items& items, const Make& make) {
  Json array = Json::array();
  for (const auto& item : items) array.push(make(item));
  return array;
}

Json comparison_json(const BaselineSummary& b) {
  const PairedComparison& c = b.comparison;
  return Json::object()
      .set("name", b.name)
      .set("less", b.baseline)
      .set("seeds", c.differences.size())
      .set("difference", to_json(c.difference))
      .set("higher", c.higher)
      .set("lower", c.lower)
      .set("same", c.same)
      .set("p", c.p)
      .set("verdict", verdict_of(c))
      .set("says", b.sentence);
}

Json carrier_json(const CarrierSummary& c) {
  return Json::object()
      .set("name", c.name)
      .set("kind", c.is_role ? "role" : "slots")
      .set("seeds", c.seeds)
      .set("layer", c.layer)
      .set("in_layer", c.in_layer)
      .set("role", c.is_role ? Json() : Json(c.role))
      .set("with_role", c.is_role ? Json() : Json(c.with_role))
      .set("kappa", to_json(c.kappa))
      .set("share", to_json(c.share))
      .set("second_share", to_json(c.second_share));
}

Json stability_json(const StabilitySummary& s) {
  Json value = to_json(s.value);
  if (!s.has_interval) value.set("low", Json()).set("high", Json());
  return Json::object().set("name", s.name).set("value", value);
}

Json step(Index value) { return value < 0 ? Json() : Json(value); }

Json onset_json(const OnsetSummary& s) {
  return Json::object()
      .set("event", s.event)
      .set("seeds", s.seeds)
      .set("half", step(s.half.median))
      .set("half_first", step(s.half.first))
      .set("half_last", step(s.half.last))
      .set("reached", step(s.reached.median))
      .set("reached_first", step(s.reached.first))
      .set("reached_last", step(s.reached.last))
      .set("reached_in", s.reached.seeds);
}

Json order_json(const OnsetOrder& o) {
  return Json::object()
      .set("first", o.a)
      .set("second", o.b)
      .set("by", o.criterion())
      .set("first_earlier", o.a_first)
      .set("second_earlier", o.b_first)
      .set("same", o.same)
      .set("p", o.p);
}

Json run_json(const SeedRun& r) {
  return Json::object()
      .set("seed", r.seed)
      .set("failed", r.failed.empty() ? Json() : Json(r.failed))
      .set("loss", Json::finite_or_null(r.loss))
      .set("above_floor", Json::finite_or_null(r.above_floor))
      .set("specialization", Json::finite_or_null(r.specialization))
      .set("dissociations", Json::finite_or_null(r.dissociations))
      .set("prunable", Json::finite_or_null(r.prunable))
      .set("unlabelled", Json::finite_or_null(r.unlabelled));
}

}  // namespace

Json to_json(const SeedSummary& all) {
  Json json = Json::object();
  json.set("text", all.text)
      .set("summary", array_of(all.figures,
                               [](const FigureSummary& f) {
                                 return Json::object()
                                     .set("name", f.name)
                                     .set("heads", to_json(f.heads))
                                     .set("subspaces", to_json(f.subspaces))
                                     .set("untrained", to_json(f.untrained));
                               }))
      .set("comparisons", array_of(all.comparisons, comparison_json))
      .set("rules", array_of(all.subsets,
                             [](const SubsetSummary& s) {
                               return Json::object()
                                   .set("name", s.name)
                                   .set("strongest", to_json(s.strongest))
                                   .set("share", to_json(s.share));
                             }))
      .set("groups", array_of(all.groups,
                              [](const GroupSummary& g) {
                                return Json::object()
                                    .set("role", g.role)
                                    .set("seeds", g.seeds)
                                    .set("causal", g.causal)
                                    .set("heads", g.heads)
                                    .set("increase", to_json(g.increase))
                                    .set("alone", to_json(g.alone))
                                    .set("random", to_json(g.random));
                              }))
      .set("carriers", array_of(all.carrier_summaries, carrier_json))
      .set("stability", array_of(all.stability, stability_json))
      .set("labels", array_of(all.labels, [](const LabelCount& l) {
             return Json::object().set("label", l.label).set("seeds", l.seeds);
           }));
  if (all.watched) json.set("onset", array_of(all.onsets, onset_json)).set("order", array_of(all.order, order_json));
  return json.set("runs", array_of(all.runs, run_json));
}

}  // namespace headlight
