// headlight heads: where each attention head of a trained model looks.
#include <algorithm>
#include <cmath>

#include "cli.h"

namespace headlight::cli {

namespace {

// Roles of one family share a column: the member that a head scores best for.
struct Column {
  std::string family;
  std::vector<std::size_t> roles;
};

std::vector<Column> columns_of(std::span<const Role> roles) {
  std::vector<Column> columns;
  for (std::size_t r = 0; r < roles.size(); ++r) {
    const auto same = [&](const Column& c) { return c.family == roles[r].family; };
    auto found = std::find_if(columns.begin(), columns.end(), same);
    if (found == columns.end()) found = columns.insert(columns.end(), {roles[r].family, {}});
    found->roles.push_back(r);
  }
  return columns;
}

std::size_t best_role(const Column& column, const HeadScores& scores, Index layer, Index head) {
  return *std::max_element(column.roles.begin(), column.roles.end(), [&](std::size_t a, std::size_t b) {
    return scores.at(layer, head, a).kappa() < scores.at(layer, head, b).kappa();
  });
}

// What is said of a head: its best role, when that takes a good part of its attention, and more than in any untrained head.
constexpr double kClearly = 0.4, kPartly = 0.2;

// The highest score that any head of an untrained layer reaches in a column.
double untrained_in(const Column& column, const UntrainedScores& untrained, Index layer) {
  double highest = 0;
  for (const std::size_t r : column.roles) highest = std::max(highest, untrained.highest_kappa(layer, r));
  return highest;
}

// Fits 80 columns: a row a head, and for each layer a row of what untrained heads reach.
void print_table(const HeadScores& scores, const UntrainedScores& untrained, std::span<const Role> roles,
                 const std::string& title) {
  constexpr std::size_t kName = 9;
  const std::vector<Column> columns = columns_of(roles);
  const auto width = [](const Column& c) {
    return c.roles.size() > 1 ? std::size_t{9} : std::max<std::size_t>(6, c.family.size() + 1);
  };
  print(cat(title, ":\nthe share of attention beyond chance (1: all of it, 0: as looking everywhere).\n\n"));
  std::string header(kName, ' ');
  for (const Column& column : columns) header += padded(column.family, width(column));
  print(header + "   role\n");
  for (Index layer = 0; layer < scores.layers(); ++layer) {
    for (Index head = 0; head < scores.heads(); ++head) {
      std::string line = head_name(layer, head), label = "-";
      line.resize(kName, ' ');
      double best = kPartly;
      for (const Column& column : columns) {
        const std::size_t r = best_role(column, scores, layer, head);
        const double kappa = scores.at(layer, head, r).kappa();
        // Of an offset, say which.
        const std::string which =
            column.roles.size() > 1 ? cat("@", roles[r].name.substr(roles[r].name.find('-') + 1)) : "";
        line += padded(fixed_text(kappa, 2) + which, width(column));
        if (kappa >= best && kappa > untrained_in(column, untrained, layer)) {
          best = kappa;
          label = cat(kappa < kClearly ? "partly " : "", roles[r].name);
        }
      }
      print(cat(line, "   ", label, "\n"));
    }
    std::string line = "untrained";
    for (const Column& column : columns)
      line += padded(fixed_text(untrained_in(column, untrained, layer), 2), width(column));
    print(line + "\n");
  }
  print("\n");
  for (const Column& column : columns) {
    const Role& first = roles[column.roles[0]];
    std::string line = "  " + column.family;
    line.resize(kName, ' ');
    print(cat(line,
              column.roles.size() > 1 ? "the character that many places back, the best of 2 to 16" : first.meaning,
              "\n"));
  }
  print(cat("Untrained: the highest of all heads of 5 untrained models. Role: ", kClearly,
            " or more and\nabove untrained; partly: from ", kPartly, " on.\n"));
}

// One object: what is given, and for each head its scores for each role.
void print_json(const HeadScores& scores, const UntrainedScores& untrained, std::span<const Role> roles,
                Json document) {
  Json heads = Json::array();
  for (Index layer = 0; layer < scores.layers(); ++layer) {
    for (Index head = 0; head < scores.heads(); ++head) {
      Json by_role = Json::object();
      for (std::size_t r = 0; r < roles.size(); ++r) {
        const RoleScore& s = scores.at(layer, head, r);
        by_role.set(roles[r].name, Json::object()
                                       .set("attention", s.attention)
                                       .set("chance", s.chance)
                                       .set("kappa", s.kappa())
                                       .set("untrained_highest_kappa", untrained.highest_kappa(layer, r))
                                       .set("queries", s.queries));
      }
      heads.push(Json::object().set("head", head_name(layer, head)).set("roles", by_role));
    }
  }
  print(json_text(document.set("heads", heads)) + "\n");
}

int run(const Arguments& args) {
  const std::string& directory = args.operands()[0];
  const Index windows = args.whole("windows", 64, 1, 100'000);
  const auto [trained, data] = load_model_and_text(args);
  const bool validation = !data.validation.ids.empty();
  const TokenText& text = validation ? data.validation : data.train;
  const std::span<const std::int32_t> evidence = data.validation_evidence;
  std::vector<Role> roles = basic_roles();
  // What cannot be known of this text is not shown.
  if (evidence.empty()) std::erase_if(roles, [](const Role& r) { return r.name == "evidence"; });
  const HeadScores scores = score_heads(*trained.model, trained.info.vocabulary, text, roles, windows, evidence);
  const UntrainedScores untrained(trained.model->config(), trained.info.vocabulary, text, roles, 5, windows, evidence);

  if (args.has("json"))
    print_json(scores, untrained, roles, Json::object().set("run", directory).set("text", data.source));
  else print_table(scores, untrained, roles, cat("Where the heads of ", directory, " look, on ", data.source));
  return 0;
}

}  // namespace

Command heads_command() {
  return {.name = "heads",
          .summary = "Shows where each attention head of a trained model looks, beside untrained models.",
          .usage = "DIR [--data FILE | --corpus NAME] [--json]",
          .examples = {"headlight heads runs/tales", "headlight heads runs/mine --data other.txt --json"},
          .flags = model_and_text_flags({"windows", "N", "windows of text to average over", "Options", "64"}),
          .least_operands = 1,
          .most_operands = 1,
          .run = run};
}

}  // namespace headlight::cli
