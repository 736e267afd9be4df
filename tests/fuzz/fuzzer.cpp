// The libFuzzer entry point. CMake builds it once for each reader, with HEADLIGHT_FUZZ_READER as the reader's name.
#include <cstddef>
#include <cstdint>

#include "fuzz/readers.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const headlight::tests::Reader& reader = headlight::tests::reader_named(HEADLIGHT_FUZZ_READER);
  headlight::tests::refusal(reader, std::string(data, data + size));
  return 0;
}
