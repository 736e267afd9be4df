// Tests of the page of heads report in a browser. Without Chromium, the tests that need a browser are skipped.
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "cli/tiny_run.h"
#include "formats/json.h"
#include "heads/watch/head_history.h"

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
  // A history as training with --watch-heads writes it: L0H1 learns "previous" over three snapshots.
  void write_history() {
    HeadHistory h;
    h.roles = {"previous", "self"};
    h.subsets = {"all", "letter"};
    h.heads = {{0, 0}, {0, 1}};
    h.windows = 16;
    h.length = 4;
    h.tokens = {"a", " ", "b", "\n"};
    for (Index i = 0; i < 3; ++i) {
      HeadSnapshot s;
      s.step = 4 * i;
      s.training_loss = s.validation_loss = 3.0 - static_cast<double>(i);
      s.loss = {3.0 - static_cast<double>(i), 2.0};
      s.kappa = {{0.01, 0.02}, {0.45 * static_cast<double>(i), 0.1}};
      s.kappa_content.assign(2, std::vector<double>(2, std::nan("")));
      s.evenness = {1, 1};
      // Query 1 attends to key 0 in the first snapshot and to itself in the last.
      const auto self = static_cast<std::uint8_t>(127 * i);
      s.attention.assign(2, {255, static_cast<std::uint8_t>(255 - self), self, 0, 255, 0, 0, 0, 255, 0});
      h.snapshots.push_back(s);
    }
    std::string text = header_line(h) + "\n";
    for (const HeadSnapshot& s : h.snapshots) text += snapshot_line(h, s) + "\n";
    write_file_atomically(run_ + "/" + kHeadHistoryFile, text);
  }
  static std::string browser() {
    for (const char* path : {"/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"})
      if (path_exists(path)) return path;
    return "";
  }
  // The page after its scripts ran, opened at `hash`; "" if the browser does not start.
  std::string opened(const std::string& page, const std::string& hash) const {
    const std::string out = directory_ / "dom.html";
    const std::string command =
        cat("timeout 60 ", browser(), " --headless --no-sandbox --disable-gpu --user-data-dir=", directory_ / "profile",
            " --virtual-time-budget=3000 --dump-dom 'file://", page, hash, "' > ", out, " 2> ", out, ".err");
    return std::system(command.c_str()) == 0 ? read_file(out) : "";
  }
  // The page's title after running a script that is appended to the page.
  std::string title_after(const std::string& script) const {
    std::string page = read_file(page_);
    page.insert(page.rfind("</body>"), script);
    const std::string file = directory_ / "clicks.html";
    write_file_atomically(file, page);
    const std::string shown = opened(file, "");
    const std::size_t begin = shown.find("<title>"), end = shown.find("</title>");
    return end == std::string::npos ? "no title" : shown.substr(begin + 7, end - begin - 7);
  }
};

TEST_F(HeadsReport, OnePageThatTakesNothingFromElsewhere) {
  write_page();
  const std::string page = read_file(page_);
  EXPECT_LT(page.size(), 3'000'000u);
  EXPECT_EQ(page.find("src="), std::string::npos);
  EXPECT_EQ(page.find("\"history\":"), std::string::npos);
  EXPECT_EQ(run_program(Words{"heads", "report", run_, "--out", "-"} + few_).out, page) << "and the same every time";
  expect_refused({"heads", "report", directory_ / "none"}, 1, "none");
  expect_refused({"heads", "report"}, 2, "heads report");
  write_history();
  const Result r = run_program(Words{"heads", "report", run_, "--out", "-"} + few_);
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_TRUE(contains(r.out, "\"steps\":[0,4,8]"));
  write_file_atomically(run_ + "/" + kHeadHistoryFile, "{}\n");
  expect_refused(Words{"heads", "report", run_, "--out", "-"} + few_, 1, "heads.jsonl: line 1");
}

