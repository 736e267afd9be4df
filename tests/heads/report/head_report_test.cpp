// The report: the contents of its data, and escaping of text that could end the JSON block or become markup.
#include "heads/report/head_report.h"

#include "heads/report/heads_picture.h"

#include <cmath>

#include "heads/seeds/seed_summary.h"
#include "heads/tiny_model.h"
#include "support/expect_error.h"

namespace headlight {
namespace {

TEST(ReportPage, NoTextLeavesItsBlock) {
  const std::string evil = "</script><script>alert(1)</script><!--{{style.css}}&amp;\u2028";
  Json data = Json::object();
  data.set("verdict", evil);
  const std::string page = report_page(data);
  const std::string open = "<script type=\"application/json\" id=\"data\">";
  const std::size_t begin = page.find(open) + open.size(), end = page.find("</script>", begin);
  ASSERT_LT(begin, page.size());
  const std::string block = page.substr(begin, end - begin);
  EXPECT_EQ(block.find_first_of("<>&"), std::string::npos) << block;
  EXPECT_EQ(parse_json(block, "block"), data) << "and it reads back as it was";
  EXPECT_EQ(page.find("alert(1)</script>"), std::string::npos);
}

TEST(ReportPage, NeedsNothingElse) {
  const std::string page = report_page(Json::object());
  for (const char* part : {"src=", "@import", "url(", "fetch(", "XMLHttpRequest", "{{", "<link"})
    EXPECT_EQ(page.find(part), std::string::npos) << part;
  EXPECT_NE(page.find("default-src 'none'"), std::string::npos);
  // The only address is the XML namespace of SVG, which is never loaded.
  for (std::size_t at = 0; (at = page.find("://", at)) != std::string::npos; ++at)
    EXPECT_EQ(page.substr(at - 4, 26), "http://www.w3.org/2000/svg");
}

TEST(ReportPage, RefusesWhatIsTooLarge) {
  EXPECT_TRUE(contains(error_of([] { report_page(Json(std::string(kReportBytes, 'a'))); }),
                       "use a model with fewer heads or a shorter context"));
}

TEST(ReportPage, Base64) {
  EXPECT_EQ(base64({}), "");
  EXPECT_EQ(base64({'f'}), "Zg==");
  EXPECT_EQ(base64({'f', 'o'}), "Zm8=");
  EXPECT_EQ(base64({'f', 'o', 'o'}), "Zm9v");
  EXPECT_EQ(base64({0xff, 0xfe, 0xfd, 0xfc}), "//79/A==");
}

class ReportData : public TinyModel {
 protected:
  static std::vector<std::uint8_t> decoded(const std::string& text) { return base64_bytes(text, "text"); }
};

// ---- the history of training ----------------------------------------------------------------------------------------

// Snapshots at steps 0, 10, 20, ... with numbers that identify each snapshot.
HeadHistory history_of(std::size_t snapshots, std::size_t heads, Index length, std::size_t roles = 2) {
  HeadHistory h;
  for (std::size_t r = 0; r < roles; ++r) h.roles.push_back(cat("role ", r));
  h.subsets = {"all", "rule"};
  h.floor = {0.5, 0.25};
  for (std::size_t a = 0; a < heads; ++a) h.heads.push_back({0, static_cast<Index>(a)});
  h.windows = 16;
  h.length = length;
  for (Index t = 0; t < length; ++t) h.tokens.emplace_back(1, static_cast<char>('a' + t % 26));
  for (std::size_t i = 0; i < snapshots; ++i) {
    HeadSnapshot s;
    s.step = static_cast<Index>(10 * i);
    s.training_loss = 3;
    s.validation_loss = i % 2 == 0 ? 2.0 : std::nan("");
    s.loss = {1.0 + static_cast<double>(i), 0.12345};
    s.kappa.assign(heads, std::vector<double>(roles, 0.9876));
    s.kappa[0][1] = -0.0001;
    s.kappa_content.assign(heads, std::vector<double>(roles, std::nan("")));
    s.evenness.assign(heads, 0.5);
    for (std::size_t a = 0; a < heads; ++a) {
      std::vector<std::uint8_t>& bytes = s.attention.emplace_back();
      for (Index p = 0; p < length * (length + 1) / 2; ++p)
        bytes.push_back(static_cast<std::uint8_t>(i * 31 + a * 7 + static_cast<std::size_t>(p)));
    }
    h.snapshots.push_back(std::move(s));
  }
  return h;
}

TEST(ReportHistory, HoldsAllOfAShortOne) {
  const HeadHistory h = history_of(3, 2, 5);
  Json report = Json::object();
  set_history(report, h);
  const JsonView view = JsonView(report, "report").at("history");
  EXPECT_EQ(view.at("snapshots").as_index(), 3);
  EXPECT_EQ(json_text(view.at("steps").json()), "[0,10,20]");
  EXPECT_EQ(json_text(view.at("validation_loss").json()), "[2.0,null,2.0]");
  EXPECT_EQ(json_text(view.at("loss").json()), "[[1.0,0.123],[2.0,0.123],[3.0,0.123]]");
  EXPECT_EQ(json_text(view.at("kappa").at(Index{0}).json()), "[[0.988,0.0],[0.988,0.988]]");
  EXPECT_EQ(json_text(view.at("kappa_content").at(Index{0}).json()), "[[null,null],[null,null]]");
  EXPECT_EQ(json_text(view.at("floor").json()), "[0.5,0.25]");
  EXPECT_TRUE(view.at("rules").json().is_null());
  EXPECT_EQ(view.at("tokens").size(), 5);
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_EQ(base64_bytes(view.at("attention").at(static_cast<Index>(i)).at("L0H1").as_string(), "it"),
              h.snapshots[i].attention[1]);
}

TEST(ReportHistory, WithoutSnapshotsThereIsNone) {
  Json report = Json::object();
  set_history(report, history_of(0, 2, 5));
  EXPECT_EQ(report.find("history"), nullptr);
}

// With many heads, the text is shortened to its first rows, so that every snapshot keeps its attention.
TEST(ReportHistory, TextIsCutToFit) {
  const HeadHistory h = history_of(24, 32, 64);
  Json report = Json::object();
  set_history(report, h);
  EXPECT_LT(report_page(report).size(), kReportBytes);
  const JsonView view = JsonView(report, "report").at("history");
  const Index length = view.at("length").as_index();
  EXPECT_LT(length, 64);
  EXPECT_GT(length, 32);
  EXPECT_EQ(view.at("tokens").size(), length);
  for (Index i = 0; i < 24; ++i) {
    const std::vector<std::uint8_t> bytes =
        base64_bytes(view.at("attention").at(i).at("L0H31").as_string(), "attention");
    const std::vector<std::uint8_t>& all = h.snapshots[static_cast<std::size_t>(i)].attention[31];
    ASSERT_EQ(static_cast<Index>(bytes.size()), length * (length + 1) / 2);
    EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), all.begin()));
  }
}

