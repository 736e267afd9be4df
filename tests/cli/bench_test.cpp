// Tests of headlight bench: every benchmark runs and prints the output that its help describes.
#include <cmath>
#include <regex>

#include "formats/json.h"
#include "headlight/base/threads.h"
#include "os/file.h"
#include "support/files.h"
#include "support/program.h"

namespace headlight {
namespace {

Words bench(const std::string& name, const Words& more = {}) {
  return Words{"bench", name, "--threads", "1", "--seconds", "0.01"} + more;
}

// The output of --json, which must have the members that all benchmarks share.
Json object_of(const Words& words) {
  const Result r = run_program(words);
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_EQ(r.err, "");
  Json json = parse_json(r.out, "bench");
  const JsonView v(json, "bench");
  EXPECT_EQ(v.at("benchmark").as_string(), words[1]);
  EXPECT_EQ(v.at("threads").as_index(), 1);
  EXPECT_FALSE(v.at("kernels").as_string().empty());
  EXPECT_TRUE(json.find("fma_peak_gflops"));
  EXPECT_TRUE(json.find("join_seconds") && json.find("join_seconds")->is_null()) << "with one thread";
  EXPECT_EQ(v.at("bandwidths").elements().size(), 4u);
  for (const JsonView& b : v.at("bandwidths").elements()) EXPECT_GT(b.at("gb_per_second").as_double(), 0);
  return json;
}

TEST(BenchCommand, ReportsTheTimeToSynchronize) {
  if (!has_threads()) GTEST_SKIP() << "one thread alone";
  const Result r = run_program({"bench", "gemm", "--threads", "2", "--seconds", "0.01"});
  const std::regex line("\nthreads     ([0-9]+\\.[0-9]{2} us|unknown time) to synchronize\n");
  EXPECT_TRUE(std::regex_search(r.out, line)) << r.out;
}

TEST(BenchCommand, StepPrintsItsJsonAndATrace) {
  const TemporaryDirectory directory;
  const std::string trace = directory / "trace.json";
  const Json json = object_of(bench("step", {"--preset", "micro", "--json", "--trace", trace}));
  const JsonView v(json, "step");
  EXPECT_EQ(v.at("preset").as_string(), "micro");
  EXPECT_EQ(v.at("tokens").as_index(), 16 * 64);
  EXPECT_GE(v.at("steps").as_index(), 5);
  EXPECT_GE(v.at("seconds").as_double(), v.at("best_seconds").as_double());
  EXPECT_GT(v.at("flops").as_double(), 0);
  EXPECT_GT(v.at("parameters").as_index(), 0);
  EXPECT_TRUE(json.find("share_of_peak"));
  EXPECT_GT(v.at("resident_bytes").as_index(), v.at("tensor_bytes").as_index());
  if (!json.find("allocated_bytes")->is_null()) {  // null under AddressSanitizer, where these limits do not hold
    EXPECT_EQ(v.at("allocations").as_index(), 0);
    EXPECT_EQ(v.at("allocated_bytes").as_index(), 0);
    EXPECT_LT(v.at("resident_bytes").as_index(), Index{200} << 20) << "of the step, not of measuring bandwidths";
  }
  EXPECT_GT(v.at("operations").elements().size(), 15u);
  for (const JsonView& o : v.at("operations").elements()) {
    EXPECT_FALSE(o.at("operation").as_string().empty());
    EXPECT_FALSE(o.at("phase").as_string().empty());
    EXPECT_GT(o.at("calls").as_index(), 0);
    EXPECT_GE(o.at("seconds").as_double(), 0);
  }
  // A Chrome trace: complete events, one after another, in microseconds.
  const Json events = parse_json(read_file(trace), "trace");
  double end = 0;
  for (const JsonView& e : JsonView(events, "trace").at("traceEvents").elements()) {
    EXPECT_EQ(e.at("ph").as_string(), "X");
    EXPECT_FALSE(e.at("name").as_string().empty());
    EXPECT_GE(e.at("ts").as_double(), end - 0.01);
    end = e.at("ts").as_double() + e.at("dur").as_double();
    for (const char* name : {"pid", "tid"}) EXPECT_EQ(e.at(name).as_index(), 1);
  }
  EXPECT_GT(end, 0);
}

TEST(BenchCommand, StepTimesTheSettingsOfAFile) {
  const TemporaryDirectory directory;
  const std::string file = directory / "settings.json";
  for (const std::string optimizer : {"adamw", "muon"}) {
    const Result printed = run_program({"train", "--preset", "micro", "--width", "32", "--position", "rotary",
                                        "--batch", "3", "--optimizer", optimizer, "--print-config"});
    write_file_atomically(file, printed.out);
    const Json json = object_of(bench("step", {"--config", file, "--json"}));
    const JsonView v(json, "step");
    EXPECT_EQ(v.at("config").as_string(), file);
    EXPECT_EQ(v.at("tokens").as_index(), 3 * 64);
    bool rotates = false;
    for (const JsonView& o : v.at("operations").elements())
      rotates = rotates || o.at("operation").as_string() == "rotate_heads";
    EXPECT_TRUE(rotates);
  }
  write_file_atomically(
      file, run_program({"train", "--model", "gru", "--corpus", "tales", "--steps", "9", "--print-config"}).out);
  EXPECT_TRUE(contains(run_program(bench("step", {"--config", file})).out, ", gru, width "));
  expect_refused(bench("step", {"--config", file, "--preset", "cpu"}), 2, "cannot both be given");
  expect_refused(bench("gemm", {"--config", file}), 2, "--config: bench gemm does not accept this flag");
  expect_refused(bench("step", {"--config", directory / "none.json"}), 1, "none.json");
}

TEST(BenchCommand, StepTakesAPrecision) {
  for (const std::string precision : {"float32", "bf16"}) {
    const Words words = bench("step", {"--preset", "micro", "--precision", precision});
    const Json json = object_of(words + Words{"--json"});
    EXPECT_EQ(JsonView(json, "step").at("precision").as_string(), precision);
    EXPECT_EQ(run_program(words).out.find("bfloat16 products") != std::string::npos, precision == "bf16");
  }
}

TEST(BenchCommand, GemmPrintsItsJson) {
  const Json json = object_of(bench("gemm", {"--json"}));
  const JsonView v(json, "gemm");
  ASSERT_EQ(v.at("shapes").elements().size(), 21u);
  double sum = 0;
  for (const JsonView& s : v.at("shapes").elements()) {
    const double flops = 2.0 * static_cast<double>(s.at("m").as_index() * s.at("n").as_index() * s.at("k").as_index());
    EXPECT_NEAR(s.at("gflops").as_double() * s.at("seconds").as_double() * 1e9, flops, 1e-6 * flops);
    EXPECT_FALSE(s.at("trans_a").as_bool() && s.at("trans_b").as_bool());
    s.at("share_of_peak");
    sum += std::log(s.at("gflops").as_double());
  }
  EXPECT_NEAR(std::log(v.at("geometric_mean_gflops").as_double()), sum / 21, 1e-6);
  v.at("share_of_peak");
}

TEST(BenchCommand, OpsPrintTheirJson) {
  const Json json = object_of(bench("ops", {"--preset", "micro", "--json"}));
  const JsonView v(json, "ops");
  EXPECT_EQ(v.at("preset").as_string(), "micro");
  EXPECT_GT(v.at("operations").elements().size(), 30u);
  for (const JsonView& o : v.at("operations").elements()) {
    EXPECT_GT(o.at("seconds").as_double(), 0);
    for (const char* name : {"operation", "sizes", "phase", "flops", "bytes", "bound", "rate", "limit", "share"})
      o.at(name);
  }
}

TEST(BenchCommand, AttentionPrintsItsJson) {
  const Json json = object_of(bench("attention", {"--preset", "micro", "--context", "600", "--json"}));
  const JsonView v(json, "attention");
  EXPECT_EQ(v.at("preset").as_string(), "micro");
  EXPECT_EQ(v.at("heads").as_index(), 4);
  EXPECT_EQ(v.at("head_size").as_index(), 16);
  const auto rows = v.at("contexts").elements();
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].at("context").as_index(), 256);
  EXPECT_EQ(rows[1].at("context").as_index(), 512);
  for (const char* name : {"forward_seconds", "backward_seconds", "flops", "extra_bytes"})
    EXPECT_GT(rows[1].at(name).as_double(), 0) << name;
  const double growth = rows[1].at("extra_bytes").as_double() / rows[0].at("extra_bytes").as_double();
  EXPECT_NEAR(v.at("memory_exponent").as_double(), std::log2(growth), 1e-9);
}

