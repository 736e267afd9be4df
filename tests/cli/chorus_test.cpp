// Tests of the corpus chorus on the command line: its trace, and the experts in the output of heads.
#include <cmath>
#include <sstream>

#include "corpora/chorus.h"
#include "formats/json.h"
#include "os/file.h"
#include "support/program.h"
#include "support/temporary_directory.h"

namespace headlight {
namespace {

std::size_t widest_line(const std::string& text) {
  std::size_t widest = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) widest = std::max(widest, line.size());
  return widest;
}

TEST(ChorusTrace, ShowsWhatEachExpertAdds) {
  const Result r = run_program({"corpus", "chorus", "--trace", "--rules", "--seed", "4"});
  ASSERT_EQ(r.code, 0) << r.err;
  EXPECT_LE(widest_line(r.out), 80u);
  EXPECT_TRUE(contains(r.err, "\nback-3          depends on the symbol three back")) << r.err;
  const TracedText text = draw_chorus({}, 1, 4);
  std::istringstream lines(r.out);
  std::string line;
  std::getline(lines, line);
  EXPECT_TRUE(contains(line, "back-1    back-3     topic     digit"));
  for (std::size_t i = 0; i < 64; ++i) {
    std::getline(lines, line);
    std::istringstream words(line);
    std::string place, symbol, chance, nats, cell;
    words >> place >> symbol >> chance >> nats;
    EXPECT_EQ(place, std::to_string(i + 1));
    EXPECT_EQ(symbol, text.text.substr(i, 1));
    EXPECT_NEAR(std::stod(nats), -text.log_probability[i], 0.0006);
    // Each cell shows the evidence and the entry of the table, minus the mean of its row.
    for (const Expert& expert : text.experts) {
      words >> cell;
      if (expert.evidence[i] == 0) {
        EXPECT_EQ(cell, "-");
        continue;
      }
      const char evidence = text.text[i - static_cast<std::size_t>(expert.evidence[i])];
      EXPECT_EQ(cell[0], evidence);
      const std::size_t row = text.expert_symbols.find(evidence) * 17;
      double mean = 0;
      for (std::size_t c = 1; c < 17; ++c) mean += expert.table[row + c] / 16;
      EXPECT_NEAR(std::stod(cell.substr(1)), expert.table[row + text.expert_symbols.find(text.text[i])] - mean, 0.0051);
    }
  }
}

TEST(ChorusHeads, PrintsTheMatrixOfItsJson) {
  const TemporaryDirectory directory;
  const std::string run = directory / "chorus";
  const Result trained = run_program({"train", "--preset", "chorus", "--width", "16", "--heads", "2", "--steps", "30",
                                      "--batch", "4", "--corpus-chars", "8000", "--quiet", "--out", run});
  ASSERT_EQ(trained.code, 0) << trained.err;
  const std::vector<std::string> few = {"--windows", "8", "--untrained", "2", "--subspaces", "2"};
  std::vector<std::string> words = {"heads", run};
  words.insert(words.end(), few.begin(), few.end());
  const Result table = run_program(words);
  ASSERT_EQ(table.code, 0) << table.err;
  words.push_back("--svg");
  words.push_back(directory / "heads.svg");
  words.push_back("--json");
  const Json value = parse_json(run_program(words).out, "heads");
  const JsonView experts = JsonView(value, "heads").at("experts");
  EXPECT_EQ(experts.at("experts").elements().size(), 5u);
  for (const JsonView& head : experts.at("heads").elements()) {
    char k[32];
    std::snprintf(k, sizeof k, "%.2f", head.at("retention").at("topic").at("value").as_double());
    const std::size_t at =
        table.out.find("\n" + head.at("head").as_string() + " ", table.out.find("share of each source"));
    ASSERT_NE(at, std::string::npos) << table.out;
    EXPECT_TRUE(contains(table.out.substr(at + 1, 80), k)) << table.out.substr(at, 80) << k;
    EXPECT_TRUE(head.at("table").elements().size() == 17u);
    EXPECT_FALSE(head.at("sentence").as_string().empty());
  }
  EXPECT_TRUE(contains(table.out, "sources with one head  "));
  EXPECT_TRUE(contains(read_file(directory / "heads.svg"), "Share of each source"));
  EXPECT_LE(widest_line(table.out), 81u);
}

}  // namespace
}  // namespace headlight
