// An object file compiled for AVX2 or AVX-512 must not export weak symbols, such as inline functions of the standard
// library. The linker could use such a copy in other files, and CPUs without AVX would crash.
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <string>

namespace {

std::string run(const std::string& command, int& status) {
  std::string out;
  char buffer[4096];
  FILE* pipe = popen(command.c_str(), "r");
  if (!pipe) {
    status = -1;
    return out;
  }
  while (const std::size_t n = std::fread(buffer, 1, sizeof buffer, pipe)) out.append(buffer, n);
  status = pclose(pipe);
  return out;
}

std::string object_of(const std::string& set) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(HEADLIGHT_BINARY_DIR)) {
    const std::string file = entry.path().filename().string();
    if (file == set + ".cpp.o" || file == set + ".o") return entry.path().string();
  }
  return "";
}

class Isolation : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Sets, Isolation, testing::Values("avx2", "avx512", "avx512_bf16"),
                         [](const auto& one) { return one.param; });

TEST_P(Isolation, ObjectSharesNothing) {
#if !defined(__x86_64__)
  GTEST_SKIP() << "not for this architecture";
#endif
  int status = 0;
  run("nm --version 2>/dev/null", status);
  if (status != 0) GTEST_SKIP() << "nm is not installed";
  const std::string object = object_of(GetParam());
  ASSERT_FALSE(object.empty()) << "no object of " << GetParam() << " under " << HEADLIGHT_BINARY_DIR;
  const std::string symbols = run("nm -C --defined-only '" + object + "'", status);
  ASSERT_EQ(status, 0);
  bool found_table = false;
  for (std::size_t begin = 0; begin < symbols.size();) {
    const std::size_t end = symbols.find('\n', begin);
    const std::string line = symbols.substr(begin, end - begin);
    begin = end + 1;
    if (line.size() < 20) continue;
    const char kind = line[17];  // after the address: t T r ... local or global; W V u weak
    const std::string name = line.substr(19);
    // Debug and sanitizer builds put the address of the exception personality routine in each file; identical data is
    // safe.
    if (name == "DW.ref.__gxx_personality_v0") continue;
    if (name == "headlight::kernels::" + GetParam() + "_table()") found_table = true;
    else if (kind == 'W' || kind == 'V' || kind == 'w' || kind == 'v' || kind == 'u')
      ADD_FAILURE() << "shared symbol: " << name;
    else if (kind >= 'A' && kind <= 'Z') ADD_FAILURE() << "global symbol: " << name;
  }
  EXPECT_TRUE(found_table) << symbols;
}

}  // namespace