TEST(BenchCommand, SamplePrintsItsJson) {
  const Json json = object_of(bench("sample", {"--preset", "micro", "--json"}));
  const JsonView v(json, "sample");
  EXPECT_EQ(v.at("preset").as_string(), "micro");
  EXPECT_EQ(v.at("weights").as_string(), "float32");
  for (const char* name : {"parameters", "seconds", "best_seconds", "draw_seconds", "long_seconds", "prompt_seconds",
                           "tokens", "cache_bytes", "bandwidth", "share_of_bandwidth"})
    EXPECT_GT(v.at(name).as_double(), 0) << name;
  const Json eight = object_of(bench("sample", {"--preset", "micro", "--int8", "--json"}));
  const JsonView e(eight, "sample");
  EXPECT_EQ(e.at("weights").as_string(), "int8");
  EXPECT_LT(e.at("weight_bytes").as_double(), 0.3 * v.at("weight_bytes").as_double());
  const Json half = object_of(bench("sample", {"--preset", "micro", "--bf16", "--json"}));
  const JsonView h(half, "sample");
  EXPECT_EQ(h.at("weights").as_string(), "bf16");
  EXPECT_NEAR(h.at("weight_bytes").as_double() / v.at("weight_bytes").as_double(), 0.51, 0.01);
}