TEST_F(HeadsReport, ShowsWhatWatchingKept) {
  ASSERT_EQ(run_program(train(run_, {"--watch-heads"})).code, 0);
  const Result r = run_program(Words{"heads", "report", run_, "--json"} + few_);
  ASSERT_EQ(r.code, 0) << r.err;
  const Json json = parse_json(r.out, "report");
  const JsonView report(json, "report"), history = report.at("history"), steps = history.at("steps");
  const HeadHistory kept = head_history(run_ + "/" + kHeadHistoryFile);
  ASSERT_EQ(steps.size(), static_cast<Index>(kept.snapshots.size()));
  EXPECT_EQ(steps.at(Index{0}).as_index(), 0);
  EXPECT_EQ(steps.at(steps.size() - 1).as_index(), 9);
  // The text of the history is a prefix of the explorer's first text, so that the page can show role masks on it.
  const JsonView first = report.at("texts").at(Index{0}).at("tokens"), tokens = history.at("tokens");
  ASSERT_LE(tokens.size(), first.size());
  for (Index t = 0; t < tokens.size(); ++t) EXPECT_EQ(tokens.at(t).as_string(), first.at(t).as_string());
}

TEST_F(HeadsReport, ABrowserOpensItAndClicksThroughIt) {
  if (browser().empty()) GTEST_SKIP() << "no Chromium here";
  write_page();
  const std::string plain = opened(page_, "");
  if (plain.empty()) GTEST_SKIP() << "Chromium does not start here";
  EXPECT_TRUE(contains(plain, "data-ready=\"yes\"")) << "the scripts ran to their end";
  for (const char* id : {"verdict", "effects", "heads", "explorer", "pruning", "pairs", "scatter"})
    EXPECT_TRUE(contains(plain, cat("<section id=\"", id, "\">"))) << id;
  EXPECT_FALSE(contains(plain, "<section id=\"experts\">")) << "a text without experts";
  EXPECT_TRUE(contains(plain, "headlight train --watch-heads")) << "the page names the flag that records a history";
  const std::string there = opened(page_, "#head=L0H1&text=0&query=3&role=previous");
  EXPECT_TRUE(contains(there, "<button type=\"button\" aria-pressed=\"true\">L0H1</button>"));
  EXPECT_TRUE(contains(there, "id=\"c3\" role=\"option\" class=\"query \"")) << "the query is locked";
  EXPECT_TRUE(contains(there, "id=\"c2\" role=\"option\" class=\"role \"")) << "the key of the role is marked";
  EXPECT_TRUE(contains(there, "by chance 0.25"));
  opened(page_, "#head=L9H9&text=99&query=x&role=<b>");

  // A script that chooses another head, clicks a character, and presses Escape and the arrow keys. It writes what the
  // page shows into the title.
  const std::string script = R"(<script>
    const seen = [], cell = i => document.getElementById('c' + i);
    const says = () => document.getElementById('says').textContent, key = (k, at) =>
      at.dispatchEvent(new KeyboardEvent('keydown', {key: k, bubbles: true}));
    document.querySelectorAll('.heads button')[1].click();
    seen.push(location.hash.includes('L0H1'));
    cell(5).dispatchEvent(new MouseEvent('mouseover', {bubbles: true}));
    seen.push(says().startsWith('Query 5 '));
    cell(4).click();
    cell(6).dispatchEvent(new MouseEvent('mouseover', {bubbles: true}));
    seen.push(says().startsWith('Query 4 '), location.hash.includes('query=4'));
    key('ArrowRight', document.getElementById('text'));
    seen.push(says().startsWith('Query 5 '));
    key('Escape', document);
    seen.push(says().startsWith('Role '), !location.hash.includes('query'));
    const svg = svgText(document.querySelector('#effects svg'));
    seen.push(new DOMParser().parseFromString(svg, 'image/svg+xml').querySelector('parsererror') === null);
    seen.push(csvText([['a,b', '=1', null, 2]]) === '"a,b", =1,,2\r\n');
    seen.push(performance.getEntriesByType('resource').length === 0);
    document.title = 'seen ' + seen.join(' ');
  </script>)";
  EXPECT_EQ(title_after(script), "seen true true true true true true true true true true");
}

