// headlight plot: plots the losses of runs in one chart.
#include <algorithm>
#include <cmath>

#include "base/format.h"
#include "base/words.h"
#include "cli/cli.h"
#include "corpora/grammar/lexer.h"
#include "formats/json.h"
#include "headlight/base/error.h"
#include "headlight/base/text.h"
#include "headlight/ops/ops.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/terminal.h"
#include "terminal/chart.h"
#include "terminal/columns.h"
#include "training/run_directory.h"
#include "training/run_log.h"

namespace headlight::cli {

namespace {

struct Quantity {
  const char* name;
  double StepRecord::*field;
};
constexpr Quantity kQuantities[] = {{"loss", &StepRecord::loss},
                                    {"lr", &StepRecord::lr},
                                    {"gradient", &StepRecord::grad_norm},
                                    {"speed", &StepRecord::tokens_per_second}};

const Quantity& find_quantity(const std::string& name) {
  for (const Quantity& q : kQuantities)
    if (name == q.name) return q;
  throw UsageError(cat("--what ", name, ": not one of loss, lr, gradient or speed"));
}

// Reads the log of a run directory, or a log file given directly.
std::vector<StepRecord> load_log(const std::string& name) {
  const std::string path = is_directory(name) ? name + "/log.jsonl" : name;
  if (is_directory(name) && !path_exists(path))
    fail(name, ": is not a run (log.jsonl is missing); name the directory of a run");
  std::vector<StepRecord> records = read_log(path);
  if (records.empty()) fail(path, ": has no complete line yet; wait for the run's first step");
  return records;
}

// The last component of a path, ignoring trailing slashes.
std::string short_name(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path.substr(path.find_last_of('/') + 1);
}

Series curve_of(const std::vector<StepRecord>& records, double StepRecord::*field, bool against_time) {
  Curve curve;
  for (const StepRecord& r : records) curve.add(against_time ? r.seconds : static_cast<double>(r.step), r.*field);
  return {"", Color::kPlain, curve.points()};
}

// The record with the lowest validation loss; null without validations.
const StepRecord* find_best(const std::vector<StepRecord>& records) {
  const StepRecord* best = nullptr;
  for (const StepRecord& r : records)
    if (std::isfinite(r.val_loss) && (!best || r.val_loss < best->val_loss)) best = &r;
  return best;
}

std::string summary(const std::string& name, const std::vector<StepRecord>& records, const std::string& mark,
                    bool colors, Color ink) {
  const StepRecord* best = find_best(records);
  return cat(inked(cat(mark, " ", name), ink, colors), ": ", counted(records.back().step, "step"), ", ",
             duration_text(records.back().seconds),
             best ? cat(", best validation loss ", fixed_text(best->val_loss, 4), " at step ", best->step) : "", "\n");
}

// Reference levels for a run's losses: the floor, or the unigram and bigram losses.
std::vector<Level> levels_of(const std::string& name, const std::vector<StepRecord>& records) {
  std::vector<Level> levels;
  for (auto r = records.rbegin(); r != records.rend() && levels.empty(); ++r)
    if (std::isfinite(r->floor)) levels.push_back({"floor", r->floor});
  if (!levels.empty() || !is_run(name)) return levels;
  const std::vector<double> counting = RunDirectory(name).load_info().counting;
  constexpr const char* kNames[] = {"unigram", "bigram"};
  for (std::size_t i = 0; i < std::min(counting.size(), std::size(kNames)); ++i)
    levels.push_back({kNames[i], counting[i]});
  return levels;
}

bool same(const std::vector<Level>& a, const std::vector<Level>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Level& x, const Level& y) { return x.name == y.name && x.y == y.y; });
}

Json points_json(const Series& series) {
  Json points = Json::array();
  for (const Point& p : series.points) points.push(Json::array().push(p.x).push(p.y));
  return points;
}

// The JSON of a run and its plotted curves.
Json run_json(const std::string& name, const std::vector<StepRecord>& records, const std::vector<Level>& levels,
              const char* quantity, const Series& values, const Series& validation) {
  const StepRecord* best = find_best(records);
  Json json = Json::object();
  json.set("run", name)
      .set("steps", records.back().step)
      .set("seconds", records.back().seconds)
      .set("best_val_loss", best ? Json(best->val_loss) : Json())
      .set("best_step", best ? Json(best->step) : Json());
  Json lines = Json::object();
  for (const Level& level : levels) lines.set(level.name, level.y);
  json.set("levels", lines).set(quantity, points_json(values));
  if (!validation.points.empty()) json.set("val_loss", points_json(validation));
  return json;
}

