// Tests of headlight heads and its subcommands: output, files and errors.
#include <chrono>
#include <cmath>
#include <csignal>
#include <sstream>
#include <thread>

#include "cli/tiny_run.h"
#include "formats/json.h"
#include "headlight/data/vocabulary.h"
#include "heads/roles/head_windows.h"
#include "support/on_terminal.h"
#include "training/run_directory.h"

namespace headlight {
namespace {

class Heads : public TinyRun {
 protected:
  static void expect_plain(const std::string& text) {
    EXPECT_EQ(text.find('\x1b'), std::string::npos) << "an escape code";
    std::size_t columns = 0;
    bool path = false;  // lines that name a file may be longer
    for (const char c : text) {
      if (c == '\n') {
        EXPECT_TRUE(columns <= 80 || path) << "wider than 80 columns:\n" << text;
        columns = 0;
        path = false;
        continue;
      }
      columns += (c & 0xc0) != 0x80 ? 1 : 0;
      path = path || c == '/';
    }
  }
  // The text that remains on a terminal after the progress line is cleared.
  static std::string after_the_line(std::string seen) {
    const std::string ended = "\r\033[K";
    const std::size_t at = seen.rfind(ended);
    if (at == std::string::npos) return "the line is still there: \033" + seen;
    seen.erase(0, at + ended.size());
    std::erase(seen, '\r');
    return seen;
  }
  Words quick(const Words& words) const { return words + Words{"--windows", "8"}; }
  const Words few_ = {"--untrained", "2", "--subspaces", "2", "--windows", "16"};
};

TEST_F(Heads, TableAgreesWithItsJson) {
  const Result r = run_program(Words{"heads", finished(), "--json"} + few_);
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_EQ(r.err, "");
  const Json value = parse_json(r.out, "heads");
  const JsonView view(value, "heads");
  const auto heads = view.at("heads").elements();
  ASSERT_EQ(heads.size(), 2u);
  EXPECT_EQ(heads[1].at("head").as_string(), "L0H1");
  const Result table = run_program(Words{"heads", run_} + few_);
  EXPECT_EQ(table.code, 0);
  expect_plain(table.out);
  for (const JsonView& head : heads) {
    char increase[32];
    std::snprintf(increase, sizeof increase, "%.3f", head.at("rise").at("all").at("mean").as_double());
    EXPECT_TRUE(contains(table.out, head.at("head").as_string()));
    EXPECT_TRUE(contains(table.out, increase));
    EXPECT_TRUE(contains(table.out, head.at("verdict").as_string()));
  }
  for (const char* part : {"unlabelled heads", "specialization index", "double dissociations", "prunable fraction"})
    EXPECT_TRUE(contains(table.out, part));
  EXPECT_EQ(run_program(Words{"heads", run_, "--json"} + few_).out, r.out) << "the same every time";
}

TEST_F(Heads, ATerminalShowsWhatIsMeasured) {
  const std::string begun = "\rmeasuring: models whose attention is scored, 0 of 3\033[K";
  const std::vector<Words> commands = {Words{"heads", finished()} + few_,
                                       Words{"heads", "report", run_, "--out", directory_ / "page.html"} + few_};
  for (const Words& words : commands) {
    OnTerminal terminal(words, 80, 24);
    EXPECT_EQ(terminal.wait(), 0);
    EXPECT_EQ(terminal.seen.find(begun), 0u) << terminal.seen;
    const std::string found = after_the_line(terminal.seen);
    expect_plain(found);
    EXPECT_EQ(found, run_program(words).out);
    EXPECT_EQ(run_program(words).err, "") << "in a pipe";
    for (const Words& more : {Words{"--plain"}, Words{"--quiet"}}) {
      OnTerminal still(words + more, 80, 24);
      EXPECT_EQ(still.wait(), 0);
      EXPECT_EQ(still.seen.find('\033'), std::string::npos) << still.seen;
    }
    for (const char* variable : {"TERM=dumb", "NO_COLOR=1"}) {
      OnTerminal still(words, 80, 24, {variable});
      EXPECT_EQ(still.wait(), 0);
      EXPECT_EQ(still.seen.find('\033'), std::string::npos) << still.seen;
    }
  }
  for (const Words& how : {Words{"--curves"}, Words{"--keep", "1", "--out", directory_ / "pruned"}}) {
    OnTerminal terminal(Words{"heads", "prune", run_} + how, 80, 24);
    EXPECT_EQ(terminal.wait(), 0);
    EXPECT_EQ(terminal.seen.rfind("\rmeasuring: ", 0), 0u) << terminal.seen;
    expect_plain(after_the_line(terminal.seen));
  }
  EXPECT_EQ(run_program({"heads", "prune", run_, "--keep", "1", "--quiet", "--out", directory_ / "small"}).err, "");
}

TEST_F(Heads, OfARunWithOneHead) {
  const std::string one = directory_ / "one";
  Words words = train(one);
  for (std::size_t i = 0; i + 1 < words.size(); ++i)
    if (words[i] == "--heads") words[i + 1] = "1";
  ASSERT_EQ(run_program(words).code, 0);
  const Result r = run_program(Words{"heads", one} + few_);
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_TRUE(contains(r.out, "L0H0"));
  EXPECT_TRUE(contains(r.out, "specialization index  0.00"));
  expect_refused({"heads", "show", one, "L0H1", "the"}, 1, "L0H1: the model has no such head; use L0H0 (layer");
  EXPECT_EQ(run_program({"heads", "prune", one, "--keep", "0", "--out", directory_ / "none"}).code, 0);
  EXPECT_EQ(run_program({"sample", directory_ / "none", "--chars", "5"}).code, 0) << "without any head";
  expect_refused({"heads", "show", directory_ / "none", "L0H0", "the"}, 1, "the model has no heads");
  expect_refused({"heads", "show", directory_ / "none", "all", "the"}, 1, "all: the model has no heads");
  const Result none = run_program(Words{"heads", directory_ / "none"} + few_);
  EXPECT_EQ(none.code, 0) << none.err;
  EXPECT_EQ(run_program(Words{"heads", "report", directory_ / "none"} + few_).code, 0);
  EXPECT_EQ(run_program(Words{"heads", "prune", directory_ / "none", "--curves"}).code, 0);
  expect_refused({"heads", "ablate", directory_ / "none", "L0H0"}, 1, "L0H0: the model has no heads");
  EXPECT_EQ(run_program(Words{"heads", "report", one, "--recovery", "2"} + few_).code, 0);
}

TEST_F(Heads, ShowDrawsTheAttention) {
  const Result r = run_program({"heads", "show", finished(), "L0H1", "the box"});
  EXPECT_EQ(r.code, 0) << r.err;
  expect_plain(r.out);
  EXPECT_TRUE(contains(r.out, "\n      the␣box\n"));
  EXPECT_TRUE(contains(r.out, "\n  0 t █"));
  EXPECT_TRUE(contains(r.out, " t@0 1.00\n"));
  EXPECT_TRUE(contains(r.out, "\n  6 x "));
  const Json json = parse_json(run_program({"heads", "show", run_, "L0H1", "the box", "--json"}).out, "show");
  const auto rows = JsonView(json, "show").at("weights").elements();
  ASSERT_EQ(rows.size(), 7u);
  for (std::size_t t = 0; t < rows.size(); ++t) {
    double sum = 0;
    ASSERT_EQ(rows[t].size(), static_cast<Index>(t) + 1);
    for (const JsonView& weight : rows[t].elements()) sum += weight.as_double();
    EXPECT_NEAR(sum, 1, 1e-5);
  }
  EXPECT_TRUE(contains(run_program({"heads", "show", run_, "L0H1", "the box", "--color", "true"}).out, "\x1b[48;2;"));
  EXPECT_TRUE(contains(run_program({"heads", "show", run_, "L0H1", "the box", "--color", "256"}).out, "\x1b[48;5;"));
}

// Side by side, each head's map has the same colors as the head's own map.
TEST_F(Heads, ShowDrawsAllHeads) {
  // The colors of the cells of each row.
  const auto colors = [&](const std::string& heads) {
    const Result r = run_program({"heads", "show", finished(), heads, "the box", "--color", "true"});
    std::vector<std::vector<std::string>> rows;
    std::istringstream lines(r.out);
    for (std::string line; std::getline(lines, line);) {
      std::vector<std::string> row;
      for (std::size_t at = 0; (at = line.find("\x1b[48;2;", at)) != std::string::npos; ++at)
        row.push_back(line.substr(at, line.find('m', at) - at));
      if (!row.empty()) rows.push_back(row);
    }
    return rows;
  };
  const auto all = colors("all"), first = colors("L0H0"), second = colors("L0H1");
  ASSERT_EQ(all.size(), 7u);
  EXPECT_NE(first, second);
  for (std::size_t t = 0; t < 7; ++t) {
    std::vector<std::string> both = first.at(t);
    both.insert(both.end(), second.at(t).begin(), second.at(t).end());
    EXPECT_EQ(all[t], both) << t;
  }
  const Result r = run_program({"heads", "show", run_, "all", "the box"});
  EXPECT_EQ(r.code, 0) << r.err;
  expect_plain(r.out);
  EXPECT_TRUE(contains(r.out, "\n\n    L0H0     L0H1\n    the\u2423box  the\u2423box\n  t \u2588        \u2588\n"))
      << r.out;
  const Json json = parse_json(run_program({"heads", "show", run_, "all", "the box", "--json"}).out, "show");
  const Json alone = parse_json(run_program({"heads", "show", run_, "L0H1", "the box", "--json"}).out, "show");
  const JsonView map = JsonView(json, "show").at("heads").at(Index{1});
  EXPECT_EQ(map.at("head").as_string(), "L0H1");
  EXPECT_EQ(map.at("weights").json(), JsonView(alone, "show").at("weights").json());
}

TEST_F(Heads, AblateTellsWhatIsLost) {
  const Result r = run_program(quick({"heads", "ablate", finished(), "L0H0", "L0H1", "--chars", "20", "--seed", "3"}));
  EXPECT_EQ(r.code, 0) << r.err;
  expect_plain(r.out);
  for (const char* part : {"L0H0 L0H1, mean-ablated, on ", "  all  ", "  in word  ", "\nbefore:\n", "\nafter:\n"})
    EXPECT_TRUE(contains(r.out, part)) << part;
  const Json json = parse_json(
      run_program(quick({"heads", "ablate", run_, "L0H0", "--by", "zero", "--prompt", "the", "--json"})).out, "ablate");
  const JsonView view(json, "ablate");
  EXPECT_EQ(view.at("sample_before").as_string().substr(0, 3), "the");
  EXPECT_NE(view.at("sample_before").as_string(), view.at("sample_after").as_string());
  EXPECT_NE(view.at("slots").at(Index{0}).at("rise").as_double(), 0);
}

TEST_F(Heads, PruneRemovesAndRecoverTrainsOn) {
  const std::string small = directory_ / "small";
  const Result r = run_program(quick({"heads", "prune", finished(), "--keep", "1", "--out", small, "--steps", "6"}));
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_TRUE(contains(r.out, "(1 of 2 heads; left by layer: 1)"));
  const TrainedModel before = load_model(run_), after = load_model(small);
  EXPECT_LT(after.model->parameter_count(), before.model->parameter_count());
  EXPECT_LT(read_file(small + "/model.safetensors").size(), read_file(run_ + "/model.safetensors").size());
  EXPECT_EQ(run_program({"sample", small, "--chars", "5"}).code, 0);
  EXPECT_EQ(run_program({"eval", small}).code, 0);
  EXPECT_EQ(run_program(Words{"heads", small} + few_).code, 0);
  const Result recovered = run_program({"heads", "recover", small});
  EXPECT_EQ(recovered.code, 0) << recovered.err;
  EXPECT_TRUE(contains(recovered.out, " before, "));
  EXPECT_TRUE(contains(recovered.err, "step 6/6"));
  const std::string log = timeless(read_file(small + "/log.jsonl"));
  EXPECT_TRUE(contains(run_program({"heads", "recover", small}).err, "already"));
  EXPECT_EQ(timeless(read_file(small + "/log.jsonl")), log);
  EXPECT_EQ(run_program({"train", "--resume", "--out", small, "--steps", "8"}).code, 0);
  EXPECT_EQ(load_model(small, CheckpointChoice::kLast).step, 8);
}

TEST_F(Heads, CurvesHaveEveryOrder) {
  const Result r = run_program(quick({"heads", "prune", finished(), "--curves", "--json"}));
  EXPECT_EQ(r.code, 0) << r.err;
  const Json json = parse_json(r.out, "curves");
  const JsonView view(json, "curves");
  for (const char* order : {"greedy", "gradient", "single", "worst", "random", "rnd low", "rnd high"})
    EXPECT_EQ(view.at("loss").at(order).size(), 3) << order;
  expect_plain(run_program(quick({"heads", "prune", run_, "--curves"})).out);
}

TEST_F(Heads, RefuseBadInput) {
  const std::string small = directory_ / "small";
  expect_run_kept({"heads", "show", finished(), "L1H0", "the"}, 1,
                  "L1H0: the model has no such head; use L0H0 to L0H1");
  expect_run_kept({"heads", "show", finished(), "previous", "the"}, 1, "previous: the model has no such head");
  expect_run_kept({"heads", "show", finished(), "L0H0", ""}, 1, "text: is empty");
  expect_run_kept({"heads", "show", finished(), "L0H0", "the black box"}, 1, "the model has a context of 8");
  expect_run_kept({"heads", "show", finished(), "L0H0", "é"}, 1, "text: character 1 'é' is not in");
  expect_run_kept({"heads", "show", finished(), "L0H0", "the", "--color", "red"}, 2, "--color red: not one of");
  expect_run_kept({"heads", "show", finished(), "L0H0"}, 2,
                  "an argument is missing; usage: headlight heads show DIR HEAD|all TEXT");
  expect_run_kept({"heads", "ablate", finished(), "L0H7"}, 1, "L0H7: the model has no such head");
  expect_run_kept({"heads", "ablate", finished(), "L0H0", "--by", "men"}, 2, "--by men: not one of");
  expect_run_kept({"heads", "ablate", run_, "L0H0", "--by", "other", "--chars", "9"}, 2,
                  "--chars 9: --by other cannot generate samples, because it needs a second text; omit --chars");
  expect_run_kept({"heads", "ablate", finished()}, 2, "an argument is missing");
  expect_run_kept({"heads", "prune", finished()}, 2, "give --keep N or --loss X and --out DIR");
  expect_run_kept({"heads", "prune", finished(), "--keep", "1"}, 2, "--out: name the directory");
  expect_run_kept({"heads", "prune", finished(), "--keep", "1", "--loss", "1", "--out", small}, 2,
                  "cannot both be given");
  expect_run_kept({"heads", "prune", finished(), "--keep", "3", "--out", small}, 2, "--keep 3: the model has 2 heads");
  expect_run_kept({"heads", "prune", finished(), "--keep", "1", "--out", run_}, 1, "already contains a run");
  expect_run_kept({"heads", "prune", finished(), "--keep", "1", "--out", run_, "--force"}, 1, "is the run to prune");
  expect_run_kept({"heads", "recover", finished()}, 1, "no heads were pruned from this run");
  for (const char* command : {"show", "ablate", "prune", "recover"}) {
    expect_refused({"heads", command}, 2, "the directory of a run is missing");
    EXPECT_EQ(run_program({"heads", command, "--help"}).out, run_program({"help", "heads", command}).out);
    expect_plain(run_program({"heads", command, "--help"}).out);
  }
  EXPECT_FALSE(path_exists(small));
}

TEST_F(Heads, NeedTheirText) {
  const std::string shorter = directory_ / "short.txt", gone = directory_ / "gone.txt";
  write_file_atomically(shorter, text_.substr(0, 7));
  for (const char* command : {"", "ablate", "report"}) {
    Words words{"heads", command, finished()};
    if (words[1].empty()) words.erase(words.begin() + 1);
    if (command == std::string("ablate")) words.push_back("L0H0");
    expect_run_kept(words + Words{"--data", shorter}, 1, "the text has 7 tokens, fewer than the context of 8");
    expect_run_kept(words + Words{"--data", gone}, 1, "gone.txt");
    expect_run_kept(words + Words{"--corpus", "rolls"}, 2, "rolls");
  }
  // The mean over one window is the window itself, so every loss increase would be 0.
  write_file_atomically(shorter, text_.substr(0, 12));
  for (const Words& words :
       {Words{"heads", run_}, Words{"heads", "ablate", run_, "L0H0"}, Words{"heads", "report", run_}}) {
    expect_run_kept(words + Words{"--data", shorter}, 1, "one window of 8 tokens, and means over windows need two");
    expect_run_kept(words + Words{"--windows", "1"}, 2, "--windows 1: expected a whole number from 2");
  }
  expect_run_kept({"heads", "ablate", run_, "L0H0", "L0H1", "L0H0"}, 1, "L0H0: named twice");
  expect_run_kept({"heads", "report", finished(), "--recovery", "2", "--data", data_}, 2, "the run's own text");
  // The run's own text is missing, or has changed.
  remove_file(data_);
  expect_run_kept({"heads", run_}, 1, "tales.txt");
  write_file_atomically(data_, text_.substr(0, 2000));
  expect_run_kept({"heads", run_}, 1, "tales.txt");
  expect_run_kept({"heads", "prune", run_, "--keep", "1", "--out", directory_ / "small"}, 1, "tales.txt");
}

TEST_F(Heads, RecoverEndsInOrder) {
  const std::string small = directory_ / "small";
  ASSERT_EQ(run_program({"heads", "prune", finished(), "--keep", "1", "--out", small}).code, 0);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    Program program({"heads", "recover", small, "--steps", "100000000", "--threads", "1"});
    for (int i = 0; i < 2000 && !program.ended() && program.err_so_far().find("step ") == std::string::npos; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    program.signal(signal);
    const Result r = program.wait();
    EXPECT_EQ(r.code, 130) << r.err;
    EXPECT_TRUE(contains(r.err, "saved. Continue with:")) << r.err;
    EXPECT_TRUE(contains(r.err, "heads recover " + small + " --steps 100000000\n")) << r.err;
  }
  EXPECT_EQ(run_program({"heads", small, "--untrained", "2", "--subspaces", "0", "--windows", "8"}).code, 0);
}

TEST_F(Heads, PruneRefusesAlibi) {
  const std::string run = directory_ / "alibi";
  ASSERT_EQ(run_program(train(run, {"--position", "alibi"})).code, 0);
  const Result r = run_program({"heads", "prune", run, "--keep", "1", "--out", directory_ / "out"});
  EXPECT_EQ(r.code, 1);
  EXPECT_TRUE(contains(r.err, "prune: the slopes of ALiBi positions depend on the number of heads")) << r.err;
  EXPECT_FALSE(path_exists(directory_ / "out"));
}

}  // namespace
}  // namespace headlight