TEST_F(HeadsReport, ABrowserOpensThatOfAStudyAndSavesAllOfIt) {
  if (browser().empty()) GTEST_SKIP() << "no Chromium here";
  const std::string study = directory_ / "study";
  Words words = train(study, {"--seeds", "2", "--watch-heads", "--recovery", "2"}) + few_;
  words[0] = "study";
  ASSERT_EQ(run_program(Words{"heads"} + words).code, 0);
  write_file_atomically(page_, read_file(study + "/report.html"));
  // Checks which section comes first and which tables are folded. Then clicks every save button: the SVG must parse,
  // and all rows of a CSV must have the same length.
  const std::string script = R"(<script>
    const seen = [], all = selector => [...document.querySelectorAll(selector)];
    seen.push(all('main > section')[0].id === 'seeds', all('#seeds li')[0].textContent.startsWith(
      'Specialization index, heads minus random subspaces: '));
    seen.push(all('#seeds li').some(l => l.textContent.startsWith('With 2 seeds the intervals are unreliable')));
    const folded = all('#seeds details');
    seen.push(folded.length >= 3, folded.every(d => !d.open), all('#seeds > div.scroll').length === 2);
    const alike = folded.find(d => d.textContent.startsWith('Similarity of the heads of different seeds: 4 rows'));
    alike.querySelector('summary').click();
    seen.push(alike.open, !alike.textContent.includes('['));
    const saved = [], names = [];
    window.Blob = class { constructor(parts) { saved.push(parts[0]); } };
    URL.createObjectURL = () => 'blob:none';
    HTMLAnchorElement.prototype.click = function () { names.push(this.download); };
    const buttons = all('button').filter(b => b.textContent.startsWith('Save as'));
    for (const b of buttons) b.click();
    seen.push(buttons.length > 20, saved.length === buttons.length, new Set(names).size === names.length);
    const sound = (text, name) => {
      if (/NaN|undefined|\[object/.test(text)) return false;
      if (name.endsWith('.svg'))
        return new DOMParser().parseFromString(text, 'image/svg+xml').querySelector('parsererror') === null;
      const lengths = text.trimEnd().split('\r\n').map(r => r.replace(/"([^"]|"")*"/g, 'text').split(',').length);
      return lengths.length > 1 && new Set(lengths).size === 1;
    };
    const bad = names.filter((name, i) => !sound(saved[i], name));
    document.title = seen.every(s => s) && bad.length === 0 ? 'all seen' : `seen ${seen.join(' ')} bad ${bad.join(' ')}`;
  </script>)";
  EXPECT_EQ(title_after(script), "all seen");
}

// A text with experts: the retention matrix shows the numbers of the data, each head has a pair of tables, and the
// saved files are right.
TEST_F(HeadsReport, ABrowserShowsTheSourcesOfChorus) {
  if (browser().empty()) GTEST_SKIP() << "no Chromium here";
  const std::string run = directory_ / "chorus";
  const Result trained =
      run_program({"train", "--preset", "chorus", "--width", "16", "--heads", "2", "--steps", "150", "--lr", "0.02",
                   "--batch", "4", "--corpus-chars", "8000", "--quiet", "--out", run});
  ASSERT_EQ(trained.code, 0) << trained.err;
  const Result r = run_program(Words{"heads", "report", run, "--out", page_} + few_);
  ASSERT_EQ(r.code, 0) << r.err;
  EXPECT_TRUE(contains(r.out, "specialization index over sources ")) << r.out;
  const std::string script = R"(<script>
    const seen = [], all = selector => [...document.querySelectorAll(selector)], truth = study.experts;
    const svgs = all('#experts svg'), texts = svg => [...svg.querySelectorAll('text')].map(t => t.textContent);
    const expected = [truth.retention_whole, ...truth.heads.map(h => h.retention), truth.retention_without_heads]
      .flatMap(k => truth.experts.map(e => fixed(k[e.name].value, 2)));
    seen.push(svgs.length === 5, texts(svgs[0]).filter(t => /^−?\d+\.\d\d$/.test(t)).join() === expected.join());
    seen.push(texts(svgs[1])[0] === 'Baseline: random subspaces, draw 1', texts(svgs[2])[0] === 'Baseline: untrained model 1');
    // Each map of a pair is centered over columns and rows, and its tooltips show the map's entries.
    truth.heads.forEach((h, k) => {
      const source = truth.experts.find(e => e.name === h.main_source), n = truth.symbols.length - 1;
      const table = centeredTable(h.table, source.rows_compared), cells = [...svgs[3 + k].querySelectorAll('rect title')].map(t => t.textContent);
      seen.push(cells.length === 2 * n * source.rows_compared.length, table.every(row => Math.abs(row.reduce((a, b) => a + b)) < 1e-9));
      seen.push(table[0].every((_, c) => Math.abs(table.reduce((a, row) => a + row[c], 0)) < 1e-9));
      seen.push(cells[0] === `learned by ${h.head}: after ${truth.symbols[source.rows_compared[0]]}, ${truth.symbols[1]} ${fixed(table[0][0], 2)}`);
      const r = source.rows_compared;
      const dot = (p, q) => p.reduce((s, v, i) => s + v * q[i], 0);
      const x = table.flat(), y = centeredTable(source.table, r).flat();
      seen.push(Math.abs(dot(x, y) / Math.sqrt(dot(x, x) * dot(y, y)) - h.table_match[source.name].correlation) < 1e-3);
    });
    const saved = [], names = [];
    window.Blob = class { constructor(parts) { saved.push(parts[0]); } };
    URL.createObjectURL = () => 'blob:none';
    HTMLAnchorElement.prototype.click = function () { names.push(this.download); };
    all('button').filter(b => b.textContent.startsWith('Save as')).forEach(b => b.click());
    seen.push(new Set(names).size === names.length, names.includes('retention.svg'), names.includes('table_L0H1.csv'));
    seen.push(!saved.some(t => /NaN|undefined|\[object/.test(t)));
    document.title = seen.every(s => s) ? 'all seen' : 'seen ' + seen.join(' ');
  </script>)";
  EXPECT_EQ(title_after(script), "all seen");
}

