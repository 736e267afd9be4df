// The terminal that a program runs in. Where the system cannot say, there is none.
#pragma once

namespace headlight {

// Whether a person may be looking at the stream / typing.
bool stdin_is_terminal();
bool stdout_is_terminal();
bool stderr_is_terminal();
// Columns of the terminal on standard error or output; else of the variable COLUMNS; else 80. At least 20.
int terminal_width();
// Its rows; else of the variable LINES; else 24. At least 1. Both are asked anew each time: windows are resized.
int terminal_height();

// A screen of its own on the terminal of standard error, as an editor has it: what was there comes back afterwards.
// While it lasts the cursor is hidden. Entering twice, or leaving what was not entered, does nothing.
void enter_own_screen();
// May be called in a signal handler.
void leave_own_screen() noexcept;

}  // namespace headlight
