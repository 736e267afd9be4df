// headlight lesson: lists the lessons of the course, and runs their experiments.
#include "lessons/lesson.h"

#include <algorithm>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <iostream>

#include "base/clock.h"
#include "base/format.h"
#include "cli/cli.h"
#include "cli/progress_line.h"
#include "cli/signals.h"
#include "formats/json.h"
#include "headlight/base/error.h"
#include "lessons/page.h"
#include "lessons/stated.h"
#include "os/file.h"
#include "os/system.h"
#include "os/terminal.h"

namespace headlight::cli {

namespace {

using namespace lessons;

struct Interrupted {};

// While this object exists, Ctrl-C ends the program at once. With the handler of watch_signals(), the program would
// continue to wait for a line.
class DefaultInterrupt {
 public:
  DefaultInterrupt() : before_(std::signal(SIGINT, SIG_DFL)) {}
  ~DefaultInterrupt() { std::signal(SIGINT, before_); }
  DefaultInterrupt(const DefaultInterrupt&) = delete;
  DefaultInterrupt& operator=(const DefaultInterrupt&) = delete;

 private:
  void (*before_)(int);
};

// Error: the folder of the page does not exist, or the page is a folder. Call this function before the experiments,
// which take minutes.
void check_page(const std::string& path) {
  const std::filesystem::path page(path), folder = page.parent_path();
  if (std::filesystem::is_directory(page)) fail(path, ": cannot be written: it is a folder; name a file");
  if (!folder.empty() && !std::filesystem::is_directory(folder))
    fail(path, ": cannot be written: there is no folder ", folder.string(), "; create it first");
}

// At most 80 columns.
std::string list_of_lessons() {
  std::string text = "    lesson                             run   read  exercise  difficulty  needs\n";
  for (const Lesson& lesson : lessons::lessons())
    text +=
        cat(right_in(cat(lesson.number), 2), "  ", left_in(lesson.title, 31), right_in(cat(lesson.seconds, " s"), 7),
            right_in(cat(lesson.minutes_to_read, " min"), 8), right_in(cat(lesson.exercise_minutes, " min"), 9),
            right_in(cat(lesson.difficulty, " of 5"), 10), "  ", lesson.needs.empty() ? "-" : lesson.needs, "\n");
  return cat(
      text, "\n",
      wrapped("", cat(program_name(), " lesson N asks a question, runs the experiment of lesson N, and shows the ",
                      "answer. make exercise N=K checks your answer to the exercise of lesson K.")));
}

std::string table_text(const Table& table) {
  std::vector<int> widths;
  const auto widen = [&](const std::vector<std::string>& row) {
    widths.resize(std::max(widths.size(), row.size()), 0);
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], columns_of(row[i]));
  };
  widen(table.columns);
  for (const auto& row : table.rows) widen(row);
  const auto line = [&](const std::vector<std::string>& row) {
    std::string text;
    for (std::size_t i = 0; i < row.size(); ++i)
      text += i == 0 ? left_in(row[i], widths[i]) : cat("  ", right_in(row[i], widths[i]));
    while (text.ends_with(' ')) text.pop_back();
    return text + "\n";
  };
  std::string text = cat("\n", wrapped("", table.title), line(table.columns));
  for (const auto& row : table.rows) text += line(row);
  return text;
}

// Prints the question and its choices. On a terminal, reads a prediction; returns its index, or npos.
std::size_t ask(const Lesson& lesson, bool answer) {
  print(cat("\n", wrapped("Question: ", lesson.question)));
  for (std::size_t i = 0; i < lesson.choices.size(); ++i) print(wrapped(cat("  ", i + 1, "  "), lesson.choices[i]));
  if (answer || !system::is_terminal(0) || !stdout_is_terminal()) return std::string::npos;
  const DefaultInterrupt ends_the_program;
  for (;;) {
    print(cat("Your prediction (1 to ", lesson.choices.size(), "; Enter: none): "));
    std::fflush(stdout);
    std::string line;
    if (!std::getline(std::cin, line)) {
      print("\n");
      return std::string::npos;
    }
    if (line.empty()) return std::string::npos;
    std::size_t choice = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), choice);
    if (error == std::errc{} && end == line.data() + line.size() && choice >= 1 && choice <= lesson.choices.size())
      return choice - 1;
  }
}

