// Terminal size and the alternate screen, through os/system.h.
#include "os/terminal.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>

#include "os/system.h"

namespace headlight {

bool stdin_is_terminal() { return system::is_terminal(0); }
bool stdout_is_terminal() { return system::is_terminal(1); }
bool stderr_is_terminal() { return system::is_terminal(2); }

namespace {

int size_or_variable(int size, const char* variable, int otherwise) {
  if (size <= 0) {
    if (const char* text = std::getenv(variable)) size = std::atoi(text);
  }
  return size <= 0 ? otherwise : size;
}

volatile std::sig_atomic_t own_screen = 0;

}  // namespace

int terminal_width() { return std::max(20, size_or_variable(system::window().columns, "COLUMNS", 80)); }
int terminal_height() { return size_or_variable(system::window().rows, "LINES", 24); }

void enter_alternate_screen() {
  if (own_screen) return;
  own_screen = 1;
  system::write_to_terminal("\033[?1049h\033[?25l");
}

void leave_alternate_screen() noexcept {
  if (!own_screen) return;
  own_screen = 0;
  system::write_to_terminal("\033[?25h\033[?1049l");
}

}  // namespace headlight
