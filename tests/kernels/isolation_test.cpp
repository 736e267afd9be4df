// The object file compiled for AVX2 must hold no symbol that the linker could share with another file: it would then be
// free to let a CPU without AVX2 run the AVX2 copy of, say, an inline function of the standard library.
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

std::string avx2_object() {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(HEADLIGHT_BINARY_DIR)) {
    const std::string file = entry.path().filename().string();
    if (file == "avx2.cpp.o" || file == "avx2.o") return entry.path().string();
  }
  return "";
}

TEST(Isolation, Avx2ObjectSharesNothing) {
#if !defined(__x86_64__)
  GTEST_SKIP() << "no AVX2 on this architecture";
#endif
  int status = 0;
  run("nm --version 2>/dev/null", status);
  if (status != 0) GTEST_SKIP() << "nm is not installed";
  const std::string object = avx2_object();
  ASSERT_FALSE(object.empty()) << "no avx2 object under " << HEADLIGHT_BINARY_DIR;
  const std::string symbols = run("nm -C --defined-only '" + object + "'", status);
  ASSERT_EQ(status, 0);
  bool found_table = false;
  for (std::size_t begin = 0; begin < symbols.size();) {
    const std::size_t end = symbols.find('\n', begin);
    const std::string line = symbols.substr(begin, end - begin);
    begin = end + 1;
    if (line.size() < 20) continue;
    const char kind = line[17];  // after the address: t T r ... local or global; W V u shared between files
    const std::string name = line.substr(19);
    // The address of the exception handler's entry, which debug and sanitizer builds put in each file: data, the same in all.
    if (name == "DW.ref.__gxx_personality_v0") continue;
    if (name == "headlight::kernels::avx2_table()") found_table = true;
    else if (kind == 'W' || kind == 'V' || kind == 'w' || kind == 'v' || kind == 'u')
      ADD_FAILURE() << "shared symbol: " << name;
    else if (kind >= 'A' && kind <= 'Z' && true && name != "DW.ref.__gxx_personality_v0")
      ADD_FAILURE() << "global symbol: " << name;
  }
  EXPECT_TRUE(found_table) << symbols;
}

}  // namespace
