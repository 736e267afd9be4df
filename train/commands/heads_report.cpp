// headlight heads report: writes the study of a run as one interactive HTML page.
#include "cli/cli.h"
#include "cli/progress_line.h"
#include "formats/json.h"
#include "headlight/base/error.h"
#include "headlight/base/index.h"
#include "headlight/base/text.h"
#include "heads/pruning/prune_recovery.h"
#include "heads/report/head_report.h"
#include "heads/roles/head_windows.h"
#include "heads/study/head_study.h"
#include "heads/watch/head_history.h"
#include "os/file.h"
#include "os/folder.h"
#include "terminal/columns.h"

namespace headlight::cli {

namespace {

int run_heads_report(const Arguments& args) {
  const std::string& directory = args.operands()[0];
  const std::string file = args.text("out", cat(directory, "/heads.html"));
  StudyOptions options = study_options(args);
  options.seed = study_seed(args);
  options.curves = true;
  const Index recovery = args.whole("recovery", 0, 0, 1'000'000);
  if (recovery > 0 && (args.has("data") || args.has("corpus")))
    throw UsageError("--recovery trains on the run's own text; omit --data and --corpus");
  const auto [trained, data] = load_model_and_text(args);
  if (recovery > 0) check_prunable(trained.transformer("--recovery").config());
  ProgressLine line(args);
  options.progress = line.progress();
  HeadStudy study = study_heads(trained.headed("heads report"), data, options);
  if (recovery > 0)
    add_recovery(study.pruning, trained.transformer("heads report"), trained.info.config, data,
                 HeadWindows(data.measured_text(), trained.model->context(), study.windows), recovery,
                 options.progress);
  line.clear();
  study.run = directory;
  Json report = report_data(trained.headed("heads report"), data, study, {.seed = options.seed});
  if (const std::string path = cat(directory, "/", kHeadHistoryFile); path_exists(path))
    set_history(report, head_history(path));
  if (args.has("json")) {
    print(json_text(report) + "\n");
    return 0;
  }
  write_file_atomically(file, report_page(report));
  if (file == "-") return 0;
  for (const std::string& sentence : report_verdict(study)) print(wrapped("", sentence));
  print(cat("\nwrote ", file, "; open it in a browser\n"));
  return 0;
}

}  // namespace

Command heads_report_command() {
  std::vector<Flag> flags = model_and_text_flags(study_flags("Options"));
  flags.push_back({"out", "FILE", "file of the page; -: standard output", "Options", "DIR/heads.html"});
  flags.push_back({"recovery", "N", "add a pruning curve with N steps of recovery training; 0: none", "Options", "0"});
  flags.push_back(study_seed_flag());
  for (Flag& flag : progress_flags("Options")) flags.push_back(std::move(flag));
  return {.name = "heads report",
          .summary = "Writes the results of headlight heads as one HTML page.",
          .usage = "DIR [--out FILE] [--data FILE | --corpus NAME]",
          .examples = {"headlight heads report runs/roles", "headlight heads report runs/mine --out heads.html"},
          .flags = std::move(flags),
          .notes =
              "The page is self-contained: verdict, effects beside their baselines, attention\n"
              "to explore, pruning curves, redundancy. Figures can be saved as SVG, their\n"
              "tables as CSV. For a run trained with --watch-heads, the page also shows losses,\n"
              "roles and attention during training.\n",
          .least_operands = 1,
          .most_operands = 1,
          .run = run_heads_report};
}

}  // namespace headlight::cli
