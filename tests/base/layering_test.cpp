// A folder includes only what is to its left:
//   base -> kernels -> tensor -> autograd -> ops -> nn -> {optim, data} -> io -> run -> heads -> cli (train/)
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

// Folders of the same number do not include each other.
const std::map<std::string, int> kOrder{{"base", 0}, {"kernels", 1}, {"tensor", 2}, {"autograd", 3},
                                        {"ops", 4},  {"nn", 5},      {"optim", 6},  {"data", 6},
                                        {"io", 7},   {"run", 8},     {"heads", 9}};

// What a file includes with quotation marks, as written; with angle brackets too when asked.
std::vector<std::string> included(const fs::path& path, bool system_too = false) {
  std::ifstream file(path);
  std::vector<std::string> found;
  for (std::string line; std::getline(file, line);) {
    const std::size_t hash = line.find_first_not_of(" \t");
    if (hash == std::string::npos || line[hash] != '#') continue;
    const std::size_t word = line.find_first_not_of(" \t", hash + 1);
    if (word == std::string::npos || line.compare(word, 7, "include") != 0) continue;
    const std::size_t open = line.find_first_of("\"<", word);
    if (open == std::string::npos) continue;
    const std::size_t close = line.find_first_of("\">", open + 1);
    const std::string name = line.substr(open + 1, close - open - 1);
    // <vector> and the like are everybody's.
    if (system_too || line[open] == '"' || name.find("headlight") != std::string::npos) found.push_back(name);
  }
  return found;
}

// "headlight/ops/ops.h" and "ops/common.h" are of "ops"; a file beside the includer has no folder.
std::string folder_of(std::string name) {
  if (name.rfind("headlight/", 0) == 0) name = name.substr(10);
  const std::size_t slash = name.find('/');
  return slash == std::string::npos ? "" : name.substr(0, slash);
}

// Empty when `folder` may include `name`; otherwise what is wrong.
std::string complaint(const std::string& folder, const std::string& name) {
  if (folder == "train") return name.rfind("headlight/", 0) == 0 || name.find('/') == std::string::npos ? "" : name;
  const std::string other = folder_of(name);
  if (other == folder) return "";
  if (name == "headlight/headlight.h") return "the header of everything";
  if (other.empty()) return name.rfind("headlight/", 0) == 0 ? name : "";
  const auto to = kOrder.find(other);
  if (to == kOrder.end()) return "unknown folder " + other;
  return to->second < kOrder.at(folder) ? "" : other + " is not to the left of " + folder;
}

TEST(Layering, FoldersIncludeWhatIsToTheirLeft) {
  const fs::path source = HEADLIGHT_SOURCE_DIR;
  int files = 0, includes = 0;
  for (const fs::path& top : {source / "src", source / "include" / "headlight", source / "train"}) {
    if (!fs::exists(top)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(top)) {
      if (!entry.is_regular_file()) continue;
      const std::string extension = entry.path().extension().string();
      if (extension != ".h" && extension != ".cpp" && extension != ".inc") continue;
      const std::string inside = fs::relative(entry.path(), top).generic_string();
      // headlight.h, beside the folders, includes them all.
      if (top.filename() == "headlight" && inside == "headlight.h") continue;
      const std::string folder = top.filename() == "train" ? "train" : folder_of(inside);
      ASSERT_TRUE(folder == "train" || kOrder.count(folder)) << inside << ": an unknown folder; name it in kOrder";
      ++files;
      for (const std::string& name : included(entry.path())) {
        ++includes;
        EXPECT_EQ(complaint(folder, name), "")
            << fs::relative(entry.path(), source).generic_string() << " includes " << name;
      }
    }
  }
  EXPECT_GT(files, 30);
  EXPECT_GT(includes, 40);
}

// Headers that are not everywhere: POSIX's, Linux's and those of Windows. (<csignal> and <immintrin.h> are the C++
// library's and the compiler's.)
bool of_one_system(const std::string& name) {
  static const std::set<std::string> kSingle = {
      "unistd.h", "fcntl.h",   "dirent.h", "pthread.h", "sched.h",   "signal.h", "poll.h",    "dlfcn.h",  "pwd.h",
      "pty.h",    "termios.h", "spawn.h",  "glob.h",    "strings.h", "io.h",     "windows.h", "Windows.h"};
  for (const char* folder : {"sys/", "linux/", "mach/", "netinet/", "asm/"})
    if (name.rfind(folder, 0) == 0) return true;
  return kSingle.count(name) > 0;
}

TEST(Layering, OneFileAsksTheSystem) {
  const fs::path source = HEADLIGHT_SOURCE_DIR;
  std::string who;
  for (const char* top : {"src", "include", "train"}) {
    for (const auto& entry : fs::recursive_directory_iterator(source / top)) {
      if (!entry.is_regular_file()) continue;
      bool asks = false;
      for (const std::string& name : included(entry.path(), true)) asks = asks || of_one_system(name);
      if (asks) who += fs::relative(entry.path(), source).generic_string() + " ";
    }
  }
  EXPECT_EQ(who, "src/base/system.cpp ");
}

TEST(Layering, TheTestSeesAWrongInclude) {
  EXPECT_EQ(complaint("ops", "headlight/autograd/tape.h"), "");
  EXPECT_EQ(complaint("ops", "ops/common.h"), "");
  EXPECT_EQ(complaint("ops", "common.h"), "");
  EXPECT_EQ(complaint("train", "headlight/heads/report.h"), "");
  EXPECT_EQ(complaint("train", "options.h"), "");
  for (const auto& [folder, name] :
       std::vector<std::pair<std::string, std::string>>{{"ops", "headlight/nn/linear.h"},
                                                        {"base", "kernels/kernels.h"},
                                                        {"optim", "headlight/data/batch.h"},
                                                        {"data", "headlight/optim/adamw.h"},
                                                        {"tensor", "headlight/elsewhere/x.h"},
                                                        {"heads", "headlight/headlight.h"},
                                                        {"train", "ops/common.h"}})
    EXPECT_NE(complaint(folder, name), "") << folder << " " << name;
}

}  // namespace
