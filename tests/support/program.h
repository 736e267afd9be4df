// Runs the built program with given arguments and returns its exit code, standard output and standard error.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <vector>

#include "support/expect_error.h"
#include "support/temporary_directory.h"

namespace headlight {

using Words = std::vector<std::string>;

inline Words operator+(Words a, const Words& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

struct Result {
  int code = -1;    // exit code, or 128 + the signal that ended the program
  std::string out;  // standard output
  std::string err;  // standard error
};

struct Surroundings {
  std::string folder = "";  // working directory; empty: that of the test
  std::string input = "";   // a file as standard input; empty: /dev/null
  std::string output = "";  // a file or device as standard output; empty: Result::out
  rlim_t file_size = RLIM_INFINITY;
  rlim_t data = RLIM_INFINITY;              // bytes of private memory; mapped files do not count
  bool ordinary_user = false;               // drop root, so that file permissions apply
  std::vector<std::string> variables = {};  // environment variables as "NAME=value"
  std::vector<int> ignored = {};            // ignored signals, as nohup ignores SIGHUP
};

// Resets signals in a child process, because the program that runs the tests may ignore some.
inline void set_signals(const std::vector<int>& ignored) {
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE}) std::signal(number, SIG_DFL);
  for (const int number : ignored) std::signal(number, SIG_IGN);
}

// A running program. The destructor kills it.
class Program {
 public:
  explicit Program(const Words& words, const Surroundings& s = {}) {
    const std::string out = s.output.empty() ? directory_ / "out" : s.output, err = directory_ / "err";
    std::vector<std::string> all = Words{HEADLIGHT_BINARY_DIR "/headlight"} + words;
    std::vector<char*> argv;
    for (std::string& word : all) argv.push_back(word.data());
    argv.push_back(nullptr);
    id_ = fork();
    if (id_ != 0) return;
    set_signals(s.ignored);
    const int in = open(s.input.empty() ? "/dev/null" : s.input.c_str(), O_RDONLY);
    dup2(in, 0);
    dup2(open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644), 1);
    dup2(open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644), 2);
    for (const std::string& variable : s.variables) putenv(const_cast<char*>(variable.c_str()));
    if (!s.folder.empty() && chdir(s.folder.c_str()) != 0) _exit(120);
    if (s.file_size != RLIM_INFINITY) {
      const rlimit limit{s.file_size, s.file_size};
      setrlimit(RLIMIT_FSIZE, &limit);
    }
    if (s.data != RLIM_INFINITY) {
      const rlimit limit{s.data, s.data};
      setrlimit(RLIMIT_DATA, &limit);
    }
    if (s.ordinary_user && geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) _exit(121);
    execv(argv[0], argv.data());
    _exit(122);
  }
  ~Program() {
    if (id_ <= 0) return;
    kill(id_, SIGKILL);
    waitpid(id_, nullptr, 0);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // Does nothing after the program has ended: kill(-1, ...) would signal every process.
  void signal(int number) {
    if (id_ > 0) kill(id_, number);
  }
  std::string err_so_far() const { return read(directory_ / "err"); }
  bool ended() {
    if (id_ > 0 && waitpid(id_, &status_, WNOHANG) == id_) id_ = -1;
    return id_ <= 0;
  }
  Result wait() {
    if (id_ > 0) waitpid(id_, &status_, 0);
    id_ = -1;
    return {WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_), read(directory_ / "out"),
            read(directory_ / "err")};
  }

 private:
  static std::string read(const std::string& path) { return path_exists(path) ? read_file(path) : ""; }

  TemporaryDirectory directory_;
  pid_t id_ = -1;
  int status_ = 0;
};

inline Result run_program(const Words& words, const Surroundings& surroundings = {}) {
  return Program(words, surroundings).wait();
}

inline std::string shown(const Words& words) {
  std::string text = "headlight";
  for (const std::string& word : words) text += " " + (word.size() > 60 ? word.substr(0, 60) + "..." : word);
  return text;
}

// Fails unless the command ends with this exit code and prints exactly one line, on standard error, which begins with
// "headlight: " and contains `part`.
inline void expect_refused(const Words& words, int code, const std::string& part, const Surroundings& s = {}) {
  const Result r = run_program(words, s);
  EXPECT_EQ(r.code, code) << shown(words) << "\n" << r.err;
  EXPECT_EQ(r.out, "") << shown(words);
  EXPECT_EQ(r.err.rfind("headlight: ", 0), 0u) << shown(words) << "\n" << r.err;
  EXPECT_EQ(r.err.find('\n'), r.err.size() - 1) << shown(words) << "\nnot one line:\n" << r.err;
  EXPECT_TRUE(contains(r.err, part)) << shown(words);
}

}  // namespace headlight
