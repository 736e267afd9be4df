// Tests that every operation declared in ops.h has a case, and that every case names a declared operation.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "ops/cases.h"

namespace headlight::tests {
namespace {

// The text of a source file without comments.
std::string read_source(const std::string& path) {
  std::ifstream file(path);
  std::string text, line;
  while (std::getline(file, line)) text += line.substr(0, line.find("//")) + "\n";
  return text;
}

// The name of a parameter: the last word before its default, such as "bias" for "const Tensor& bias = {}".
std::string parameter_name(std::string parameter) {
  parameter = parameter.substr(0, parameter.find('='));
  const std::size_t last = parameter.find_last_not_of(" \n");
  const std::size_t first = parameter.find_last_of(" \n&*>", last);
  return parameter.substr(first + 1, last - first);
}

// Adds "sum(x,axis,keep)" and the like for each function of the header whose declaration begins with `start`.
void add_declarations(const std::string& header, const std::string& start, std::multiset<std::string>& found) {
  for (std::size_t at = header.find(start); at != std::string::npos; at = header.find(start, at + 1)) {
    const std::size_t name = at + start.size(), open = header.find('(', name);
    std::string declaration = header.substr(name, open - name) + "(";
    std::string parameter;
    int depth = 1;
    for (std::size_t i = open + 1; depth > 0 && i < header.size(); ++i) {
      const char c = header[i];
      if (c == '(' || c == '{' || c == '<') ++depth;
      if (c == ')' || c == '}' || c == '>') --depth;
      if (depth == 0 || (depth == 1 && c == ',')) {
        declaration += parameter_name(parameter) + (depth == 0 ? ")" : ",");
        parameter.clear();
      } else {
        parameter += c;
      }
    }
    found.insert(declaration);
  }
}

// The declarations of all functions that return one or several tensors.
std::multiset<std::string> declarations(const std::string& header) {
  std::multiset<std::string> found;
  for (const char* start : {"\nTensor ", "\nPoolVector<Tensor> "}) add_declarations(header, start, found);
  return found;
}

TEST(Coverage, EveryDeclaredOperationHasACase) {
  const auto declared = declarations(read_source(std::string(HEADLIGHT_SOURCE_DIR) + "/include/headlight/ops/ops.h"));
  ASSERT_GE(declared.size(), 40u) << "the header was not understood";
  std::multiset<std::string> tested;
  std::set<std::string> names;
  for (const OpCase& one : op_cases()) {
    tested.insert(one.declaration);
    EXPECT_TRUE(names.insert(one.declaration + one.variant).second) << one.declaration << " stands twice in cases.cpp";
    EXPECT_TRUE(declared.count(one.declaration)) << one.declaration << ": ops.h declares no such operation";
  }
  // Overloads with the same parameter names need one case each.
  for (const std::string& declaration : declared)
    EXPECT_GE(tested.count(declaration), declared.count(declaration))
        << declaration << ": add a case to tests/ops/cases.cpp";
}

TEST(Coverage, DeclarationsAreParsed) {
  const auto found = declarations(
      "\nTensor f(const Tensor& x,\n  std::span<const int> ids = {1, 2}, double* out = g(1, 2));\nTensor f();\n"
      "PoolVector<Tensor> h(int a);\n");
  EXPECT_EQ(found, (std::multiset<std::string>{"f(x,ids,out)", "f()", "h(a)"}));
}

}  // namespace
}  // namespace headlight::tests