TEST_F(HeadsReport, ABrowserMovesThroughTheTraining) {
  if (browser().empty()) GTEST_SKIP() << "no Chromium here";
  finished();
  write_history();
  write_page();
  // The slider starts at the end. The script moves the slider to the middle and to the start, plays, and opens a step
  // by the address.
  const std::string script = R"(<script>
    const seen = [], all = selector => [...document.querySelectorAll(selector)], slider = document.getElementById('step');
    const at = () => document.getElementById('where').textContent;
    const cursors = () => all('#training .cursor').map(c => +c.getAttribute('x1'));
    const says = () => document.getElementById('training-says').textContent;
    const panel = () => all('#training svg text').map(t => t.textContent).find(t => /^previous \d/.test(t));
    const map = () => all('#training svg').at(-1).querySelectorAll('g path').length && all('#training svg').at(-1).querySelector('g:last-of-type').innerHTML;
    const to = v => { slider.value = v; slider.dispatchEvent(new Event('input')); slider.dispatchEvent(new Event('change')); };
    seen.push(slider.max === '2' && slider.value === '2', at() === 'step 8 of 8', says().includes('L0H1 previous (0.90)'));
    const end = cursors(), endMap = map();
    seen.push(end.length === 3);
    to(1);
    seen.push(at() === 'step 4 of 8', slider.getAttribute('aria-valuetext') === 'step 4', location.hash.includes('step=4'));
    seen.push(cursors().every((x, i) => x < end[i]), map() !== endMap, panel() === 'previous 0.45');
    to(0);
    seen.push(says().includes('loss 3.000') && says().includes('No head reaches kappa 0.4'));
    location.hash = '#step=5&head=L0H1';
    const play = document.getElementById('play');
    setTimeout(() => {
      seen.push(at() === 'step 4 of 8', all('#training option:checked').some(o => o.value === 'L0H1'));
      to(0);
      play.click();
      seen.push(play.textContent === 'Pause');
      setTimeout(() => {
        seen.push(at() === 'step 8 of 8', play.textContent === 'Play', cursors().every((x, i) => x === end[i]), map() === endMap);
        const svg = all('#training svg').map(svgText);
        seen.push(svg.every(s => new DOMParser().parseFromString(s, 'image/svg+xml').querySelector('parsererror') === null));
        document.title = seen.every(s => s) ? 'all seen' : 'seen ' + seen.join(' ');
      }, 1500);
    }, 200);
  </script>)";
  EXPECT_EQ(title_after(script), "all seen");
}

}  // namespace
}  // namespace headlight
