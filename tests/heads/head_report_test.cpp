// The report: what stands in its data, and that nothing in the data can break out of it.
#include "headlight/heads/head_report.h"

#include "headlight/heads/seed_study.h"
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
}

TEST(ReportPage, RefusesWhatIsTooLarge) {
  EXPECT_TRUE(
      contains(error_of([] { report_page(Json(std::string(kReportBytes, 'a'))); }), "the model has too many heads"));
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
  static std::vector<std::uint8_t> decoded(const std::string& text) {
    const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::vector<std::uint8_t> bytes;
    std::uint32_t bits = 0;
    int have = 0;
    for (const char c : text) {
      if (c == '=') break;
      bits = bits << 6 | static_cast<std::uint32_t>(digits.find(c));
      if ((have += 6) >= 8) bytes.push_back(static_cast<std::uint8_t>(bits >> (have -= 8)));
    }
    return bytes;
  }
};

TEST_F(ReportData, HoldsTheAttentionAndTheMasks) {
  RunData data;
  data.source = "a\xff.txt";  // a name that is not UTF-8
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

TEST_F(ReportData, VerdictSaysWhatTheNullsSay) {
  HeadStudy study;
  study.roles.resize(1);
  study.roles[0].name = "previous";
  study.slots = {{"all", {}}, {"rule", {}}};
  study.heads.resize(2);
  for (HeadFinding& f : study.heads) f.mean.resize(2), f.verdict = "unlabelled", f.label.reason = "kappa";
  study.heads[1].id = {0, 1};
  study.heads[1].mean[1] = {.mean = 0.5, .low = 0.4, .high = 0.6, .predictions = 9};
  study.specialization = 0.3;
  study.specialization_subspaces = {0.1, 0.4};
  study.specialization_untrained = {0.0, 0.2};
  std::string all;
  for (const std::string& sentence : report_verdict(study)) all += sentence + "\n";
  EXPECT_TRUE(contains(all, "of 2 heads, 1 matters"));
  EXPECT_TRUE(contains(all, "L0H1 for rule (0.50)"));
  EXPECT_TRUE(contains(all, "random subspaces 0.10 to 0.40 (not above all of them"));
  EXPECT_TRUE(contains(all, "untrained models 0.00 to 0.20 (above all of them)"));
  EXPECT_TRUE(contains(all, "2 of 2 heads have no label: 2 look at nothing"));
}

}  // namespace
}  // namespace headlight