LessonRun measured(const Lesson& lesson, const LessonOptions& options, ProgressLine& line) {
  stated_values(text_of(lesson), lesson.folder);  // report a malformed text before the experiment
  const double start = monotonic_seconds();
  LessonRun run{&lesson, {}, 0};
  run.result = lesson.run(options, [&](const std::string& what, Index done, Index of) {
    line.show(cat("lesson ", lesson.number, ": "), what.c_str(), done, of);
    if (interrupted()) throw Interrupted{};
  });
  line.clear();
  run.seconds = monotonic_seconds() - start;
  return run;
}

void print_run(const LessonRun& run, std::size_t prediction, bool colors) {
  const Lesson& lesson = *run.lesson;
  const LessonResult& result = run.result;
  for (const Table& table : result.tables) print(table_text(table));
  for (const Chart& chart : result.charts) {
    print(cat("\n", wrapped("", cat(chart.title,
                                    chart.y_name.empty() ? "" : cat(" (", chart.y_name, " by ", chart.x_name, ")")))));
    const int width = std::min(stdout_is_terminal() ? terminal_width() : 80, 100);
    for (const std::string& row : draw_chart(chart, width, 14, colors)) print(row + "\n");
  }
  print(cat("\n", wrapped("Result: ", result.finding)));
  const std::string& answer = lesson.choices[result.answer];
  if (prediction == std::string::npos) print(wrapped("Answer: ", answer));
  else if (prediction == result.answer) print(wrapped("Answer: ", cat("as you predicted: ", answer)));
  else
    print(
        wrapped("Answer: ", cat("you predicted \"", lesson.choices[prediction], "\"; the experiment says: ", answer)));
  print(cat("\n", wrapped("Read:     ", cat("train/lessons/", lesson.folder, "/README.md"))));
  for (const std::string& file : lesson.files) print(wrapped("          ", file));
  print(wrapped("Exercise: ", cat(lesson.exercise, " (difficulty ", lesson.difficulty, " of 5, ",
                                  lesson.exercise_minutes, " minutes): edit train/lessons/", lesson.folder,
                                  "/exercise.h, then make exercise N=", lesson.number)));
}

Json chart_json(const Chart& chart) {
  Json series = Json::array();
  for (const Series& s : chart.series) {
    Json points = Json::array();
    for (const Point& p : s.points)
      points.push(Json::array().push(Json::finite_or_null(p.x)).push(Json::finite_or_null(p.y)));
    series.push(Json::object().set("name", s.name).set("points", points));
  }
  return Json::object().set("title", chart.title).set("x", chart.x_name).set("y", chart.y_name).set("series", series);
}

Json run_json(const LessonRun& run, std::uint64_t seed) {
  const Lesson& lesson = *run.lesson;
  Json figures = Json::object(), tables = Json::array(), charts = Json::array();
  const std::vector<Difference> wrong = differences(lesson, run.result);
  for (const StatedValue& stated : stated_values(text_of(lesson), lesson.folder)) {
    if (figures.find(stated.name)) continue;
    for (const Figure& figure : run.result.figures)
      if (figure.name == stated.name)
        figures.set(figure.name, Json::object()
                                     .set("value", Json::finite_or_null(figure.value))
                                     .set("stated", stated.value)
                                     .set("spread", Json::finite_or_null(stated.spread))
                                     .set("holds", std::none_of(wrong.begin(), wrong.end(), [&](const Difference& d) {
                                            return d.name == figure.name;
                                          })));
  }
  for (const Table& table : run.result.tables) {
    const auto list = [](const std::vector<std::string>& cells) {
      Json row = Json::array();
      for (const std::string& cell : cells) row.push(cell);
      return row;
    };
    Json rows = Json::array();
    for (const auto& row : table.rows) rows.push(list(row));
    tables.push(Json::object().set("title", table.title).set("columns", list(table.columns)).set("rows", rows));
  }
  for (const Chart& chart : run.result.charts) charts.push(chart_json(chart));
  return Json::object()
      .set("lesson", lesson.number)
      .set("title", lesson.title)
      .set("seed", seed)
      .set("seconds", run.seconds)
      .set("question", lesson.question)
      .set("answer", lesson.choices[run.result.answer])
      .set("finding", run.result.finding)
      .set("figures", figures)
      .set("tables", tables)
      .set("charts", charts);
}

