// Snapshots of a directory's files, to compare before and after an operation.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>

#include "formats/json.h"
#include "os/file.h"
#include "os/folder.h"

namespace headlight {

using Files = std::map<std::string, std::string>;  // name to bytes

// The files directly in the directory.
inline Files files_of(const std::string& directory) {
  Files files;
  for (const std::string& name : list_directory(directory))
    if (!is_directory(directory + "/" + name)) files[name] = read_file(directory + "/" + name);
  return files;
}

// The files in the directory and all folders below it. A folder has an entry "name/" without bytes.
inline Files tree_of(const std::string& directory) {
  Files files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    const std::string path = entry.path().string(), name = path.substr(directory.size() + 1);
    if (entry.is_directory()) files[name + "/"] = "";
    else files[name] = read_file(path);
  }
  return files;
}

// log.jsonl without the values that depend on the clock.
inline std::string timeless(const std::string& log) {
  std::string text;
  for (std::size_t at = 0; at < log.size();) {
    const std::size_t end = log.find('\n', at);
    EXPECT_NE(end, std::string::npos) << "the last line is cut short";
    if (end == std::string::npos) break;
    const Json line = parse_json(log.substr(at, end - at), "log.jsonl");
    Json kept = Json::object();
    for (const char* key : {"step", "loss", "val_loss", "lr", "grad_norm"}) {
      EXPECT_TRUE(line.find(key)) << key;
      if (const Json* value = line.find(key)) kept.set(key, *value);
    }
    text += json_text(kept) + "\n";
    at = end + 1;
  }
  return text;
}

// log.csv without the two columns that depend on the clock.
inline std::string timeless_csv(const std::string& log) {
  std::string text;
  for (std::size_t at = 0; at < log.size();) {
    const std::size_t end = log.find('\n', at);
    EXPECT_NE(end, std::string::npos) << "the last line is cut short";
    if (end == std::string::npos) break;
    std::string line = log.substr(at, end - at);
    for (int i = 0; i < 2; ++i) line.resize(std::min(line.size(), line.rfind(',')));
    text += line + "\n";
    at = end + 1;
  }
  return text;
}

// Fails unless two run directories are bit-identical, except for values that depend on the clock.
inline void expect_same_run(const std::string& a, const std::string& b) {
  Files x = files_of(a), y = files_of(b);
  for (Files* files : {&x, &y}) {
    ASSERT_TRUE(files->count("log.jsonl"));
    files->at("log.jsonl") = timeless(files->at("log.jsonl"));
    ASSERT_TRUE(files->count("log.csv"));
    files->at("log.csv") = timeless_csv(files->at("log.csv"));
  }
  std::string names_x, names_y;
  for (const auto& [name, bytes] : x) names_x += name + " ";
  for (const auto& [name, bytes] : y) names_y += name + " ";
  EXPECT_EQ(names_x, names_y);
  for (const auto& [name, bytes] : x) {
    if (name.rfind("log.", 0) == 0 || name == "config.json") EXPECT_EQ(bytes, y[name]) << name;
    else EXPECT_TRUE(bytes == y[name]) << name << " differs";
  }
}

}  // namespace headlight
