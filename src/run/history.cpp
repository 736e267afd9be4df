#include "headlight/run/history.h"

#include "headlight/base/error.h"
#include "headlight/base/file.h"

namespace headlight {

std::vector<StepRecord> read_history(const std::string& path) {
  std::vector<StepRecord> records;
  if (!path_exists(path)) return records;
  const std::string text = read_file(path);
  Index number = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    if (end == std::string::npos) break;
    const std::string where = cat(path, ":", ++number);
    const Json line = parse_json(std::string_view(text).substr(at, end - at), where);
    at = end + 1;
    const JsonView view(line, where);
    const auto real = [&](const char* key) {
      const auto found = view.find(key);
      return found ? found->as_double() : kNotMeasured;
    };
    records.push_back({.step = view.at("step").as_index(0),
                       .loss = real("loss"),
                       .val_loss = real("val_loss"),
                       .lr = real("lr"),
                       .grad_norm = real("grad_norm"),
                       .tokens_per_second = real("tokens_per_second"),
                       .seconds = real("seconds")});
  }
  return records;
}

}  // namespace headlight
