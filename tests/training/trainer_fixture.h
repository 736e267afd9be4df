// A folder for the runs of one test, and one call that trains a tiny model.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "headlight/base/threads.h"
#include "support/tiny_run.h"

namespace headlight {

class TrainerTest : public testing::Test {
 protected:
  ~TrainerTest() override { set_thread_count(before_); }
  RunData data(const RunConfig& config, std::uint64_t seed = 1) { return tiny_data(directory_, config, seed); }
  std::string run(const char* name) const { return directory_ / name; }
  std::vector<StepRecord> train(const RunConfig& config, const std::string& out = "") {
    std::vector<StepRecord> records;
    Trainer trainer(config, data(config), out);
    trainer.run([&](const StepRecord& r) {
      records.push_back(r);
      return true;
    });
    return records;
  }
  TemporaryDirectory directory_;
  const int before_ = thread_count();
};

}  // namespace headlight