// Many snapshots and many roles: the page stays within the limit, the first and the last snapshot are kept, and every
// kept snapshot has its losses and scores.
TEST(ReportHistory, SnapshotsAreThinnedToFit) {
  const HeadHistory h = history_of(3000, 8, 24, 20);
  for (const std::size_t most : {kReportBytes, std::size_t{500'000}, std::size_t{200'000}, std::size_t{1}}) {
    Json report = Json::object();
    set_history(report, h, most);
    const JsonView view = JsonView(report, "report").at("history");
    const Index kept = view.at("steps").size();
    if (most > 1) {
      EXPECT_LT(json_text(report).size() + 150'000, most);
    }
    EXPECT_GE(kept, 2);
    EXPECT_LT(kept, 3000);
    EXPECT_EQ(view.at("snapshots").as_index(), 3000);
    EXPECT_EQ(view.at("steps").at(Index{0}).as_index(), 0);
    EXPECT_EQ(view.at("steps").at(kept - 1).as_index(), 29990);
    for (const char* key : {"loss", "kappa", "kappa_content", "training_loss", "validation_loss", "attention"})
      EXPECT_EQ(view.at(key).size(), kept) << key;
    if (most == kReportBytes) {
      EXPECT_TRUE(view.at("attention").at(kept - 1).json().is_object()) << "the last snapshot has attention";
      EXPECT_GT(kept, 100);
    }
  }
}

// The rest of the page reduces the space for the history.
TEST(ReportHistory, LeavesRoomForTheRest) {
  Json report = Json::object();
  report.set("study", std::string(2'500'000, 'x'));
  set_history(report, history_of(100, 16, 64));
  EXPECT_LT(report_page(report).size(), kReportBytes);
  EXPECT_EQ(report.find("history")->find("steps")->if_array()->size(), 100u);
}

TEST_F(ReportData, HoldsTheAttentionAndTheMasks) {
  RunData data;
  data.source = "a\xff.txt";  // a name that is not valid UTF-8
  data.vocabulary = vocabulary_;
  data.validation = text_;
  const HeadStudy study = study_heads(
      *model_, data, {.windows = 8, .untrained = 2, .untrained_ablated = 1, .subspaces = 2, .random_orders = 2});
  const Json json = report_data(*model_, data, study, {.texts = 2, .characters = 12, .random_orders = 3});
  const JsonView report(json, "report");
  EXPECT_EQ(report.at("study").at("text").as_string(), "a\ufffd.txt");
  EXPECT_GE(report.at("verdict").size(), 5);
  ASSERT_EQ(report.at("texts").size(), 2);
  const JsonView text = report.at("texts").at(Index{0});
  ASSERT_EQ(text.at("tokens").size(), 12);
  EXPECT_EQ(text.at("tokens").at(Index{1}).as_string(), "h") << "the text begins \"the cat\"";
  EXPECT_EQ(text.at("attention").size(), 6);
  for (const auto& [head, rows] : text.at("attention").members()) {
    const std::vector<std::uint8_t> bytes = decoded(rows.as_string());
    ASSERT_EQ(bytes.size(), 12u * 13 / 2) << head;
    for (std::size_t t = 0, place = 0; t < 12; ++t) {
      int sum = 0;
      for (std::size_t j = 0; j <= t; ++j) sum += bytes[place++];
      EXPECT_NEAR(sum, 255, static_cast<double>(t + 1) / 2) << head << ": row " << t << " is a distribution";
    }
  }
  const std::vector<std::uint8_t> bits = decoded(text.at("masks").at("previous").as_string());
  for (std::size_t t = 0, place = 0; t < 12; ++t)
    for (std::size_t j = 0; j <= t; ++j, ++place)
      EXPECT_EQ((bits[place / 8] >> (7 - place % 8) & 1) == 1, j + 1 == t) << t << " " << j;
  const JsonView pruning = report.at("pruning");
  EXPECT_EQ(pruning.at("random").size(), 3);
  for (const JsonView& order : pruning.at("orders").elements()) {
    ASSERT_EQ(order.at("losses").size(), 7);
    EXPECT_EQ(order.at("losses").at(Index{0}).as_double(),
              pruning.at("orders").at(Index{0}).at("losses").at(Index{0}).as_double());
    EXPECT_EQ(order.at("removed").size(), 6);
  }
  EXPECT_EQ(report.at("redundancy").size(), 6);
  EXPECT_LT(report_page(json).size(), kReportBytes);
}

// Two heads, three sources: L0H0 loses "near" and L0H1 loses "far"; "self" needs no attention.
ExpertStudy two_sources() {
  const auto around = [](double k) { return Interval{k, k - 0.05, k + 0.05}; };
  ExpertStudy study;
  study.symbols = "<ab";
  study.heads = {{0, 0}, {0, 1}};
  for (const char* name : {"self", "near", "far"}) {
    Expert& expert = study.experts.emplace_back();
    expert.name = name;
    expert.reads = cat("the ", name, " symbol");
    expert.needs_attention = expert.name != "self";
  }
  study.retention.whole = {around(1), around(0.75), around(0.5)};
  study.retention.parts = {{around(1), around(0.25), around(0.5)}, {around(1), around(0.75), around(0.125)}};
  study.retention.none = {around(1), around(0), around(0)};
  study.attention.assign(2, std::vector<RoleScore>(3));
  study.attention[0][1].attention = study.attention[1][2].attention = 0.875;
  LearnedTables tables;
  tables.learned = {{1, -1, 2, -2, 3, -3}, {0, 0, 4, -4, 0, 0}};
  tables.truth = {{0, 0, 0, 0, 0, 0}, {5, -5, 6, -6, 7, -7}, {0, 0, 8, -8, 9, -9}};
  tables.rows = {{0, 1, 2}, {1, 2}, {1, 2}};
  tables.match.assign(2, std::vector<TableMatch>(3));
  tables.match[0][1] = {.correlation = 0.5, .null_95 = 0.25, .p = 0.125};
  study.tables = tables;
  study.patching = {.whole = Estimates(3), .heads = {Estimates(3), Estimates(3)}, .swaps = {0, 8, 8}};
  study.index = 1;
  study.index_subspaces = {0.25, 0.5};
  study.index_untrained = {0.25};
  study.subspaces.assign(2, study.retention);
  study.subspaces[1].parts[1][2].mean = 0.375;
  study.untrained.resize(1);
  study.untrained[0].parts = {Estimates(3), Estimates(3)};
  return study;
}

TEST_F(ReportData, HoldsTheSourcesOfATextWithExperts) {
  RunData data;
  data.vocabulary = vocabulary_;
  data.validation = text_;
  HeadStudy study = study_heads(
      *model_, data, {.windows = 8, .untrained = 2, .untrained_ablated = 1, .subspaces = 2, .random_orders = 2});
  EXPECT_EQ(report_data(*model_, data, study).find("study")->find("experts"), nullptr);
  study.experts = two_sources();
  const Json json = report_data(*model_, data, study);
  const JsonView all = JsonView(json, "report").at("study").at("experts");
  const JsonView first = all.at("heads").at(Index{0}), second = all.at("heads").at(Index{1});
  EXPECT_EQ(first.at("main_source").as_string(), "near");
  EXPECT_EQ(second.at("main_source").as_string(), "far");
  EXPECT_EQ(json_text(first.at("loses").json()), "[\"near\"]");
  EXPECT_EQ(json_text(second.at("loses").json()), "[\"far\"]");
  EXPECT_EQ(json_text(second.at("retention").at("far").json()), R"({"value":0.125,"low":0.075,"high":0.175})");
  EXPECT_EQ(json_text(first.at("table").json()), "[[1.0,-1.0],[2.0,-2.0],[3.0,-3.0]]");
  EXPECT_EQ(json_text(first.at("table_match").at("near").json()), R"({"correlation":0.5,"null_95":0.25,"p":0.125})");
  EXPECT_EQ(json_text(all.at("experts").at(Index{2}).at("table").json()), "[[0.0,0.0],[8.0,-8.0],[9.0,-9.0]]");
  EXPECT_EQ(json_text(all.at("experts").at(Index{1}).at("rows_compared").json()), "[1,2]");
  EXPECT_EQ(json_text(all.at("retention_random_subspaces").at(Index{1}).json()), "[[1.0,0.25,0.5],[1.0,0.75,0.375]]");
  EXPECT_EQ(json_text(all.at("retention_whole").at("near").at("value").json()), "0.75");
  EXPECT_EQ(all.at("experts_with_one_head").as_index(), 2);
}

// The picture shows the attention of each head on the text, and the matrix.
TEST_F(ReportData, PictureShowsAttentionAndMatrix) {
  RunData data;
  data.vocabulary = vocabulary_;
  data.validation = text_;
  HeadStudy study = study_heads(
      *model_, data, {.windows = 8, .untrained = 2, .untrained_ablated = 1, .subspaces = 2, .random_orders = 2});
  const auto count = [](const std::string& text, const std::string& part) {
    std::size_t found = 0;
    for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++found;
    return found;
  };
  const std::string by_subset = heads_picture(*model_, data, study);
  EXPECT_TRUE(by_subset.starts_with("<svg ") && by_subset.ends_with("</svg>\n"));
  EXPECT_TRUE(contains(by_subset, "Loss increase in nats when a head is ablated"));
  study.experts = two_sources();
  study.heads.resize(2);  // those of two_sources()
  const std::string by_source = heads_picture(*model_, data, study);
  EXPECT_TRUE(contains(by_source, ">L0H0: near<") && contains(by_source, ">L0H1: far<")) << by_source;
  // The retention of `far` without L0H1, in white on a dark cell.
  EXPECT_TRUE(contains(by_source, "fill=\"#ffffff\">0.12<")) << by_source;
  // Query 0 of every head gives all its attention to key 0, for any weights of the model.
  EXPECT_GE(count(by_source, "fill-opacity=\"1.00\""), 2u);
  EXPECT_EQ(count(by_source, "<path class=\"frame\""), 2u);
}

// All predictions of such a text have one rule, so the verdict compares sources instead of rules.
TEST_F(ReportData, VerdictOnSources) {
  HeadStudy study;
  study.roles.resize(1);
  study.subsets = {{"all", {}}};
  study.heads.resize(2);
  for (HeadFinding& f : study.heads) f.mean.resize(1), f.verdict = "causal";
  study.experts = two_sources();
  std::string all;
  for (const std::string& sentence : report_verdict(study)) all += sentence + "\n";
  EXPECT_TRUE(contains(all, "L0H1 attends to the far symbol (attention 0.88); ablating it removes 75% of that source"));
  EXPECT_TRUE(contains(all, "Sources that the model loses with exactly one head: 2 of 2.\n"));
  EXPECT_TRUE(
      contains(all,
               "How sure: specialization index over sources 1.00; random subspaces 0.25 to 0.50 (heads above all "
               "of them); untrained models 0.25 to 0.25 (heads above all of them).\n"))
      << all;
  EXPECT_FALSE(contains(all, "issociation"));
}

TEST_F(ReportData, VerdictSaysWhatTheNullsSay) {
  HeadStudy study;
  study.roles.resize(1);
  study.roles[0].name = "previous";
  study.subsets = {{"all", {}}, {"rule", {}}, {"other", {}}};
  study.heads.resize(2);
  for (HeadFinding& f : study.heads) f.mean.resize(3), f.verdict = "unlabelled", f.label.reason = "kappa";
  study.heads[1].id = {0, 1};
  study.heads[1].mean[1] = {.mean = 0.5, .low = 0.4, .high = 0.6, .predictions = 9};
  study.heads[1].mean[2] = {.mean = 0.25, .low = 0.1, .high = 0.4, .predictions = 9};
  study.specialization = 0.3;
  study.specialization_subspaces = {0.1, 0.4};
  study.specialization_untrained = {0.0, 0.2};
  std::string all;
  for (const std::string& sentence : report_verdict(study)) all += sentence + "\n";
  EXPECT_TRUE(contains(all, "of 2 heads, 1 matters"));
  EXPECT_TRUE(contains(all, "L0H1 for rule (0.50) and other (0.25).\n"));
  EXPECT_TRUE(contains(all, "random subspaces 0.10 to 0.40 (heads not above all of them"));
  EXPECT_TRUE(contains(all, "untrained models 0.00 to 0.20 (heads above all of them)"));
  EXPECT_TRUE(contains(all, "2 of 2 heads have no label: 2 attend to no known role"));
  EXPECT_TRUE(contains(all, "in random orders not measured.\n"));
  study.heads[0].label.reason = "halves";
  study.prunable_random = {0.25, 0.5};
  EXPECT_TRUE(contains(report_verdict(study).end()[-3], "in random orders 25 to 50%."));
  EXPECT_TRUE(contains(report_verdict(study).end()[-2],
                       "1 differs between the halves of the text and 1 attends to no known role"));
}

}  // namespace
}  // namespace headlight
