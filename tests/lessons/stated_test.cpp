// The values that the texts of the lessons state, and the course's table and page.
#include "lessons/stated.h"

#include <gtest/gtest.h>

#include <cmath>

#include "lessons/page.h"
#include "os/folder.h"
#include "support/expect_error.h"

namespace headlight::lessons {
namespace {

TEST(Stated, ReadsNumbersBeforeMarkers) {
  const std::string text = "loss 1.32<!--loss 0.05--> and -7%<!--share 2-->, `12`<!--steps 0--> <!-- a comment -->";
  const std::vector<StatedValue> values = stated_values(text, "text");
  ASSERT_EQ(values.size(), 3u);
  EXPECT_EQ(values[0].name, "loss");
  EXPECT_EQ(values[0].value, 1.32);
  EXPECT_EQ(values[0].spread, 0.05);
  EXPECT_EQ(values[0].decimals, 2);
  EXPECT_EQ(text.substr(values[0].begin, values[0].number_end - values[0].begin), "1.32");
  EXPECT_EQ(text.substr(values[0].end, 4), " and");
  EXPECT_EQ(values[1].value, -7);
  EXPECT_EQ(values[1].decimals, 0);
  EXPECT_EQ(values[2].value, 12);
}

// A time depends on the machine: any value confirms the text, but NaN does not.
TEST(Stated, TimesAreNotChecked) {
  const std::vector<StatedValue> values = stated_values("3.1<!--speedup time-->", "text");
  ASSERT_EQ(values.size(), 1u);
  EXPECT_TRUE(std::isinf(values[0].spread));
}

TEST(Stated, RefusesBrokenMarkers) {
  expect_error([&] { stated_values("loss <!--loss 0.05-->", "text"); },
               {"text: no number before the marker 'loss 0.05'"});
  expect_error([&] { stated_values("1.5<!--loss-->", "text"); }, {"needs a name and a spread"});
  expect_error([&] { stated_values("1.5<!--loss wide-->", "text"); }, {"needs a name and a spread"});
  expect_error([&] { stated_values("1.5<!--loss 0.1", "text"); }, {"a comment is not closed"});
}

// A value inside the spread holds; rounding of the stated value is allowed, nothing more.
TEST(Stated, ComparesARunWithItsText) {
  const Lesson& lesson = lessons()[0];
  const std::vector<StatedValue> values = stated_values(text_of(lesson), lesson.folder);
  ASSERT_FALSE(values.empty());
  LessonResult result;
  for (const StatedValue& v : values) result.figures.push_back({v.name, v.value + v.spread});
  EXPECT_TRUE(differences(lesson, result).empty());
  result.figures[0].value = values[0].value + values[0].spread + 1;
  ASSERT_EQ(differences(lesson, result).size(), 1u);
  EXPECT_EQ(differences(lesson, result)[0].name, values[0].name);
  result.figures[0].value = std::nan("");
  EXPECT_EQ(differences(lesson, result).size(), 1u);
  result.figures.erase(result.figures.begin());
  expect_error([&] { differences(lesson, result); }, {"which the experiment does not measure"});
  result.figures.push_back({"unknown", 1});
  result.figures.push_back({values[0].name, values[0].value});
  expect_error([&] { differences(lesson, result); }, {"measures unknown, which the text does not state"});
}

// The address of a link relative to a folder of the repository exists.
void expect_links(std::string_view text, const std::string& folder) {
  for (std::size_t at = 0; (at = text.find("](", at)) != std::string_view::npos; ++at) {
    const std::string_view to = text.substr(at + 2, text.find(')', at) - at - 2);
    if (to.starts_with("http") || to.starts_with("#")) continue;
    EXPECT_TRUE(path_exists(std::string(HEADLIGHT_SOURCE_DIR) + "/" + folder + "/" + std::string(to)))
        << folder << ": " << to;
  }
}

TEST(Course, TableAndTextsAgree) {
  int number = 0;
  for (const Lesson& lesson : lessons()) {
    SCOPED_TRACE(lesson.folder);
    EXPECT_EQ(lesson.number, number++);
    EXPECT_EQ(lesson.folder.substr(0, 3),
              std::string(lesson.number < 10 ? "0" : "") + std::to_string(lesson.number) + "_");
    const std::string text(text_of(lesson));
    EXPECT_TRUE(text.starts_with("# " + std::to_string(lesson.number) + ". " + lesson.title + "\n"))
        << text.substr(0, 60);
    for (const char* section :
         {"\n## Claim\n", "\n## Experiment\n", "\n## What it shows\n", "\n## Read\n", "\n## Exercise\n"})
      EXPECT_NE(text.find(section), std::string::npos) << section;
    EXPECT_NE(text.find("make exercise N=" + std::to_string(lesson.number)), std::string::npos);
    EXPECT_FALSE(stated_values(text, lesson.folder).empty());
    EXPECT_GE(lesson.choices.size(), 2u);
    EXPECT_GE(lesson.difficulty, 1);
    EXPECT_LE(lesson.difficulty, 5);
    EXPECT_LE(lesson.seconds, 60);
    const std::string folder = "train/lessons/" + lesson.folder;
    for (const std::string& file : lesson.files)
      EXPECT_TRUE(path_exists(std::string(HEADLIGHT_SOURCE_DIR) + "/" + file)) << file;
    for (const char* file : {"lesson.cpp", "exercise.h", "exercise_test.cpp", "solution.h", "wrong"})
      EXPECT_TRUE(path_exists(std::string(HEADLIGHT_SOURCE_DIR) + "/" + folder + "/" + file)) << file;
    expect_links(text, folder);
  }
  expect_links(course_part("README.md"), "train/lessons");
  expect_links(course_part("GLOSSARY.md"), "train/lessons");
}

LessonRun run_of(const Lesson& lesson) {
  LessonRun run{&lesson, {}, 3};
  for (const StatedValue& v : stated_values(text_of(lesson), lesson.folder))
    run.result.figures.push_back({v.name, v.value});
  run.result.finding = "found <1>";
  return run;
}

TEST(CoursePage, HoldsTextsFiguresAndMaps) {
  LessonRun run = run_of(lessons()[0]);
  run.result.figures[0].value += 2;
  run.result.tables.push_back({"a table", {"x", "y"}, {{"1", "2"}}});
  run.result.charts.push_back({.title = "a chart", .series = {{"s", Color::kBlue, {{0, 1}, {1, 2}}}}});
  run.result.maps.push_back({"a map", {"a", "</script>"}, {"a", "b"}, {{"L0H0", {1, 0, 0.25F, 0.75F}}}});
  const std::string page = course_page({run}, 1);
  for (const char* part :
       {"<article id=\"lesson-0\">", "found &lt;1&gt;", "<td>2</td>", "<svg ", "data-lesson=\"0\" data-map=\"0\"",
        "\"weights\":[1000,0,250,750]", "id=\"glossary\"", "href=\"../src/autograd/tape.cpp\"", "stated: "})
    EXPECT_NE(page.find(part), std::string::npos) << part;
  // No text ends the block of data, no placeholder is left, and nothing is fetched.
  EXPECT_EQ(page.find("</script>\"", page.find("id=\"maps\"")), std::string::npos);
  EXPECT_EQ(page.find("{{"), std::string::npos);
  EXPECT_EQ(page.find('\x01'), std::string::npos);
  for (const char* remote : {"src=\"http", "href=\"http", "url(", "@import"})
    EXPECT_EQ(page.find(remote), std::string::npos);
}

TEST(CoursePage, RefusesToBeTooLarge) {
  LessonRun run = run_of(lessons()[0]);
  run.result.finding = std::string(kCoursePageBytes, 'x');
  expect_error([&] { course_page({run}, 1); }, {"draw fewer or shorter attention maps"});
}

}  // namespace
}  // namespace headlight::lessons
