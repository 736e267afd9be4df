#include "cli.h"
namespace headlight::cli {
Command heads_command() {
  return {.name = "heads", .summary = "", .usage = "DIR", .examples = {}, .flags = {}, .run = [](const Arguments&) {
            return 0;
          }};
}
}  // namespace headlight::cli
