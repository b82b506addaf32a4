#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <utility>

#include "bed.h"
#include "scale.h"

// Real commands in real slots, more of them than there are cores: each sleeps
// for a time that its tree alone determines, lognormal(0.5) with 3 % that take
// eight times as long (the stragglers of coppice_bench_study).

namespace coppice::bench {
namespace fs = std::filesystem;
namespace {

constexpr int kRounds = 8;  // nodes a slot

constexpr char kWait[] = R"(h=$(cksum <src/table.cc | cut -d' ' -f1)
exec awk -v h=$h 'BEGIN {
  srand(h)
  t = 4 * exp(0.5 * sqrt(-2 * log(1 - rand())) * cos(6.283185 * rand()))
  if (rand() < 0.03) t *= 8
  system("sleep " t)
  print "cost: " h % 1000
}'
)";

double Seconds(timeval t) {
  return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
}

double CpuOf(int who) {
  struct rusage used{};
  getrusage(who, &used);
  return Seconds(used.ru_utime) + Seconds(used.ru_stime);
}

int OpenFiles() {
  std::error_code none;
  const fs::directory_iterator files("/proc/self/fd", none);
  return static_cast<int>(std::distance(begin(files), end(files)));
}

// Slot seconds: from asking for a slot to giving it back.
class Gauge {
 public:
  void Add(int change) {
    const double now = WallSeconds();
    slot_seconds_ += busy_ * (now - then_);
    then_ = now;
    busy_ += change;
    files_ = std::max(files_, OpenFiles());
  }
  double slot_seconds() {
    Add(0);
    return slot_seconds_;
  }
  int files() const { return files_; }

 private:
  int busy_ = 0;
  int files_ = 0;
  double slot_seconds_ = 0;
  double then_ = WallSeconds();
};

class GaugedSession final : public eval::Session {
 public:
  GaugedSession(std::unique_ptr<eval::Session> session, Gauge& gauge)
      : session_(std::move(session)), gauge_(gauge) {}
  ~GaugedSession() override { gauge_.Add(-1); }
  int slot() const override { return session_->slot(); }
  Task<eval::Sample> Measure(eval::SampleRequest request) override {
    return session_->Measure(request);
  }
  Task<eval::Diagnosis> Diagnose() override { return session_->Diagnose(); }

 private:
  std::unique_ptr<eval::Session> session_;
  Gauge& gauge_;
};

class GaugedEvaluator final : public eval::Evaluator {
 public:
  GaugedEvaluator(eval::Evaluator& evaluator, Gauge& gauge)
      : evaluator_(evaluator), gauge_(gauge) {}
  Task<eval::Opened> Open(const eval::Target& target) override {
    gauge_.Add(1);
    eval::Opened opened = co_await evaluator_.Open(target);
    if (opened.session) {
      opened.session =
          std::make_unique<GaugedSession>(std::move(opened.session), gauge_);
    } else {
      gauge_.Add(-1);
    }
    co_return opened;
  }

 private:
  eval::Evaluator& evaluator_;
  Gauge& gauge_;
};

void Measure(const fs::path& dir, const std::string& sandbox, int slots) {
  const int nodes = kRounds * slots;
  fs::create_directories(dir);
  std::ofstream(dir / "wait.sh") << kWait;
  app::Project project = MakeProject(
      dir, fmt::format("proposers: [{{edits: {{}}}}]\n"
                       "evaluation: {{command: sh wait.sh, sandbox: {}}}\n"
                       "budget: {{max_nodes: {}, max_hours: null, "
                       "max_cost_usd: null, plateau_nodes: null}}\n"
                       "parallel: {{evaluations: {}}}\n",
                       sandbox, nodes, slots));
  auto bench = MakeBench(project, dir);
  Gauge gauge;
  GaugedEvaluator evaluator(bench->evaluator(), gauge);
  double began = 0, used = 0, conductor = 0, own = 0, children = 0;
  auto see = [&](int node) {
    if (node == slots) {  // all slots have been filled
      began = WallSeconds(), used = gauge.slot_seconds();
      conductor = CpuOf(RUSAGE_THREAD), own = CpuOf(RUSAGE_SELF);
      children = CpuOf(RUSAGE_CHILDREN);
    }
    // From here on there is less to select than there are slots.
    if (node != nodes - slots) return;
    const double wall = WallSeconds() - began;
    const int seen = nodes - 2 * slots;
    fmt::print(
        "{:>6} {:6} {:9.1f} % {:10.1f} {:11.2f} ms {:9.2f} ms {:9.2f} ms "
        "{:8} {:8.1f} MB\n",
        sandbox, slots, 100 * (gauge.slot_seconds() - used) / (slots * wall),
        seen / wall, 1e3 * (CpuOf(RUSAGE_THREAD) - conductor) / seen,
        1e3 * (CpuOf(RUSAGE_SELF) - own) / seen,
        1e3 * (CpuOf(RUSAGE_CHILDREN) - children) / seen, gauge.files(),
        RssMegabytes());
  };
  RunSearch(project, *bench, evaluator, 500, nodes, dir, see);
}

}  // namespace

void MeasureBusy(const fs::path& dir, int slots) {
  fmt::print(
      "a search whose commands sleep some 5 s, 3 % of them 40 s; CPU a node\n"
      "{:>7} {:>6} {:>11} {:>10} {:>14} {:>12} {:>12} {:>8} {:>11}\n",
      "sandbox", "slots", "busy", "nodes/s", "conductor", "coppice", "commands",
      "files", "resident");
  for (const char* sandbox : {"none", "bwrap"}) {
    Measure(dir / sandbox, sandbox, slots);
  }
}

}  // namespace coppice::bench