int run_plot(const Arguments& args) {
  constexpr Color kInks[] = {Color::kBlue, Color::kYellow, Color::kGreen, Color::kMagenta, Color::kCyan, Color::kRed};
  const Quantity& quantity = find_quantity(args.text("what", "loss"));
  const bool losses = quantity.field == &StepRecord::loss, against_time = args.has("time");
  const bool colors = stdout_is_terminal() && may_color() && !args.has("no-color");
  const auto width = static_cast<int>(args.whole("width", std::max(40, terminal_width() - 1), 20, 1000));
  const auto height = static_cast<int>(args.whole("height", std::clamp(terminal_height() - 4, 10, 30), 5, 1000));

  Chart chart;
  chart.x_name = against_time ? "seconds" : "step";
  chart.y_name = quantity.name;
  if (args.has("json") && args.text("svg") == "-")
    throw UsageError("--json and --svg - both print to standard output; give one of them");
  std::string summaries;
  Json runs = Json::array();
  std::vector<Series> validation;
  for (std::size_t i = 0; i < args.operands().size(); ++i) {
    const std::string& name = args.operands()[i];
    const std::vector<StepRecord> records = load_log(name);
    const Color ink = kInks[i % std::size(kInks)];
    Series values = curve_of(records, quantity.field, against_time);
    Series checked = curve_of(records, &StepRecord::val_loss, against_time);
    const std::vector<Level> levels = losses ? levels_of(name, records) : std::vector<Level>();
    runs.push(run_json(name, records, levels, quantity.name, values, losses ? checked : Series()));
    // One run: training and validation in two colors. Several runs: one color each; validation loss if available.
    if (losses && args.operands().size() == 1) {
      values.name = "training";
      values.ink = Color::kBlue;
      chart.series.push_back(values);
      if (!checked.points.empty()) validation.push_back({"validation", Color::kYellow, checked.points});
    } else {
      Series& shown = losses && !checked.points.empty() ? checked : values;
      shown.name = short_name(name);
      shown.ink = ink;
      chart.series.push_back(shown);
    }
    if (losses) {
      // Show the levels of several runs only if the levels agree, because the runs then share a text.
      if (i == 0) chart.levels = levels;
      else if (!same(chart.levels, levels)) chart.levels.clear();
    }
    summaries += summary(name, records, series_mark(i, colors || args.operands().size() == 1), colors,
                         args.operands().size() == 1 ? Color::kPlain : ink);
  }
  for (Series& s : validation) chart.series.push_back(std::move(s));
  chart.title = args.operands().size() == 1 ? args.operands()[0] : losses ? "validation loss, nats" : quantity.name;
  if (const auto file = args.text("svg")) {
    write_file_atomically(*file, chart_svg(chart));
    if (*file == "-") return 0;
  }
  if (args.has("json")) {
    print(json_text(Json::object().set("x", chart.x_name).set("y", chart.y_name).set("runs", runs)) + "\n");
    return 0;
  }
  for (const std::string& line : draw_chart(chart, width, height, colors)) print(line + "\n");
  print(summaries);
  return 0;
}

}  // namespace

Command plot_command() {
  return {.name = "plot",
          .summary = "Draws the losses of one or several runs, in the terminal and as SVG.",
          .usage = "DIR... [--svg FILE] [OPTIONS]",
          .examples = {"headlight plot runs/mine", "headlight plot runs/small runs/large --time",
                       "headlight plot runs/mine --what gradient --svg gradient.svg"},
          .flags = {{"svg", "FILE", "also write an SVG file; -: print only the SVG"},
                    with_choices({"what", "NAME", "loss, lr, gradient or speed", "Options", "loss"},
                                 {"loss", "lr", "gradient", "speed"}),
                    {"time", "", "plot against seconds of training instead of steps"},
                    {"width", "N", "columns of the chart", "Options", "those of the terminal"},
                    {"height", "N", "rows of the chart", "Options", "those of the terminal, at most 30"},
                    {"no-color", "", "no colors; the default with NO_COLOR or outside a terminal"},
                    {"json", "", "print one JSON object: the points of the curves"}},
          .notes =
              "One run: training and validation loss. Several runs: the validation loss of\n"
              "each (the training loss of runs without validation). Dashed: the entropy floor\n"
              "if known, otherwise the losses of the unigram and bigram models of the training\n"
              "text.\n",
          .least_operands = 1,
          .most_operands = 100,
          .run = run_plot};
}

}  // namespace headlight::cli
