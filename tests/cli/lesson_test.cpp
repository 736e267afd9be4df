// headlight lesson: the list, a run, JSON, the page, and bad input.
#include "formats/json.h"
#include "os/file.h"
#include "support/program.h"
#include "support/temporary_directory.h"

namespace headlight {
namespace {

TEST(Lesson, ListsTheLessons) {
  const Result r = run_program({"lesson"});
  ASSERT_EQ(r.code, 0) << r.err;
  EXPECT_TRUE(contains(r.out, " 0  Backpropagation in 100 lines")) << r.out;
  EXPECT_TRUE(contains(r.out, "lesson N asks a question")) << r.out;
}

// Without a terminal, the program does not ask the question and shows the answer.
TEST(Lesson, RunsAnExperiment) {
  const Result r = run_program({"lesson", "0", "--check"});
  ASSERT_EQ(r.code, 0) << r.err;
  for (const char* part : {"Claim: a derivative", "Question: ", "  1  about 2", "finite differences", "Result: 4 of 4",
                           "Answer: about 2", "src/autograd/tape.cpp", "make exercise N=0"})
    EXPECT_TRUE(contains(r.out, part)) << part << r.out;
  EXPECT_FALSE(contains(r.out, "Your prediction"));
  EXPECT_EQ(r.err, "");
}

TEST(Lesson, IsTheSameForTheSameSeed) {
  const auto figures = [](const char* seed) {
    const Result r = run_program({"lesson", "0", "--json", "--seed", seed});
    EXPECT_EQ(r.code, 0) << r.err;
    const Json value = parse_json(r.out, "lesson");
    const JsonView view(value, "lesson");
    EXPECT_EQ(view.at("lesson").as_index(), 0);
    EXPECT_EQ(view.at("answer").as_string(), "about 2");
    EXPECT_EQ(json_text(view.at("figures").at("right").at("holds").json()), "true");
    return json_text(view.at("figures").json());
  };
  EXPECT_EQ(figures("1"), figures("1"));
  EXPECT_NE(figures("1"), figures("2"));
}

TEST(Lesson, WritesThePage) {
  const TemporaryDirectory directory;
  const Result r = run_program({"lesson", "0", "--answer", "--page", directory / "course.html"});
  ASSERT_EQ(r.code, 0) << r.err;
  EXPECT_TRUE(contains(read_file(directory / "course.html"), "<article id=\"lesson-0\">"));
}

TEST(Lesson, RefusesBadInput) {
  for (const auto& [words, message] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"lesson", "99"}, "there is no lesson '99'"},
           {{"lesson", "-1"}, "-1"},
           {{"lesson", "x"}, "there is no lesson 'x'"},
           {{"lesson", "--seed", "3"}, "--seed needs the number of a lesson"},
           {{"lesson", "--json"}, "--json needs the number of a lesson"},
           {{"lesson", "0", "--seed", "x"}, "--seed"}}) {
    const Result r = run_program(words);
    EXPECT_EQ(r.code, 2) << r.err;
    EXPECT_TRUE(contains(r.err, message)) << r.err;
    EXPECT_EQ(std::count(r.err.begin(), r.err.end(), '\n'), 1) << r.err;
  }
  const Result r = run_program({"lesson", "0", "--answer", "--page", "/nowhere/course.html"});
  EXPECT_EQ(r.code, 1);
  EXPECT_TRUE(contains(r.err, "/nowhere/course.html")) << r.err;
  EXPECT_EQ(r.out, "");  // the error comes before the experiment
}

}  // namespace
}  // namespace headlight
