// headlight heads report: what `headlight heads` finds, as one HTML page to look around in.
#include "cli.h"

namespace headlight::cli {

namespace {

int run(const Arguments& args) {
  const std::string& directory = args.operands()[0];
  const std::string file = args.text("out", cat(directory, "/heads.html"));
  StudyOptions options;
  options.windows = args.whole("windows", 64, 1, 100'000);
  options.subspaces = static_cast<int>(args.whole("subspaces", 50, 0, 10'000));
  options.untrained = static_cast<int>(args.whole("untrained", 20, 1, 1000));
  options.seed = static_cast<std::uint64_t>(args.whole("seed", 1, 0, Index{1} << 53));
  const auto [trained, data] = load_model_and_text(args);
  HeadStudy study = study_heads(*trained.model, data, options);
  study.run = directory;
  Json report = report_data(*trained.model, data, study, {.seed = options.seed});
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
  std::vector<Flag> flags = model_and_text_flags({"windows", "N", "windows of text to measure on", "Options", "64"});
  flags.push_back({"out", "FILE", "where the page goes; -: standard output", "Options", "DIR/heads.html"});
  flags.push_back({"subspaces", "N", "random subspaces of each layer, as a control", "Options", "50"});
  flags.push_back({"untrained", "N", "untrained models to compare labels with", "Options", "20"});
  flags.push_back({"seed", "N", "of the controls and intervals", "Options", "1"});
  return {.name = "heads report",
          .summary = "Writes what heads finds as one HTML page.",
          .usage = "DIR [--out FILE] [--data FILE | --corpus NAME]",
          .examples = {"headlight heads report runs/roles", "headlight heads report runs/mine --out heads.html"},
          .flags = std::move(flags),
          .notes =
              "The page needs nothing else and no network: verdict, effects beside their controls, attention to\n"
              "explore, pruning curves, redundancy. Figures can be saved as SVG, their tables as CSV. Of a run\n"
              "trained with --watch-heads it also shows how losses, roles and attention came to be.\n",
          .least_operands = 1,
          .most_operands = 1,
          .run = run};
}

}  // namespace headlight::cli
