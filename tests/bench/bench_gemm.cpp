// Compares the speed of Headlight's matrix product with OpenBLAS and BLIS, if installed, on the shapes of small
// transformers. All libraries run alternately in one process, which makes the comparison fair on a shared machine.
//
//   bench_gemm [--threads N] [--seconds S] [--isa NAME]
//
// Prints for each shape the best GFLOP/s of each library, the ratio of Headlight to the faster of the others, and
// Headlight's share of the measured FMA peak. Prints the geometric means last.
#include <dlfcn.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "base/isa.h"
#include "bench/bench.h"
#include "headlight/base/threads.h"
#include "kernels/kernels.h"

namespace {

using headlight::Index;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

using Shape = headlight::GemmShape;

// The part of the CBLAS interface that is used; 101: row-major, 111: not transposed, 112: transposed.
using Sgemm = void (*)(int order, int trans_a, int trans_b, int m, int n, int k, float alpha, const float* a, int lda,
                       const float* b, int ldb, float beta, float* c, int ldc);

struct Peer {
  const char* name;
  Sgemm sgemm = nullptr;
};

// Loads a CBLAS library and sets its thread count, a 64-bit integer in BLIS and an int in OpenBLAS.
Peer load_peer(const char* name, const char* file, const char* set_threads, bool wide_count, int threads) {
  Peer peer{name};
  void* library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    std::printf("%s: not here (%s); its column is left out\n", name, file);
    return peer;
  }
  peer.sgemm = reinterpret_cast<Sgemm>(dlsym(library, "cblas_sgemm"));
  void* setter = dlsym(library, set_threads);
  if (!peer.sgemm || !setter) {
    std::printf("%s: %s has no cblas_sgemm or no %s; its column is left out\n", name, file, set_threads);
    peer.sgemm = nullptr;
    return peer;
  }
  if (wide_count) reinterpret_cast<void (*)(std::int64_t)>(setter)(threads);
  else reinterpret_cast<void (*)(int)>(setter)(threads);
  return peer;
}

void run_headlight(const Shape& s, const float* a, const float* b, float* c) {
  headlight::kernels::Gemm<float> g;
  g.m = s.m, g.n = s.n, g.k = s.k;
  g.a = a, g.lda = s.trans_a ? s.m : s.k, g.trans_a = s.trans_a;
  g.b = b, g.ldb = s.trans_b ? s.k : s.n, g.trans_b = s.trans_b;
  g.c = c, g.ldc = s.n;
  headlight::kernels::active<float>().gemm(g);
}

void run_peer(const Peer& peer, const Shape& s, const float* a, const float* b, float* c) {
  const int m = static_cast<int>(s.m), n = static_cast<int>(s.n), k = static_cast<int>(s.k);
  peer.sgemm(101, s.trans_a ? 112 : 111, s.trans_b ? 112 : 111, m, n, k, 1, a, s.trans_a ? m : k, b, s.trans_b ? k : n,
             0, c, n);
}

int usage() {
  std::fprintf(stderr, "usage: bench_gemm [--threads N] [--seconds S] [--isa reference|portable|avx2|avx512]\n");
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  int threads = 1;
  double budget = 0.3;
  for (int i = 1; i < argc; ++i) {
    if (i + 1 == argc) return usage();
    const std::string option = argv[i], value = argv[++i];
    if (option == "--threads") threads = std::atoi(value.c_str());
    else if (option == "--seconds") budget = std::atof(value.c_str());
    else if (option == "--isa" && value == "reference") headlight::set_isa(headlight::Isa::kReference);
    else if (option == "--isa" && value == "portable") headlight::set_isa(headlight::Isa::kPortable);
    else if (option == "--isa" && value == "avx2") headlight::set_isa(headlight::Isa::kAvx2);
    else if (option == "--isa" && value == "avx512") headlight::set_isa(headlight::Isa::kAvx512);
    else return usage();
  }
  headlight::set_thread_count(threads);
  const Peer peers[] = {load_peer("OpenBLAS", "libopenblas.so.0", "openblas_set_num_threads", false, threads),
                        load_peer("BLIS", "libblis.so.4", "bli_thread_set_num_threads", true, threads)};
  const double peak = headlight::fma_peak(threads);
  std::printf("kernels %s, %d threads, FMA peak %.1f GFLOP/s\n", headlight::kernels::active<float>().name, threads,
              peak);
  std::printf("%5s %5s %5s %s  %9s %9s %9s  %9s %6s\n", "m", "n", "k", "ta tb", "Headlight", "OpenBLAS", "BLIS",
              "to better", "peak");

  double log_sum[3] = {}, log_ratio = 0;
  for (const Shape& s : headlight::gemm_shapes()) {
    const auto size = [](Index rows, Index cols) {
      return static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols);
    };
    std::vector<float> a(size(s.m, s.k)), b(size(s.k, s.n)), c(size(s.m, s.n));
    for (std::size_t i = 0; i < a.size(); ++i) a[i] = static_cast<float>(i % 17) * 0.01f;
    for (std::size_t i = 0; i < b.size(); ++i) b[i] = static_cast<float>(i % 13) * 0.01f;
    const double flop = s.flops();
    const int inner = std::max(1, static_cast<int>(5e7 / flop));
    double best[3] = {1e30, 1e30, 1e30};
    const auto start = Clock::now();
    for (int turn = 0; turn < 6 || seconds_since(start) < budget; ++turn) {
      for (int who = 0; who < 3; ++who) {
        if (who > 0 && !peers[who - 1].sgemm) continue;
        const auto run = [&] {
          if (who == 0) run_headlight(s, a.data(), b.data(), c.data());
          else run_peer(peers[who - 1], s, a.data(), b.data(), c.data());
        };
        run();  // warm up threads and caches
        const auto begin = Clock::now();
        for (int i = 0; i < inner; ++i) run();
        best[who] = std::min(best[who], seconds_since(begin) / inner);
      }
    }
    std::printf("%5ld %5ld %5ld  %d  %d ", static_cast<long>(s.m), static_cast<long>(s.n), static_cast<long>(s.k),
                s.trans_a, s.trans_b);
    double gflops[3] = {};
    for (int who = 0; who < 3; ++who) {
      if (who > 0 && !peers[who - 1].sgemm) {
        std::printf(" %9s", "-");
        continue;
      }
      gflops[who] = flop / best[who] / 1e9;
      log_sum[who] += std::log(gflops[who]);
      std::printf(" %9.1f", gflops[who]);
    }
    const double better = std::max(gflops[1], gflops[2]);
    if (better > 0) {
      log_ratio += std::log(gflops[0] / better);
      std::printf("  %9.3f", gflops[0] / better);
    } else {
      std::printf("  %9s", "-");
    }
    if (peak > 0) std::printf(" %5.1f%%\n", 100 * gflops[0] / peak);
    else std::printf(" %6s\n", "-");
  }

  const double count = static_cast<double>(headlight::gemm_shapes().size());
  std::printf("geometric mean       ");
  for (int who = 0; who < 3; ++who)
    if (who == 0 || peers[who - 1].sgemm) std::printf(" %9.1f", std::exp(log_sum[who] / count));
    else std::printf(" %9s", "-");
  if (peers[0].sgemm || peers[1].sgemm) std::printf("  %9.3f", std::exp(log_ratio / count));
  else std::printf("  %9s", "-");
  if (peak > 0) std::printf(" %5.1f%%\n", 100 * std::exp(log_sum[0] / count) / peak);
  else std::printf("\n");
}
