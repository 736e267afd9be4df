// heads report: the page as a browser shows it. Where there is no Chromium, only what needs none is tested.
#include <cstdlib>
#include <filesystem>

#include "cli/tiny_run.h"

namespace headlight {
namespace {

class HeadsReport : public TinyRun {
 protected:
  const Words few_ = {"--untrained", "2", "--subspaces", "2", "--windows", "8"};
  const std::string page_ = directory_ / "heads.html";
  void write_page() {
    const Result r = run_program(Words{"heads", "report", finished(), "--out", page_} + few_);
    ASSERT_EQ(r.code, 0) << r.err;
    EXPECT_TRUE(contains(r.out, "Found: of 2 heads"));
    EXPECT_TRUE(contains(r.out, "open it in a browser"));
  }
  static std::string browser() {
    for (const char* path : {"/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"})
      if (path_exists(path)) return path;
    return "";
  }
  // The page after its scripts ran, opened at `hash`; "" where the browser does not start.
  std::string opened(const std::string& page, const std::string& hash) const {
    const std::string out = directory_ / "dom.html";
    const std::string command =
        cat("timeout 60 ", browser(), " --headless --no-sandbox --disable-gpu --user-data-dir=", directory_ / "profile",
            " --virtual-time-budget=3000 --dump-dom 'file://", page, hash, "' > ", out, " 2> ", out, ".err");
    return std::system(command.c_str()) == 0 ? read_file(out) : "";
  }
};

TEST_F(HeadsReport, OnePageThatTakesNothingFromElsewhere) {
  write_page();
  const std::string page = read_file(page_);
  EXPECT_LT(page.size(), 3'000'000u);
  EXPECT_EQ(page.find("src="), std::string::npos);
  EXPECT_EQ(run_program(Words{"heads", "report", run_, "--out", "-"} + few_).out, page) << "and the same every time";
  expect_refused({"heads", "report", directory_ / "none"}, 1, "none");
  expect_refused({"heads", "report"}, 2, "heads report");
}

TEST_F(HeadsReport, ABrowserOpensItAndClicksThroughIt) {
  if (browser().empty()) GTEST_SKIP() << "no Chromium here";
  write_page();
  const std::string plain = opened(page_, "");
  if (plain.empty()) GTEST_SKIP() << "Chromium does not start here";
  EXPECT_TRUE(contains(plain, "data-ready=\"yes\"")) << "the scripts ran to their end";
  for (const char* id : {"verdict", "effects", "heads", "explorer", "pruning", "pairs", "scatter"})
    EXPECT_TRUE(contains(plain, cat("<section id=\"", id, "\">"))) << id;
  const std::string there = opened(page_, "#head=L0H1&text=0&query=3&role=previous");
  EXPECT_TRUE(contains(there, "<button type=\"button\" aria-pressed=\"true\">L0H1</button>"));
  EXPECT_TRUE(contains(there, "id=\"c3\" role=\"option\" class=\"query \"")) << "the query is locked";
  EXPECT_TRUE(contains(there, "id=\"c2\" role=\"option\" class=\"role \"")) << "and its role laid over";
  EXPECT_TRUE(contains(there, "by chance 0.25"));
  opened(page_, "#head=L9H9&text=99&query=x&role=<b>");

  // A page that clicks: another head, a character, Escape, the arrow keys; what it saw stands in its title.
  std::string clicks = read_file(page_);
  const std::string script = R"(<script>
    const seen = [], cell = i => document.getElementById('c' + i);
    const says = () => document.getElementById('says').textContent, key = (k, at) =>
      at.dispatchEvent(new KeyboardEvent('keydown', {key: k, bubbles: true}));
    document.querySelectorAll('.heads button')[1].click();
    seen.push(location.hash.includes('L0H1'));
    cell(5).dispatchEvent(new MouseEvent('mouseover', {bubbles: true}));
    seen.push(says().startsWith('From 5 '));
    cell(4).click();
    cell(6).dispatchEvent(new MouseEvent('mouseover', {bubbles: true}));
    seen.push(says().startsWith('From 4 '), location.hash.includes('query=4'));
    key('ArrowRight', document.getElementById('text'));
    seen.push(says().startsWith('From 5 '));
    key('Escape', document);
    seen.push(says().startsWith('Role '), !location.hash.includes('query'));
    const svg = svgText(document.querySelector('#effects svg'));
    seen.push(new DOMParser().parseFromString(svg, 'image/svg+xml').querySelector('parsererror') === null);
    seen.push(csvText([['a,b', '=1', null, 2]]) === '"a,b", =1,,2\r\n');
    document.title = 'seen ' + seen.join(' ');
  </script></body>)";
  clicks.replace(clicks.rfind("</body>"), 7, script);
  const std::string clicked = directory_ / "clicks.html";
  write_file_atomically(clicked, clicks);
  EXPECT_TRUE(contains(opened(clicked, ""), "<title>seen true true true true true true true true true</title>"));
}

}  // namespace
}  // namespace headlight
