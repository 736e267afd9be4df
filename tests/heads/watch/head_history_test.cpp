// heads.jsonl: exact lines, reading back, damaged files, and truncation when a run resumes.
#include "heads/watch/head_history.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "headlight/base/error.h"
#include "heads/report/head_report.h"
#include "os/file.h"
#include "support/expect_error.h"
#include "support/temporary_directory.h"

namespace headlight {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

HeadHistory two_heads() {
  HeadHistory h;
  h.roles = {"previous", "induction"};
  h.subsets = {"all", "key"};
  h.floor = {1.5, 0};
  h.heads = {{0, 0}, {1, 0}};
  h.windows = 16;
  h.length = 3;
  h.tokens = {"a", "\n", "é"};
  h.rules = {"key", "", "key"};
  return h;
}

HeadSnapshot snapshot(Index step) {
  HeadSnapshot s;
  s.step = step;
  s.training_loss = 2.25;
  s.validation_loss = step == 0 ? 3.5 : kNone;
  s.loss = {2.5, 0.125};
  s.kappa = {{0.75, -0.5}, {0, 1}};
  s.kappa_content = {{kNone, -0.25}, {kNone, 1}};
  s.evenness = {0.5, 1};
  s.attention = {{255, 0, 255, 1, 2, 252}, {255, 128, 127, 85, 85, 85}};
  return s;
}

class HeadHistoryTest : public testing::Test {
 protected:
  void write(const std::vector<Index>& steps, const std::string& end = "") {
    std::string text = header_line(two_heads()) + "\n";
    for (const Index step : steps) text += snapshot_line(two_heads(), snapshot(step)) + "\n";
    write_file_atomically(path_, text + end);
  }
  std::string refusal(const std::string& text) {
    write_file_atomically(path_, text);
    try {
      head_history(path_);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  }
  // The good file with one piece of text replaced.
  std::string refusal_with(const std::string& from, const std::string& to) {
    std::string text = header_line(two_heads()) + "\n" + snapshot_line(two_heads(), snapshot(0)) + "\n" +
                       snapshot_line(two_heads(), snapshot(4)) + "\n";
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return at == std::string::npos ? "" : refusal(text.replace(at, from.size(), to));
  }
  const TemporaryDirectory directory_;
  const std::string path_ = directory_ / "heads.jsonl";
};

TEST_F(HeadHistoryTest, WritesTheseLines) {
  EXPECT_EQ(header_line(two_heads()),
            R"({"format":"headlight heads 1","roles":["previous","induction"],"slots":["all","key"],"floor":[1.5,0.0],)"
            R"("heads":["L0H0","L1H0"],"windows":16,"length":3,"tokens":["a","\n","é"],"rules":["key",null,"key"]})");
  EXPECT_EQ(snapshot_line(two_heads(), snapshot(7)),
            R"({"step":7,"training_loss":2.25,"validation_loss":null,"loss":[2.5,0.125],)"
            R"("kappa":[[0.75,-0.5],[0.0,1.0]],"kappa_content":[[null,-0.25],[null,1.0]],"evenness":[0.5,1.0],)"
            R"("attention":{"L0H0":"/wD/AQL8","L1H0":"/4B/VVVV"}})");
}

TEST_F(HeadHistoryTest, ReadsWhatWasWritten) {
  write({0, 4});
  const HeadHistory h = head_history(path_), wanted = two_heads();
  EXPECT_EQ(header_line(h), header_line(wanted));
  EXPECT_EQ(h.rules, wanted.rules);
  ASSERT_EQ(h.snapshots.size(), 2u);
  EXPECT_EQ(snapshot_line(h, h.snapshots[0]), snapshot_line(wanted, snapshot(0)));
  EXPECT_EQ(snapshot_line(h, h.snapshots[1]), snapshot_line(wanted, snapshot(4)));
  EXPECT_EQ(h.snapshots[0].validation_loss, 3.5);
  EXPECT_TRUE(std::isnan(h.snapshots[1].validation_loss));
  EXPECT_TRUE(std::isnan(h.snapshots[1].kappa_content[0][0]));
  EXPECT_EQ(h.snapshots[1].kappa[0][1], -0.5);
  EXPECT_EQ(h.snapshots[1].attention[1][1], 128);
}

TEST_F(HeadHistoryTest, WhereTheTruthIsNotKnown) {
  HeadHistory h = two_heads();
  h.floor = {};
  h.rules = {};
  write_file_atomically(path_, header_line(h) + "\n");
  const HeadHistory read = head_history(path_);
  EXPECT_TRUE(read.floor.empty());
  EXPECT_TRUE(read.rules.empty());
  EXPECT_TRUE(read.snapshots.empty());
}

TEST_F(HeadHistoryTest, LeavesOutALineCutShort) {
  write({0, 4}, R"({"step":9,"training_l)");
  EXPECT_EQ(head_history(path_).snapshots.size(), 2u);
}

TEST_F(HeadHistoryTest, RefusesWhatItDoesNotWrite) {
  EXPECT_TRUE(contains(error_of([&] { head_history(directory_ / "none"); }), "none"));
  EXPECT_TRUE(contains(refusal(""), "has no complete line"));
  EXPECT_TRUE(contains(refusal("{}"), "has no complete line"));
  EXPECT_TRUE(contains(refusal("{}\n"), "line 1: \"format\" is missing"));
  EXPECT_TRUE(contains(refusal("{\n"), "line 1 is not JSON"));
  const std::pair<const char*, const char*> wrong[][2] = {
      {{"heads 1", "heads 2"}, {"the only supported format is", "line 1: format"}},
      {{"\"all\"", "\"some\""}, {"must begin with", "line 1: slots"}},
      {{"[1.5,0.0]", "[1.5]"}, {"has 1 element for 2 slots", "line 1: floor"}},
      {{"\"L1H0\"],", "\"L0H0\"],"}, {"repeats an earlier name", "line 1: heads[1]"}},
      {{"\"windows\":16", "\"windows\":0"}, {"outside 1", "line 1: windows"}},
      {{"\"length\":3", "\"length\":9000000000"}, {"outside 1 to 4096", "line 1: length"}},
      {{"[\"a\",", "["}, {"has 2 elements for 3 characters", "line 1: tokens"}},
      {{"[\"key\",null,", "["}, {"has 1 element for 3 characters", "line 1: rules"}},
      {{"\"step\":4", "\"step\":0"}, {"must be larger than the previous step", "line 3: step"}},
      {{"\"step\":0", "\"step\":-1"}, {"outside 0", "line 2: step"}},
      {{"2.25", "null"}, {"expected a number", "line 2: training_loss"}},
      {{"[2.5,0.125]", "[2.5]"}, {"has 1 element for 2 slots", "line 2: loss"}},
      {{"[[0.75,-0.5],", "[7,"}, {"expected an array", "line 2: kappa[0]"}},
      {{"[0.75,-0.5]", "[0.75]"}, {"has 1 element for 2 roles", "line 2: kappa[0]"}},
      {{"[0.75,-0.5]", "[0.75,null]"}, {"expected a number", "line 2: kappa[0][1]"}},
      {{"[null,-0.25]", "[null,true]"}, {"expected a number", "line 2: kappa_content[0][1]"}},
      {{"[0.5,1.0]", "[0.5]"}, {"has 1 element for 2 heads", "line 2: evenness"}},
      {{"/wD/AQL8", "/wD/AQL"}, {"is not base64", "line 2: attention.L0H0"}},
      {{"/wD/AQL8", "/wD/AQ=="}, {"has 4 bytes, but 3 characters need 6", "line 2: attention.L0H0"}},
      {{"\"L1H0\":", "\"L1H1\":"}, {"is missing", "line 2: attention"}},
  };
  for (const auto& [change, said] : wrong) {
    SCOPED_TRACE(change.second);
    const std::string line = refusal_with(change.first, change.second);
    EXPECT_TRUE(contains(line, said.first)) << line;
    EXPECT_TRUE(contains(line, said.second)) << line;
  }
}

TEST_F(HeadHistoryTest, IsCutWhereARunGoesOn) {
  EXPECT_FALSE(truncate_head_history(path_, two_heads(), 4)) << "no file";
  write({0, 2, 4, 6}, R"({"step":9,"training_l)");
  EXPECT_TRUE(truncate_head_history(path_, two_heads(), 4));
  const HeadHistory h = head_history(path_);
  ASSERT_EQ(h.snapshots.size(), 2u);
  EXPECT_EQ(h.snapshots[1].step, 2);
  EXPECT_TRUE(truncate_head_history(path_, two_heads(), 0));
  EXPECT_EQ(read_file(path_), header_line(two_heads()) + "\n");
  write_file_atomically(path_, "{\"for");
  EXPECT_FALSE(truncate_head_history(path_, two_heads(), 0)) << "half a line";
  EXPECT_EQ(read_file(path_), "");
}

TEST_F(HeadHistoryTest, OfOtherHeadsIsNotCut) {
  write({0, 2});
  HeadHistory other = two_heads();
  other.heads[1] = {1, 1};
  const std::string before = read_file(path_);
  EXPECT_TRUE(contains(error_of([&] { truncate_head_history(path_, other, 0); }),
                       "heads.jsonl: its heads, roles or text differ"));
  EXPECT_EQ(read_file(path_), before);
}

TEST(Base64, GoesThereAndBack) {
  std::vector<std::uint8_t> bytes;
  for (int n = 0; n < 300; ++n) {
    EXPECT_EQ(base64_bytes(base64(bytes), "text"), bytes);
    bytes.push_back(static_cast<std::uint8_t>(37 * n));
  }
  for (const char* wrong : {"A", "AA", "AAA", "====", "A===", "AA=A", "AB==", "AAB=", "AA==AAAA", "AA A", "AAA\n"})
    EXPECT_TRUE(contains(error_of([&] { base64_bytes(wrong, "text"); }), "text: is not base64"));
}

}  // namespace
}  // namespace headlight
