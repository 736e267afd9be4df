// The headlight program with a user-defined model and a user-defined feed-forward part.
#include "headlight/command_line.h"
#include "minimal_gru.h"

int main(int argc, char** argv) {
  headlight::register_model(mine::minimal_gru());
  headlight::register_feed_forward(mine::cosine_feed_forward());
  return headlight::command_line(argc, argv);
}
