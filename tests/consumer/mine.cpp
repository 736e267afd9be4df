// Headlight's program with a user-defined model and user-defined parts.
#include "mine.h"

#include "headlight/command_line.h"

int main(int argc, char** argv) {
  headlight::register_model(mine::minimal_gru());
  headlight::register_feed_forward(mine::cosine_feed_forward());
  headlight::register_attention(mine::decay_attention());
  headlight::register_norm(mine::mean_norm());
  headlight::register_optimizer(mine::sign_descent());
  headlight::register_activation(
      {.name = "sine", .help = "", .apply = [](const headlight::Tensor& x) { return sin(x); }});
  return headlight::command_line(argc, argv);
}
