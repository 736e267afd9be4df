// Draws and erases the progress line.
#include "progress_line.h"
#include "base/clock.h"
#include "headlight/base/index.h"
#include "headlight/base/text.h"
#include "heads/study/progress.h"
#include "os/terminal.h"

namespace headlight::cli {

std::vector<Flag> progress_flags(const char* group) {
  return {{"plain", "", "no progress line; the default outside a terminal", group},
          {"quiet", "", "print only warnings and errors", group}};
}

ProgressLine::ProgressLine(const Arguments& args)
    : lively_(!args.has("quiet") && !args.has("plain") && stderr_can_redraw()) {}

ProgressLine::~ProgressLine() { clear(); }

void ProgressLine::show(const std::string& before, const char* what, Index done, Index of) {
  constexpr double kEvery = 0.1;  // seconds
  if (!lively_) return;
  const double now = monotonic_seconds();
  if (drawn_ > 0 && now - drawn_ < kEvery) return;
  drawn_ = now;
  std::string text = cat(before, what, ", ", done, " of ", of);
  // A wrapped line cannot be redrawn in place.
  if (const auto room = static_cast<std::size_t>(terminal_width() - 1); text.size() > room) text.resize(room);
  text = cat("\r", text, "\033[K");
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

Progress ProgressLine::progress(const std::string& before, const std::function<bool()>& go_on) {
  return Progress([this, before, go_on](const char* what, Index done, Index of) {
    show(before, what, done, of);
    return !go_on || go_on();
  });
}

void ProgressLine::clear() noexcept {
  if (!(drawn_ > 0)) return;
  drawn_ = 0;
  std::fputs("\r\033[K", stderr);
  std::fflush(stderr);
}

}  // namespace headlight::cli
