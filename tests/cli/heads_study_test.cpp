// Tests of heads study: several seeds, and continuing an interrupted study.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <thread>

#include "cli/tiny_run.h"
#include "formats/json.h"
#include "support/on_terminal.h"
#include "training/run_directory.h"

namespace headlight {
namespace {

class HeadsStudy : public TinyRun {
 protected:
  Words study(const Words& more = {}) const {
    Words words = train(study_, {"--untrained", "2", "--subspaces", "2", "--windows", "8"});
    words.erase(words.begin());
    return Words{"heads", "study"} + words + more;
  }
  const std::string study_ = directory_ / "study";
};

TEST_F(HeadsStudy, GoesOnWhereItStopped) {
  const Result first = run_program(study({"--seeds", "1"}));
  ASSERT_EQ(first.code, 0) << first.err;
  EXPECT_TRUE(contains(first.out, "1 seed, none failed"));
  EXPECT_TRUE(contains(first.out, "one seed is no evidence")) << first.out;
  const std::string kept = read_file(study_ + "/seed-1.json");
  const Result r = run_program(study({"--seeds", "2"}));
  ASSERT_EQ(r.code, 0) << r.err;
  EXPECT_TRUE(contains(r.out, "2 seeds, none failed"));
  EXPECT_TRUE(contains(r.out, "specialization index, heads minus random subspaces: ")) << r.out;
  EXPECT_EQ(read_file(study_ + "/seed-1.json"), kept);
  for (const char* name : {"study.json", "seeds.csv", "summary.csv", "comparisons.csv", "rules.csv", "labels.csv",
                           "heads.csv", "effects.csv", "carriers.csv", "stability.csv", "pruning.csv"})
    EXPECT_FALSE(read_file(study_ + "/" + name).empty()) << name;
  EXPECT_TRUE(contains(read_file(study_ + "/report.html"), "\"seeds\":{\"text\":\"2 seeds"));
  const Files all = files_of(study_);

  // Imitates an interruption: first before the second seed is measured, then before the second seed is trained.
  remove_file(study_ + "/seed-2.json");
  EXPECT_EQ(run_program(study({"--seeds", "2"})).code, 0);
  EXPECT_TRUE(files_of(study_) == all) << "it ends in the same bytes";
  remove_file(study_ + "/seed-2.json");
  RunDirectory(study_ + "/seed-2").clear();
  EXPECT_EQ(run_program(study({"--seeds", "2"})).code, 0);
  EXPECT_EQ(read_file(study_ + "/summary.csv"), all.at("summary.csv"));

  // A study of version 0.1.0, which had fewer settings, continues.
  const std::string plan = study_ + "/plan.json";
  std::string older = read_file(plan);
  for (const std::string setting : {"\"stop_on_divergence\":false,", "\"save_every\":60.0,"}) {
    ASSERT_TRUE(contains(older, setting));
    older.erase(older.find(setting), setting.size());
  }
  write_file_atomically(plan, older);
  EXPECT_EQ(run_program(study({"--seeds", "2", "--save-every", "5"})).code, 0);

  Words other = study();
  for (std::size_t i = 0; i + 1 < other.size(); ++i)
    if (other[i] == "--width") other[i + 1] = "16";
  expect_refused(other, 1, "contains a study with other settings");
}

TEST_F(HeadsStudy, WatchesHeadsAndRecovers) {
  const Words words = study({"--seeds", "2", "--watch-heads", "--watch-every", "3", "--recovery", "2"});
  const Result r = run_program(words);
  ASSERT_EQ(r.code, 0) << r.err;
  EXPECT_TRUE(contains(r.out, "similarity of matched heads"));
  EXPECT_EQ(read_file(study_ + "/onset.csv").substr(0, 35), "seed,failed,event,half,reached,last");
  EXPECT_EQ(read_file(study_ + "/onset_order.csv").substr(0, 12), "first,second");
  const std::string pruning = read_file(study_ + "/pruning.csv");
  for (const char* part : {"1,,greedy,0,,", "2,,random 20,2,,", "2,,\"greedy, then 2 steps of training\",1,L0H"})
    EXPECT_TRUE(contains(pruning, part)) << part << "\n" << pruning;
  EXPECT_TRUE(contains(read_file(study_ + "/report.html"), "greedy, then 2 steps of training"));
  const std::string file = study_ + "/seed-1.json";
  const Json json = parse_json(read_file(file), file);
  EXPECT_EQ(JsonView(json, file).at("study").at("replicates").at("loss").size(), 200);
  expect_refused(study({"--seeds", "2", "--recovery", "3"}), 1, "contains a study with other settings");
}

TEST_F(HeadsStudy, InterruptedItSaysHowToGoOn) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    Words words = study({"--seeds", "500"});
    Program program(words);
    for (int i = 0; i < 4000 && !program.ended() && program.err_so_far().find("  training") == std::string::npos; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    program.signal(signal);
    const Result r = program.wait();
    EXPECT_EQ(r.code, 130) << r.err;
    EXPECT_TRUE(contains(r.err, "Run the same command to continue")) << r.err;
  }
  EXPECT_EQ(run_program(study({"--seeds", "1"})).code, 0);
}

TEST_F(HeadsStudy, InterruptedWhileItMeasuresItStopsThere) {
  // Enough subspaces for a second of progress. The interrupted measurement is discarded.
  const Words words = study({"--seeds", "1", "--watch-heads"}) + Words{"--subspaces", "4000"};
  Words asked;
  for (std::size_t i = 0; i < words.size(); ++i)
    if (words[i] != "--subspaces" || words[i + 1] != "2") asked.push_back(words[i]);
    else ++i;
  Program program(asked);
  for (int i = 0; i < 4000 && !program.ended() && program.err_so_far().find("measuring") == std::string::npos; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  program.signal(SIGINT);
  const Result r = program.wait();
  EXPECT_EQ(r.code, 130) << r.err;
  EXPECT_EQ(r.out, "");
  EXPECT_TRUE(contains(r.err, "interrupted at seed 1; saved. Run the same command to continue")) << r.err;
  std::vector<std::string> top = list_directory(study_);
  std::sort(top.begin(), top.end());
  EXPECT_EQ(top, (std::vector<std::string>{"plan.json", "seed-1"})) << "nothing half-written";
  Files trained = files_of(study_ + "/seed-1");
  const Result again = run_program(asked);
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_TRUE(contains(again.out, "1 seed, none failed"));
  // The run is not trained again; only the time of its end is written again.
  Files now = files_of(study_ + "/seed-1");
  EXPECT_EQ(timeless(now.at("log.jsonl")), timeless(trained.at("log.jsonl")));
  EXPECT_TRUE(contains(now.at("log.jsonl"), "{\"step\":9,\"loss\":null,\"val_loss\":")) << "its last line is kept";
  for (Files* files : {&now, &trained})
    for (const char* log : {"log.jsonl", "log.csv"}) files->erase(log);
  EXPECT_TRUE(now == trained);
}

TEST_F(HeadsStudy, SaysHowFarItIsOnATerminal) {
  OnTerminal terminal(study({"--seeds", "1"}), 40, 24);
  EXPECT_EQ(terminal.wait(), 0) << terminal.seen;
  for (const char* part : {"seed 1  training\r\n\r  steps, 0 of 9\033[K", "seed 1  measuring its heads\r\n",
                           "\r  models whose attention is scored, 0 o\033[K", "\r\033[Kseed 1  loss"})
    EXPECT_TRUE(contains(terminal.seen, part)) << part << "\n" << terminal.seen;
  for (const char* flag : {"--plain", "--quiet"}) {
    OnTerminal still(study({"--seeds", "1", flag}), 80, 24);
    EXPECT_EQ(still.wait(), 0);
    EXPECT_EQ(still.seen.find('\033'), std::string::npos) << still.seen;
    EXPECT_EQ(contains(still.seen, "seed 1  loss"), flag == std::string("--plain")) << still.seen;
    EXPECT_TRUE(contains(still.seen, "specialization index"));
  }
}

TEST_F(HeadsStudy, SeedsThatFailAreCounted) {
  // On a text with known truth, a tiny model is still far above the entropy floor after nine steps.
  const Words words{"heads",       "study", "--corpus",  "roles", "--seeds",        "2",     "--out",       study_,
                    "--layers",    "1",     "--heads",   "2",     "--width",        "8",     "--batch",     "2",
                    "--steps",     "3",     "--windows", "8",     "--corpus-chars", "20000", "--untrained", "2",
                    "--subspaces", "2",     "--warmup",  "1",     "--eval-windows", "8"};
  const Result r = run_program(words);
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_TRUE(contains(r.out, "2 seeds, 2 failed"));
  EXPECT_TRUE(contains(r.out, "no report, because every seed failed"));
  EXPECT_TRUE(contains(r.err, "above the floor"));
}

TEST_F(HeadsStudy, ARateThatDivergesIsWarnedOf) {
  Words words = study({"--seeds", "1", "--lr", "10", "--min-lr", "10", "--clip", "0"});
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    if (words[i] == "--steps") words[i + 1] = "40";
  }
  const Result r = run_program(words);
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_TRUE(contains(r.err, "\nwarning: seed 1: the validation loss is ")) << r.err;
  EXPECT_TRUE(contains(r.err, "restart with --lr 0.01 instead of 10 and --clip 1")) << r.err;
  EXPECT_EQ(r.err.find("warning"), r.err.rfind("warning")) << "once";
  // A pruned run keeps a third of its learning rate.
  const std::string pruned = directory_ / "pruned";
  ASSERT_EQ(run_program({"heads", "prune", study_ + "/seed-1", "--keep", "1", "--steps", "40", "--out", pruned}).code,
            0);
  const Result recovered = run_program({"heads", "recover", pruned});
  EXPECT_TRUE(contains(recovered.err, "warning: the validation loss")) << recovered.err;
}

TEST_F(HeadsStudy, BadInput) {
  expect_refused({"heads", "study", "--corpus", "roles"}, 2, "--out DIR is missing");
  expect_refused({"heads", "study", "--corpus", "rolls", "--out", study_}, 2, "rolls");
  expect_refused({"heads", "study", "--corpus", "roles", "--out", study_, "--watch-every", "5"}, 2,
                 "needs --watch-heads");
  expect_refused({"heads", "study", "--data", "-", "--out", study_}, 2, "pass a file");
  expect_refused({"heads", "study", "--data", data_, "--data", directory_ / "none", "--out", study_}, 1, "none: ");
  EXPECT_FALSE(path_exists(study_)) << "the second of the texts is not there";
  const std::string shorter = directory_ / "short.txt";
  write_file_atomically(shorter, text_.substr(0, 100));
  expect_refused({"heads", "study", "--data", shorter, "--context", "8", "--out", study_}, 1, "one window of 8 tokens");
  EXPECT_FALSE(path_exists(study_)) << "refused before training";
  make_directories(study_);
  write_file_atomically(study_ + "/mine.txt", "mine");
  expect_refused(study(), 1, "is not empty and contains no study");
}

}  // namespace
}  // namespace headlight
