// Writes the course as one HTML page. train/lessons/page/ has its frame, style and script.
#include "lessons/page.h"

#include <cmath>
#include <filesystem>
#include <map>

#include "base/format.h"
#include "formats/json.h"
#include "headlight/base/error.h"
#include "headlight/base/text.h"
#include "lessons/markdown.h"
#include "lessons/stated.h"

namespace headlight::lessons {

namespace {

// Replaces the stated values of a text by placeholders. Fills `html` with the HTML of each placeholder: the value that
// this run measured, with the stated value in the tooltip.
std::string with_placeholders(const LessonRun& run, std::map<std::string, std::string>& html) {
  const std::string_view text = text_of(*run.lesson);
  std::string out;
  std::size_t copied = 0;
  for (const StatedValue& stated : stated_values(text, run.lesson->folder)) {
    double measured = stated.value;
    for (const Figure& figure : run.result.figures)
      if (figure.name == stated.name) measured = figure.value;
    const std::string key = cat(html.size());
    html[key] = cat("<span class=\"figure\" title=\"stated: ", fixed_text(stated.value, stated.decimals),
                    std::isfinite(stated.spread) ? cat(" ± ", stated.spread) : "", "; measured here: ", cat(measured),
                    "\">", fixed_text(measured, stated.decimals), "</span>");
    const std::size_t marker = text.find("<!--", stated.number_end);
    out += cat(std::string(text.substr(copied, stated.begin - copied)), "\x01", key, "\x02",
               std::string(text.substr(stated.number_end, marker - stated.number_end)));
    copied = stated.end;
  }
  return out + std::string(text.substr(copied));
}

std::string table_html(const Table& table) {
  std::string html = cat("<figure><figcaption>", html_escaped(table.title),
                         "</figcaption><div class=\"scroll\" tabindex=\"0\"><table><tr>");
  for (const std::string& column : table.columns) html += cat("<th>", html_escaped(column), "</th>");
  html += "</tr>\n";
  for (const std::vector<std::string>& row : table.rows) {
    html += "<tr>";
    for (const std::string& cell : row) html += cat("<td>", html_escaped(cell), "</td>");
    html += "</tr>\n";
  }
  return html + "</table></div></figure>\n";
}

// The maps as data for course.js, with weights rounded to thousandths.
Json maps_json(const std::vector<AttentionMap>& maps) {
  const auto strings = [](const std::vector<std::string>& items) {
    Json list = Json::array();
    for (const std::string& item : items) list.push(item);
    return list;
  };
  Json all = Json::array();
  for (const AttentionMap& map : maps) {
    Json heads = Json::array();
    for (const AttentionMap::Head& head : map.heads) {
      Json weights = Json::array();
      for (const float weight : head.weights) weights.push(static_cast<Index>(weight * 1000 + 0.5F));
      heads.push(Json::object().set("name", head.name).set("weights", weights));
    }
    all.push(Json::object()
                 .set("title", map.title)
                 .set("queries", strings(map.queries))
                 .set("keys", strings(map.keys))
                 .set("heads", heads));
  }
  return all;
}

std::string results_html(const LessonRun& run, std::uint64_t seed) {
  const Lesson& lesson = *run.lesson;
  std::string html = cat("<section class=\"run\" aria-label=\"This run of lesson ", lesson.number,
                         "\">\n<h4>This run (seed ", seed, ", ", fixed_text(run.seconds, 0),
                         " s)</h4>\n<details><summary>", html_escaped(lesson.question), "</summary>\n<p>");
  for (std::size_t i = 0; i < lesson.choices.size(); ++i)
    html += cat(i ? " / " : "", i == run.result.answer ? "<strong>" : "", html_escaped(lesson.choices[i]),
                i == run.result.answer ? "</strong>" : "");
  html += cat("</p></details>\n<p>", html_escaped(run.result.finding), "</p>\n");
  for (const Table& table : run.result.tables) html += table_html(table);
  // Each chart in two sizes, because the text of a chart that is scaled down for a phone is too small to read.
  for (Chart chart : run.result.charts) {
    const std::string caption = html_escaped(chart.title);
    chart.title = "";
    html += cat("<figure class=\"chart\" aria-label=\"", caption, "\"><figcaption>", caption,
                "</figcaption><div class=\"wide\">", chart_svg(chart, 760, 420), "</div><div class=\"narrow\">",
                chart_svg(chart, 340, 300), "</div></figure>\n");
  }
  for (std::size_t i = 0; i < run.result.maps.size(); ++i)
    html += cat("<figure class=\"map\" data-lesson=\"", lesson.number, "\" data-map=\"", i, "\"><figcaption>",
                html_escaped(run.result.maps[i].title), "</figcaption></figure>\n");
  return html + "</section>\n";
}

// Maps the address of a link in a file of `folder` to its address from the page.
std::string address_from(const std::string& folder, std::string_view to, const std::string& top) {
  if (to.starts_with("http") || to.starts_with("#")) return std::string(to);
  const std::string path = (std::filesystem::path(folder) / std::string(to)).lexically_normal().generic_string();
  for (const Lesson& lesson : lessons())
    if (path.starts_with(cat("train/lessons/", lesson.folder)) &&
        (path.ends_with("README.md") || path.ends_with(lesson.folder) || path.ends_with(lesson.folder + "/")))
      return cat("#lesson-", lesson.number);
  if (path == "train/lessons/GLOSSARY.md") return "#glossary";
  return cat(top, "/", path);
}

std::string lesson_html(const LessonRun& run, std::uint64_t seed, const std::string& top) {
  const Lesson& lesson = *run.lesson;
  std::map<std::string, std::string> numbers;
  std::string text = with_placeholders(run, numbers);
  // Insert the results before the section that interprets them.
  std::size_t at = text.find("\n## What it shows");
  if (at == std::string::npos) at = text.size();
  numbers["run"] = results_html(run, seed);
  const std::string folder = cat("train/lessons/", lesson.folder);
  const MarkdownOptions options{.heading = 2,
                                .address = [&](std::string_view to) { return address_from(folder, to, top); },
                                .placeholder = [&](std::string_view key) { return numbers[std::string(key)]; }};
  return cat("<article id=\"lesson-", lesson.number, "\">\n", markdown_to_html(text.substr(0, at), options),
             numbers["run"], markdown_to_html(text.substr(at), options), "</article>\n");
}

// JSON with the characters that are special in HTML escaped; they occur only in strings.
std::string inert(const Json& data) {
  std::string text;
  for (const char c : json_text(data)) {
    if (c == '<') text += "\\u003c";
    else if (c == '>') text += "\\u003e";
    else if (c == '&') text += "\\u0026";
    else text += c;
  }
  return text;
}

}  // namespace

std::string course_page(const std::vector<LessonRun>& runs, std::uint64_t seed, const std::string& top) {
  std::map<std::string, std::string> parts;
  Json maps = Json::object();
  for (const LessonRun& run : runs) {
    parts["contents"] +=
        cat("<li><a href=\"#lesson-", run.lesson->number, "\">", html_escaped(run.lesson->title), "</a></li>\n");
    parts["lessons"] += lesson_html(run, seed, top);
    if (!run.result.maps.empty()) maps.set(cat(run.lesson->number), maps_json(run.result.maps));
  }
  const MarkdownOptions shared{.heading = 2,
                               .address = [&](std::string_view to) { return address_from("train/lessons", to, top); }};
  parts["introduction"] = markdown_to_html(course_part("README.md"), {.heading = 1, .address = shared.address});
  parts["glossary"] = markdown_to_html(course_part("GLOSSARY.md"), shared);
  parts["maps"] = inert(maps);
  parts["course.css"] = course_part("course.css");
  parts["course.js"] = course_part("course.js");
  std::string page;
  std::string_view frame = course_part("page.html");
  for (std::size_t open; (open = frame.find("{{")) != std::string_view::npos;) {
    const std::size_t close = frame.find("}}", open);
    page += cat(std::string(frame.substr(0, open)), parts[std::string(frame.substr(open + 2, close - open - 2))]);
    frame.remove_prefix(close + 2);
  }
  page += frame;
  if (page.size() > kCoursePageBytes)
    fail("lesson: the page would have ", page.size(), " bytes, more than ", kCoursePageBytes,
         "; draw fewer or shorter attention maps");
  return page;
}

}  // namespace headlight::lessons
