// heads study: several seeds, taken up again where it stopped.
#include <chrono>
#include <csignal>
#include <thread>

#include "cli/tiny_run.h"
#include "headlight/io/json.h"
#include "headlight/run/run_directory.h"

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
  EXPECT_TRUE(contains(first.out, "which\nproves nothing") || contains(first.out, "which proves nothing")) << first.out;
  const std::string kept = read_file(study_ + "/seed-1.json");
  const Result r = run_program(study({"--seeds", "2"}));
  ASSERT_EQ(r.code, 0) << r.err;
  EXPECT_TRUE(contains(r.out, "2 seeds, none failed"));
  EXPECT_EQ(read_file(study_ + "/seed-1.json"), kept);
  for (const char* name : {"study.json", "seeds.csv", "summary.csv", "comparisons.csv", "rules.csv", "labels.csv",
                           "heads.csv", "effects.csv", "carriers.csv", "stability.csv", "pruning.csv"})
    EXPECT_FALSE(read_file(study_ + "/" + name).empty()) << name;
  EXPECT_TRUE(contains(read_file(study_ + "/report.html"), "\"seeds\":{\"text\":\"2 seeds"));
  const Files all = files_of(study_);

  // As if it had been interrupted: before the second seed was measured, and before it had been trained.
  remove_file(study_ + "/seed-2.json");
  EXPECT_EQ(run_program(study({"--seeds", "2"})).code, 0);
  EXPECT_TRUE(files_of(study_) == all) << "it ends in the same bytes";
  remove_file(study_ + "/seed-2.json");
  RunDirectory(study_ + "/seed-2").clear();
  EXPECT_EQ(run_program(study({"--seeds", "2"})).code, 0);
  EXPECT_EQ(read_file(study_ + "/summary.csv"), all.at("summary.csv"));

  Words other = study();
  for (std::size_t i = 0; i + 1 < other.size(); ++i)
    if (other[i] == "--width") other[i + 1] = "16";
  expect_refused(other, 1, "holds a study with other settings");
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
  expect_refused(study({"--seeds", "2", "--recovery", "3"}), 1, "holds a study with other settings");
}

TEST_F(HeadsStudy, InterruptedItSaysHowToGoOn) {
  for (const int signal : {SIGINT, SIGTERM}) {
    Words words = study({"--seeds", "500"});
    Program program(words);
    for (int i = 0; i < 4000 && !program.ended() && program.err_so_far().find("  training") == std::string::npos; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    program.signal(signal);
    const Result r = program.wait();
    EXPECT_EQ(r.code, 130) << r.err;
    EXPECT_TRUE(contains(r.err, "the same command goes on from here") || contains(r.err, "The same command")) << r.err;
  }
  EXPECT_EQ(run_program(study({"--seeds", "1"})).code, 0);
}

TEST_F(HeadsStudy, SeedsThatFailAreCounted) {
  // On a text whose truth is known, nine steps of a tiny model are far from the lowest possible loss.
  const Words words{"heads",       "study", "--corpus",  "roles", "--seeds",        "2",     "--out",       study_,
                    "--layers",    "1",     "--heads",   "2",     "--width",        "8",     "--batch",     "2",
                    "--steps",     "3",     "--windows", "8",     "--corpus-chars", "20000", "--untrained", "2",
                    "--subspaces", "2",     "--warmup",  "1",     "--eval-windows", "8"};
  const Result r = run_program(words);
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_TRUE(contains(r.out, "2 seeds, 2 failed"));
  EXPECT_TRUE(contains(r.out, "no report, as every seed failed"));
  EXPECT_TRUE(contains(r.err, "above the lowest possible"));
}

TEST_F(HeadsStudy, BadInput) {
  expect_refused({"heads", "study", "--corpus", "roles"}, 2, "--out DIR is missing");
  expect_refused({"heads", "study", "--corpus", "rolls", "--out", study_}, 2, "rolls");
  make_directories(study_);
  write_file_atomically(study_ + "/mine.txt", "mine");
  expect_refused(study(), 1, "is not empty and holds no study");
}

}  // namespace
}  // namespace headlight