TEST(BenchCommand, ReportsFit80Columns) {
  for (const Words& words :
       {bench("step", {"--help"}), bench("step", {"--preset", "micro"}), bench("ops", {"--preset", "micro"}),
        bench("sample", {"--preset", "micro"}), bench("step", {"--preset", "micro", "--precision", "bf16"})}) {
    const Result r = run_program(words);
    EXPECT_EQ(r.code, 0) << shown(words);
    EXPECT_GT(r.out.size(), 500u) << shown(words);
    for (std::size_t begin = 0; begin < r.out.size();) {
      const std::size_t end = r.out.find('\n', begin);
      ASSERT_NE(end, std::string::npos);
      EXPECT_LE(end - begin, 80u) << r.out.substr(begin, end - begin);
      begin = end + 1;
    }
  }
}

TEST(BenchCommand, RefusesWhatItDoesNotTake) {
  expect_refused({"bench"}, 2, "");
  expect_refused({"bench", "steps"}, 2, "steps: unknown benchmark; choose one of: step, gemm, ops, attention, sample");
  expect_refused({"bench", "gemm", "--preset", "cpu"}, 2, "--preset: bench gemm does not accept this flag");
  expect_refused({"bench", "step", "--int8"}, 2, "--int8: bench step does not accept this flag");
  expect_refused({"bench", "ops", "--trace", "x"}, 2, "--trace: bench ops does not accept this flag");
  expect_refused({"bench", "attention", "--context", "100"}, 2, "--context");
  expect_refused({"bench", "step", "--preset", "micor"}, 2, "did you mean micro?");
  expect_refused({"bench", "step", "--dropout", "1"}, 2, "--dropout");
  expect_refused({"bench", "step", "--precision", "half"}, 2, "--precision half: not one of float32, bf16");
  expect_refused({"bench", "sample", "--bf16", "--int8"}, 2, "--bf16 and --int8 cannot both be given");
}

}  // namespace
}  // namespace headlight
