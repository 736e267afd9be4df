// A folder includes only folders in rows above its own in kFolders; train/ may include all of them. A public header
// (include/headlight) includes only public headers.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

// Folders in the same row do not include each other.
const std::vector<std::set<std::string>> kFolders{
    {"base"},    {"os"},       {"terminal"}, {"kernels"},       {"tensor"},  {"autograd"},
    {"ops"},     {"nn"},       {"models"},   {"optim", "data"}, {"corpora"}, {"generation"},
    {"formats"}, {"training"}, {"exchange"}, {"heads"},         {"bench"}};

// The row of a folder in kFolders; -1 if there is none.
int level_of(const std::string& folder) {
  for (std::size_t row = 0; row < kFolders.size(); ++row)
    if (kFolders[row].count(folder)) return static_cast<int>(row);
  return -1;
}

// The names that a file includes with quotation marks, as written; with `system_too`, also those in angle brackets.
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
    // Skip standard headers such as <vector>, which every folder may include.
    if (system_too || line[open] == '"' || name.find("headlight") != std::string::npos) found.push_back(name);
  }
  return found;
}

// The folder of an included name: "ops" for "headlight/ops/ops.h" and "ops/common.h"; "" for a file beside the
// includer.
std::string folder_of(std::string name) {
  if (name.rfind("headlight/", 0) == 0) name = name.substr(10);
  const std::size_t slash = name.find('/');
  return slash == std::string::npos ? "" : name.substr(0, slash);
}

// Empty if a file of `folder` may include `name`; otherwise the reason why not.
std::string complaint(const std::string& folder, const std::string& name) {
  const std::string other = folder_of(name);
  if (folder == "train" && name == "headlight/headlight.h") return "";
  if (other == folder || other.empty())
    return name == "headlight/headlight.h" ? "headlight.h includes every folder" : "";
  if (folder == "train")
    return other == "cli" || other == "commands" || other == "lessons" || level_of(other) >= 0 ? "" : name;
  if (level_of(other) < 0) return "unknown folder " + other;
  return level_of(other) < level_of(folder) ? "" : other + " is not below " + folder;
}

TEST(Layering, FoldersIncludeOnlyLowerFolders) {
  const fs::path source = HEADLIGHT_SOURCE_DIR;
  int files = 0, includes = 0;
  for (const fs::path& top : {source / "src", source / "include" / "headlight", source / "train"}) {
    if (!fs::exists(top)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(top)) {
      if (!entry.is_regular_file()) continue;
      const std::string extension = entry.path().extension().string();
      if (extension != ".h" && extension != ".cpp" && extension != ".inc") continue;
      const std::string inside = fs::relative(entry.path(), top).generic_string();
      // Skip the two headers outside the folders: headlight.h includes all, and command_line.h declares the program's
      // entry.
      if (top.filename() == "headlight" && inside.find('/') == std::string::npos) continue;
      const std::string folder = top.filename() == "train" ? "train" : folder_of(inside);
      ASSERT_TRUE(folder == "train" || level_of(folder) >= 0) << inside << ": unknown folder; add it to kFolders";
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

// Headers that only some systems have: those of POSIX, Linux and Windows. (<csignal> belongs to the C++ library,
// <immintrin.h> to the compiler.)
bool of_one_system(const std::string& name) {
  static const std::set<std::string> kSingle = {
      "unistd.h", "fcntl.h",   "dirent.h", "pthread.h", "sched.h",   "signal.h", "poll.h",    "dlfcn.h",  "pwd.h",
      "pty.h",    "termios.h", "spawn.h",  "glob.h",    "strings.h", "io.h",     "windows.h", "Windows.h"};
  for (const char* folder : {"sys/", "linux/", "mach/", "netinet/", "asm/"})
    if (name.rfind(folder, 0) == 0) return true;
  return kSingle.count(name) > 0;
}

TEST(Layering, OnlyOneFileIncludesSystemHeaders) {
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
  EXPECT_EQ(who, "src/os/system.cpp ");
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
                                                        {"train", "elsewhere/x.h"}})
    EXPECT_NE(complaint(folder, name), "") << folder << " " << name;
}

}  // namespace
