// The terminal of this process: detection, size, and the alternate screen.
#pragma once

namespace headlight {

// Whether the stream is a terminal; false if the system cannot tell.
bool stdin_is_terminal();
bool stdout_is_terminal();
bool stderr_is_terminal();
// Width in columns: that of the terminal on standard error or output, else the variable COLUMNS, else 80; at least 20.
// Queries the terminal on every call, because windows are resized.
int terminal_width();
// Height in rows: that of the terminal, else the variable LINES, else 24.
int terminal_height();

// Switches the terminal on standard error to its alternate screen, as editors do, and hides the cursor; leaving
// restores the previous contents and the cursor. Entering twice, or leaving without entering, does nothing.
void enter_alternate_screen();
// Safe in a signal handler.
void leave_alternate_screen() noexcept;

}  // namespace headlight
