// Onset steps from the snapshots of a run, and their order over seeds.
#include "heads/seeds/onset.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "headlight/base/error.h"
#include "heads/seeds/seed_bootstrap.h"

namespace headlight {

namespace {

// The layer at the end of a role event's name; files of earlier versions store the layer only there.
Index layer_in(const JsonView& event) {
  const std::string& name = event.as_string();
  Index layer = -1;
  const char* end = name.data() + name.size();
  const std::size_t space = name.rfind(' ');
  if (space == std::string::npos || std::from_chars(name.data() + space + 1, end, layer).ptr != end || layer < 0)
    event.refuse("must end in a layer, as in \"previous in layer 0\"");
  return layer;
}

// The step of the first snapshot for which holds(snapshot) is true; -1 if none.
template <class F>
Index first_step(const HeadHistory& history, const F& holds) {
  for (const HeadSnapshot& s : history.snapshots)
    if (holds(s)) return s.step;
  return -1;
}

OnsetSummary::Steps steps_over(std::vector<Index> steps) {
  std::erase(steps, -1);
  OnsetSummary::Steps out;
  out.seeds = static_cast<Index>(steps.size());
  if (steps.empty()) return out;
  std::sort(steps.begin(), steps.end());
  out.median = steps[(steps.size() - 1) / 2];
  out.first = steps.front();
  out.last = steps.back();
  return out;
}

const Onset* find(const std::vector<Onset>& seed, const std::string& event) {
  for (const Onset& o : seed)
    if (o.event == event) return &o;
  return nullptr;
}

std::vector<std::string> events_of(std::span<const std::vector<Onset>> seeds, bool roles_only) {
  std::vector<std::string> events;
  for (const std::vector<Onset>& seed : seeds)
    for (const Onset& o : seed)
      if ((o.is_role() || !roles_only) && std::find(events.begin(), events.end(), o.event) == events.end())
        events.push_back(o.event);
  return events;
}

}  // namespace

std::vector<Onset> onsets(const HeadHistory& history) {
  std::vector<Onset> found;
  if (history.snapshots.empty()) return found;
  const HeadSnapshot &start = history.snapshots.front(), &end = history.snapshots.back();
  Index layers = 0;
  for (const HeadId head : history.heads) layers = std::max(layers, head.layer + 1);
  for (std::size_t r = 0; r < history.roles.size(); ++r) {
    for (Index layer = 0; layer < layers; ++layer) {
      const auto highest = [&](const HeadSnapshot& s) {
        double most = -std::numeric_limits<double>::infinity();
        for (std::size_t h = 0; h < history.heads.size(); ++h)
          if (history.heads[h].layer == layer) most = std::max(most, s.kappa[h][r]);
        return most;
      };
      const double last = highest(end);
      if (!(last >= kOnsetKappa)) continue;
      found.push_back({cat(history.roles[r], " in layer ", layer), layer,
                       first_step(history, [&](const HeadSnapshot& s) { return highest(s) >= last / 2; }),
                       first_step(history, [&](const HeadSnapshot& s) { return highest(s) >= kOnsetKappa; }), last});
    }
  }
  for (std::size_t i = 0; i < history.subsets.size(); ++i) {
    const bool known = i < history.floor.size();
    const double from = start.loss[i], to = known ? history.floor[i] : end.loss[i];
    if (!(from - to >= kOnsetLeastFall)) continue;
    Onset o{cat("loss on ", history.subsets[i]), -1, -1, -1, end.loss[i]};
    o.half = first_step(history, [&](const HeadSnapshot& s) { return s.loss[i] < (from + to) / 2; });
    if (known) o.reached = first_step(history, [&](const HeadSnapshot& s) { return s.loss[i] < to + kNearFloor; });
    found.push_back(o);
  }
  return found;
}

Json to_json(std::span<const Onset> onsets) {
  Json array = Json::array();
  for (const Onset& o : onsets)
    array.push(Json::object()
                   .set("event", o.event)
                   .set("is_role", o.is_role())
                   .set("half", o.half)
                   .set("reached", o.reached)
                   .set("last", Json::finite_or_null(o.last)));
  return array;
}

std::vector<Onset> onsets_of(const JsonView& array) {
  std::vector<Onset> found;
  for (const JsonView& o : array.elements()) {
    const auto last = o.find("last");
    const JsonView event = o.at("event");
    found.push_back({event.as_string(), o.at("is_role").as_bool() ? layer_in(event) : -1, o.at("half").as_index(-1),
                     o.at("reached").as_index(-1), last ? last->as_double() : 0});
  }
  return found;
}

std::vector<OnsetSummary> summarize_onsets(std::span<const std::vector<Onset>> seeds) {
  std::vector<OnsetSummary> all;
  for (const std::string& event : events_of(seeds, false)) {
    std::vector<Index> half, reached;
    for (const std::vector<Onset>& seed : seeds) {
      const Onset* o = find(seed, event);
      if (!o) continue;
      half.push_back(o->half);
      reached.push_back(o->reached);
    }
    const auto having = static_cast<Index>(half.size());
    all.push_back({event, having, steps_over(half), steps_over(reached)});
  }
  std::stable_sort(all.begin(), all.end(), [](const OnsetSummary& a, const OnsetSummary& b) {
    const auto when = [](const OnsetSummary& s) {
      return s.reached.seeds > 0 ? s.reached.median
             : s.half.seeds > 0  ? s.half.median
                                 : std::numeric_limits<Index>::max();
    };
    return when(a) < when(b);
  });
  return all;
}

std::string OnsetOrder::criterion() const { return by_half ? "half of the final kappa" : cat("kappa ", kOnsetKappa); }

std::vector<OnsetOrder> onset_order(std::span<const std::vector<Onset>> seeds) {
  std::vector<std::string> events;
  for (const std::string& event : events_of(seeds, true)) {
    const auto having =
        std::count_if(seeds.begin(), seeds.end(), [&](const auto& seed) { return find(seed, event) != nullptr; });
    if (2 * static_cast<std::size_t>(having) >= seeds.size()) events.push_back(event);
  }
  std::vector<OnsetOrder> all;
  for (std::size_t i = 0; i < events.size(); ++i) {
    for (std::size_t j = i + 1; j < events.size(); ++j) {
      for (const bool by_half : {false, true}) {
        OnsetOrder order{events[i], events[j], -1, -1, by_half, 0, 0, 0, 1};
        for (const std::vector<Onset>& seed : seeds) {
          const Onset *a = find(seed, order.a), *b = find(seed, order.b);
          if (!a || !b) continue;
          order.layer_a = a->layer;
          order.layer_b = b->layer;
          const Index at_a = by_half ? a->half : a->reached, at_b = by_half ? b->half : b->reached;
          if (at_a < 0 || at_b < 0) continue;
          ++(at_a < at_b ? order.a_first : at_b < at_a ? order.b_first : order.same);
        }
        order.p = sign_test(order.a_first, order.b_first);
        if (order.b_first > order.a_first) {
          std::swap(order.a, order.b);
          std::swap(order.layer_a, order.layer_b);
          std::swap(order.a_first, order.b_first);
        }
        all.push_back(std::move(order));
      }
    }
  }
  return all;
}

}  // namespace headlight
