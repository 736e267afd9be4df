// Every public header includes the standard headers of the names it uses, instead of relying on transitive includes.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

// The names in namespace std that the headers use, and for each name the header in which the standard guarantees it.
const std::map<std::string, std::string> kHome = [] {
  std::map<std::string, std::string> home;
  const std::vector<std::pair<std::string, std::string>> names = {
      {"array", "array"},
      {"cmath", "abs ceil cos exp floor isfinite isnan log pow sin sqrt"},
      {"concepts", "derived_from floating_point integral same_as"},
      {"cstddef", "byte nullptr_t ptrdiff_t size_t"},
      {"cstdint", "int8_t int16_t int32_t int64_t uint8_t uint16_t uint32_t uint64_t uintptr_t"},
      {"cstdio", "FILE fprintf printf puts"},
      {"deque", "deque"},
      {"exception", "exception exception_ptr"},
      {"functional", "function"},
      {"initializer_list", "initializer_list"},
      {"iosfwd", "istream ostream"},
      {"limits", "numeric_limits"},
      {"map", "map multimap"},
      {"memory", "allocate_shared make_shared make_unique shared_ptr unique_ptr weak_ptr"},
      {"mutex", "lock_guard mutex unique_lock"},
      {"optional", "nullopt optional"},
      {"set", "multiset set"},
      {"span", "span"},
      {"stdexcept", "logic_error runtime_error"},
      {"string", "getline stod stoi string to_string u32string"},
      {"string_view", "string_view u32string_view"},
      {"tuple", "tie tuple"},
      {"type_traits", "decay_t enable_if_t is_convertible_v is_floating_point_v is_integral_v is_same_v is_unsigned_v"},
      {"unordered_map", "unordered_map"},
      {"utility", "as_const exchange forward in_range move pair swap"},
      {"variant", "get_if holds_alternative monostate variant visit"},
      {"vector", "vector"},
      {"algorithm", "clamp max min sort"},
      {"atomic", "atomic"},
      {"chrono", "chrono"},
      {"thread", "thread"},
  };
  for (const auto& [header, list] : names) {
    std::istringstream words(list);
    for (std::string word; words >> word;) home[word] = header;
  }
  return home;
}();

// The headers that `text` uses but does not include, and names that kHome lacks, as "name: <header>".
std::set<std::string> missing(const std::string& text) {
  static const std::regex comment("//[^\n]*"), quoted("\"(\\\\.|[^\"\\\\\n])*\""), use("\\bstd::([a-z_0-9A-Z]+)"),
      include("#include <([a-z_]+)>");
  std::set<std::string> included, wrong;
  for (std::sregex_iterator at(text.begin(), text.end(), include), end; at != end; ++at) included.insert((*at)[1]);
  const std::string code = std::regex_replace(std::regex_replace(text, comment, ""), quoted, "");
  for (std::sregex_iterator at(code.begin(), code.end(), use), end; at != end; ++at) {
    const std::string name = (*at)[1];
    const auto home = kHome.find(name);
    if (home == kHome.end()) wrong.insert(name + ": add it to kHome");
    else if (!included.count(home->second)) wrong.insert(name + ": <" + home->second + ">");
  }
  return wrong;
}

TEST(Includes, PublicHeadersIncludeWhatTheyUse) {
  const fs::path top = fs::path(HEADLIGHT_SOURCE_DIR) / "include";
  int headers = 0;
  for (const auto& entry : fs::recursive_directory_iterator(top)) {
    if (entry.path().extension() != ".h") continue;
    ++headers;
    std::ifstream file(entry.path());
    std::stringstream text;
    text << file.rdbuf();
    for (const std::string& wrong : missing(text.str()))
      ADD_FAILURE() << fs::relative(entry.path(), top).generic_string()
                    << " does not include the home of std::" << wrong;
  }
  EXPECT_GT(headers, 30);
}

TEST(Includes, TheTestSeesAMissingHeader) {
  EXPECT_EQ(missing("#include <vector>\nstd::vector<std::optional<int>> x;  // std::span"),
            (std::set<std::string>{"optional: <optional>"}));
  EXPECT_EQ(missing("std::brand_new x;"), (std::set<std::string>{"brand_new: add it to kHome"}));
  EXPECT_EQ(missing("#include <span>\nconst char* s = \"std::vector\"; std::span<int> y;"), (std::set<std::string>{}));
}

}  // namespace