std::vector<const Lesson*> chosen(const std::string& name) {
  std::vector<const Lesson*> found;
  for (const Lesson& lesson : lessons::lessons())
    if (name == "all" || name == cat(lesson.number)) found.push_back(&lesson);
  if (found.empty())
    throw UsageError(cat("lesson: there is no lesson '", one_line(name), "'; choose 0 to ",
                         lessons::lessons().back().number, ", or all"));
  return found;
}

int run_lesson(const Arguments& args) {
  if (args.operands().empty()) {
    for (const char* flag : {"answer", "check", "json", "page", "seed"})
      if (args.has(flag)) throw UsageError(cat("lesson: --", flag, " needs the number of a lesson, or all"));
    print(list_of_lessons());
    return 0;
  }
  const std::vector<const Lesson*> all = chosen(args.operands()[0]);
  const LessonOptions options{static_cast<std::uint64_t>(args.whole("seed", 1, 0, 1'000'000'000))};
  const bool json = args.has("json");
  if (const auto page = args.text("page")) check_page(*page);
  watch_signals();
  ProgressLine line(args);
  std::vector<LessonRun> runs;
  Json documents = Json::array();
  std::string wrong;
  try {
    for (const Lesson* lesson : all) {
      std::size_t prediction = std::string::npos;
      if (!json) {
        print(cat(runs.empty() ? "" : "\n\n", lesson->number, ". ", lesson->title, "\n",
                  wrapped("Claim: ", lesson->claim)));
        prediction = ask(*lesson, args.has("answer"));
        std::fflush(stdout);
      }
      runs.push_back(measured(*lesson, options, line));
      const LessonRun& run = runs.back();
      if (json) documents.push(run_json(run, options.seed));
      else print_run(run, prediction, stdout_is_terminal() && may_color() && !args.has("plain"));
      for (const Difference& d : differences(*lesson, run.result))
        wrong += cat("lesson ", lesson->number, ": ", d.name, " is ", fixed_text(d.measured, 4), "; the text states ",
                     cat(d.stated), " +- ", cat(d.spread), "\n");
    }
  } catch (const Interrupted&) {
    line.clear();
    say("stopped; nothing was written");
    return kInterrupted;
  }
  if (json) print(json_text(all.size() == 1 ? documents.if_array()->front() : documents) + "\n");
  if (const auto path = args.text("page")) {
    write_file_atomically(*path, course_page(runs, options.seed));
    say(cat("wrote ", *path));
  }
  if (!wrong.empty()) say(wrong.substr(0, wrong.size() - 1));
  return args.has("check") && !wrong.empty() ? 1 : 0;
}

}  // namespace

Command lesson_command() {
  std::vector<std::string> numbers = {"all"};
  for (const Lesson& lesson : lessons::lessons()) numbers.push_back(cat(lesson.number));
  std::vector<Flag> flags = {{"answer", "", "do not ask for a prediction"},
                             {"seed", "N", "seed of the weights and the data", "Options", "1"},
                             {"check", "", "exit with 1 if a measured value is outside the range that the text states"},
                             {"json", "", "print JSON"},
                             {"page", "FILE", "write the texts and this run's figures as one HTML page"}};
  for (const Flag& flag : progress_flags("Options")) flags.push_back(flag);
  return {.name = "lesson",
          .summary = "Runs the experiment of a lesson of the course, after asking for a prediction.",
          .usage = "[N|all] [OPTIONS]",
          .examples = {"headlight lesson", "headlight lesson 4", "headlight lesson all --answer --page course.html"},
          .flags = flags,
          .least_operands = 0,
          .most_operands = 1,
          .run = run_lesson,
          .operand_choices = numbers};
}

}  // namespace headlight::cli
