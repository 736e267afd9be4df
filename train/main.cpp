// The headlight program.
#include "headlight/command_line.h"

int main(int argc, char** argv) { return headlight::command_line(argc, argv); }
