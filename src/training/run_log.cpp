// JSON and CSV lines, the log parser, and the buffered writer.
#include "training/run_log.h"

#include <cmath>

#include "formats/json.h"
#include "headlight/base/error.h"
#include "os/file.h"
#include "os/folder.h"

namespace headlight {

namespace {

double whole_or_zero(double value) { return std::isfinite(value) ? std::round(value) : 0; }
double thousandths(double value) { return std::isfinite(value) ? std::round(value * 1e3) / 1e3 : 0; }

Json record_json(const StepRecord& r) {
  Json json = Json::object();
  json.set("step", r.step)
      .set("loss", Json::finite_or_null(r.loss))
      .set("val_loss", Json::finite_or_null(r.val_loss))
      .set("lr", r.lr)
      .set("grad_norm", Json::finite_or_null(r.grad_norm))
      .set("tokens_per_second", whole_or_zero(r.tokens_per_second))
      .set("seconds", thousandths(r.seconds));
  return json;
}

Json full_json(const StepRecord& r) {
  Json json = record_json(r);
  if (!r.rules.empty()) {
    Json rules = Json::object();
    for (const RuleLoss& rule : r.rules)
      rules.set(rule.rule, Json::object().set("loss", Json::finite_or_null(rule.loss)).set("floor", rule.floor));
    json.set("floor", r.floor).set("rules", rules);
  }
  if (!r.references.empty()) {
    Json references = Json::object();
    for (const ReferenceLoss& reference : r.references)
      references.set(
          reference.reference,
          Json::object().set("loss", reference.loss).set("distance", Json::finite_or_null(reference.distance)));
    json.set("references", references);
  }
  return json;
}

StepRecord record_of(const std::string& line, const std::string& source) {
  const Json json = parse_json(line, source);
  const JsonView view(json, source);
  const auto real = [&](const char* key, double otherwise) {
    const auto found = view.find(key);
    if (!found) return otherwise;
    const double value = found->as_double();
    if (std::fabs(value) > 1e300) fail(source, ": ", key, " is ", value);  // cannot be formatted again
    return value;
  };
  StepRecord record;
  record.step = view.at("step").as_index(0);
  record.loss = real("loss", kNotMeasured);
  record.val_loss = real("val_loss", kNotMeasured);
  record.lr = real("lr", 0);
  record.grad_norm = real("grad_norm", kNotMeasured);
  record.tokens_per_second = real("tokens_per_second", 0);
  record.seconds = real("seconds", 0);
  record.floor = real("floor", kNotMeasured);
  return record;
}

// Calls `each` with each record of a log and its line, until `each` returns false.
template <class Each>
void for_each_record(const std::string& path, const std::string& text, Each each) {
  Index number = 0;
  for (std::size_t at = 0; at < text.size();) {
    ++number;
    const std::size_t end = text.find('\n', at);
    if (end == std::string::npos) return;  // an incomplete last line
    const std::string line = text.substr(at, end - at);
    at = end + 1;
    StepRecord record;
    try {
      record = record_of(line, path);
    } catch (const Error&) {
      fail(path, ": line ", number, " is not a log record; move the file away to start a new log");
    }
    if (!each(record, line)) return;
  }
}

}  // namespace

std::string json_line(const StepRecord& record) { return json_text(full_json(record)); }

std::string csv_line(const StepRecord& record) {
  const Json json = record_json(record);  // use the digits of log.jsonl
  std::string line;
  for (const Json::Member& member : *json.if_object())
    line += cat(line.empty() ? "" : ",", member.value.is_null() ? "" : json_text(member.value));
  return line;
}

std::vector<StepRecord> read_log(const std::string& path) {
  std::vector<StepRecord> records;
  for_each_record(path, read_file(path), [&](const StepRecord& record, const std::string&) {
    records.push_back(record);
    return true;
  });
  return records;
}

RunLog::RunLog(const std::string& directory)
    : json_path_(directory + "/log.jsonl"), csv_path_(directory + "/log.csv") {}

void RunLog::add(const StepRecord& record) {
  if (json_path_.empty()) return;
  if (record.step == 0 && csv_lines_.empty() && !path_exists(csv_path_)) csv_lines_ = cat(kCsvHeader, "\n");
  json_lines_ += json_line(record) + "\n";
  csv_lines_ += csv_line(record) + "\n";
  constexpr std::size_t kHeld = 1 << 14;  // bytes, about a hundred steps
  if (json_lines_.size() > kHeld || !std::isnan(record.val_loss)) flush();
}

void RunLog::flush() {
  for (auto [lines, path] : {std::pair{&json_lines_, &json_path_}, {&csv_lines_, &csv_path_}}) {
    if (lines->empty()) continue;
    lines->pop_back();
    append_lines(*path, *lines);
    lines->clear();
  }
}

void RunLog::flush_to_disk() {
  flush();
  if (!json_path_.empty() && path_exists(json_path_)) flush_file_to_disk(json_path_);
}

StepRecord RunLog::cut_from(Index step) {
  StepRecord last;
  if (json_path_.empty()) return last;
  json_lines_.clear();
  csv_lines_.clear();
  const std::string before = path_exists(json_path_) ? read_file(json_path_) : "";
  std::string kept, csv = cat(kCsvHeader, "\n");
  const auto keep = [&](const StepRecord& record, const std::string& line) {
    if (record.step >= step) return false;
    kept += line + "\n";
    csv += csv_line(record) + "\n";
    last = record;
    return record.step + 1 < step;
  };
  if (step > 0) for_each_record(json_path_, before, keep);
  if (kept != before) write_file_atomically(json_path_, kept);
  if (!path_exists(csv_path_) || read_file(csv_path_) != csv) write_file_atomically(csv_path_, csv);
  return last;
}

}  // namespace headlight
