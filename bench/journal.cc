#include <fmt/format.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "app/status_view.h"
#include "bed.h"
#include "eval/baseline_lock.h"
#include "search/expander.h"
#include "search/search.h"
#include "search/sqlite_journal.h"

// How long a long run takes to be read: by `status`, and by a resume up to the
// moment at which it could select again. The journal is as a search with a
// model writes it: prompts in sections, answers, patches, commits in the store;
// `coppice replay --verify` finds nothing wrong with it.
//
//   coppice_bench_journal [NODES ...]     default: 10000 100000

namespace coppice {
namespace {
namespace fs = std::filesystem;
using bench::MakeBench;
using bench::MakeProject;
using bench::WallSeconds;

constexpr const char* kRun = "20260101-000000-aaa";
constexpr int kTogether = 128;  // nodes a transaction

// What a proposer was told: most sections are those of the attempt before.
std::vector<llm::Utterance> Prompt(int node) {
  std::vector<llm::Utterance> parts;
  for (int section = 0; section < 8; ++section) {
    const int since = section < 6 ? node / 50 : node;
    parts.push_back({llm::Speaker::kUser,
                     fmt::format("section {} since {}\n", section, since) +
                         std::string(600, 'p')});
  }
  return parts;
}

class Writer {
 public:
  Writer(app::Project& project, const fs::path& dir)
      : project_(project),
        journal_(*search::CreateJournal(dir / "journal.db")) {}

  void Begin() {
    search::Started started;
    started.coppice = COPPICE_VERSION;
    started.run = kRun;
    started.spec_json = project_.loaded.merged_json;
    started.base = project_.base;
    started.lock_json = eval::FormatLock({});
    search::Committed root;
    root.commit = project_.base;
    root.tree = *project_.store->TreeIdOf(project_.base);
    Say(std::move(started));
    Say(std::move(root));
    for (int i = 0; i < 5; ++i) Sample(0, i, SamplePhase::kBaseline, 100);
    search::Evaluated evaluated;
    evaluated.outcome = Outcome::kBaseline;
    evaluated.value = 100;
    Say(std::move(evaluated));
    Keep();
  }

  void Node(int node) {
    const AttemptId attempt(node);
    search::Selected selected;
    selected.attempt = attempt;
    selected.arm = "local/mock";
    selected.parents = {AttemptId(0)};
    Say(selected);
    search::Asked asked;
    asked.attempt = attempt;
    asked.arm = "local/mock";
    asked.model = "local/mock";
    asked.role = "propose";
    asked.prompt = Prompt(node);
    Say(std::move(asked));
    search::Answered answered;
    answered.attempt = attempt;
    answered.text =
        fmt::format("IDEA: number {}\n", node) + std::string(1200, 'a');
    answered.usage.input = 3000;
    answered.usage.output = 300;
    answered.stop = "complete";
    Say(std::move(answered));
    Commit(attempt, selected);
    const double value = 100 + node % 97;
    Sample(node, 0, SamplePhase::kScreen, value);
    search::Evaluated evaluated;
    evaluated.node = attempt;
    evaluated.outcome = Outcome::kValid;
    evaluated.reason = "screen against 100: gain <= noise 0%";
    evaluated.value = value;
    const double gain = (100 - value) / 100;
    evaluated.gain = search::Gain{gain, gain, gain};
    Say(std::move(evaluated));
    if (node % kTogether == 0) Keep();
  }

  void End() {
    Keep();
    Result<void> flushed = project_.store->Flush();
    if (!flushed) throw std::runtime_error(flushed.error().Text());
    search::Stopped stopped;
    stopped.reason = "max_nodes";
    stopped.exit = 3;
    Say(std::move(stopped));
    Keep();
    auto published = project_.store->PublishBest(kRun, project_.base);
    if (!published) throw std::runtime_error(published.error().Text());
  }

 private:
  void Say(search::Event event) { events_.push_back(std::move(event)); }

  void Keep() {
    auto kept = journal_->AppendTogether(began_, std::exchange(events_, {}));
    if (!kept) throw std::runtime_error(kept.error().Text());
  }

  void Sample(int node, int index, SamplePhase phase, double value) {
    search::Sampled sampled;
    sampled.node = AttemptId(node);
    sampled.sample.phase = phase;
    sampled.sample.index = index;
    sampled.sample.metrics = {{"cost", value}, {"seconds", 0.25}};
    sampled.sample.seconds = 0.02;
    sampled.sample.log = fmt::format("nodes/{}/eval.log", node);
    Say(std::move(sampled));
  }

  void Commit(AttemptId attempt, const search::Selected& selected) {
    vcs::CommitRequest request;
    request.parents = {project_.base};
    request.changes = {
        {"src/table.cc", fmt::format("// {}\n", attempt.value())}};
    request.message = fmt::format(
        "number {0}\n\nCoppice-Run: {1}\nCoppice-Node: {0}\nCoppice-Parent: "
        "0\nCoppice-Op: {2}\nCoppice-Arm: {3}\n",
        attempt.value(), kRun, Name(selected.op), selected.arm);
    request.time = kSeconds + attempt.value();
    Result<vcs::CommitInfo> made = project_.store->Commit(request);
    if (!made) throw std::runtime_error(made.error().Text());
    if (attempt.value() % 4096 == 0) (void)project_.store->Flush();
    search::Committed committed;
    committed.attempt = attempt;
    committed.commit = made->commit;
    committed.tree = made->tree;
    committed.plan.idea = fmt::format("number {}", attempt.value());
    committed.plan.category = "algorithm";
    committed.message = std::move(request.message);
    committed.time = request.time;
    committed.patch = std::move(made->patch);
    committed.files = std::move(made->files);
    Say(std::move(committed));
  }

  static constexpr std::int64_t kSeconds = 1'767'225'600;  // 2026
  const WallTime began_{std::chrono::seconds(kSeconds)};
  app::Project& project_;
  std::unique_ptr<search::SqliteJournal> journal_;
  std::vector<search::Event> events_;
};

// Of a few: other work on the machine only adds.
double Fastest(const std::string& command, int times) {
  double fastest = 1e9;
  for (int i = 0; i < times; ++i) {
    const double start = WallSeconds();
    if (std::system(command.c_str()) != 0) {
      throw std::runtime_error("failed: " + command);
    }
    fastest = std::min(fastest, WallSeconds() - start);
  }
  return fastest;
}

// Everything that a resume reads before it selects.
double Recovering(app::Project& project, app::Workbench& bench,
                  const fs::path& dir) {
  const double start = WallSeconds();
  auto journal = search::OpenJournal(dir / "journal.db");
  if (!journal) throw std::runtime_error(journal.error().Text());
  search::Search search({.executor = bench.io().get_executor(),
                         .clock = bench.clock(),
                         .compute = bench.compute(),
                         .repository = *project.store,
                         .evaluator = bench.evaluator(),
                         .journal = **journal,
                         .scope = project.scope});
  Result<void> recovered = search.Recover();
  if (!recovered) throw std::runtime_error(recovered.error().Text());
  const double seconds = WallSeconds() - start;
  // As the owner of a run leaves it.
  app::StatusView(dir).Close(search.state(), bench.clock());
  return seconds;
}

void Measure(const fs::path& scratch, const std::string& coppice, int nodes) {
  const fs::path repo = scratch / std::to_string(nodes);
  app::Project project = MakeProject(
      repo, fmt::format("evaluation: echo cost 1\n"
                        "proposers: [{{model: local/mock, "
                        "base_url: \"http://127.0.0.1:9/v1\"}}]\n"
                        "budget: {{max_nodes: {}, max_hours: null, "
                        "max_cost_usd: null, plateau_nodes: null}}\n",
                        nodes));
  const fs::path dir = project.NameDir() / kRun;
  fs::create_directories(dir);
  {
    Writer writer(project, dir);
    writer.Begin();
    for (int node = 1; node <= nodes; ++node) writer.Node(node);
    writer.End();
  }
  const std::string here = coppice + " --repo " + repo.string() + " ";
  const double fold = Fastest(here + "status >/dev/null", 1);
  auto bench = MakeBench(project, repo);
  const double recover = Recovering(project, *bench, dir);
  const double status = Fastest(here + "status >/dev/null", 5);
  const double megabytes =
      static_cast<double>(fs::file_size(dir / "journal.db")) / 1e6;
  fmt::print("a run of {} nodes, journal of {:.0f} MB\n", nodes, megabytes);
  fmt::print("  status              {:8.0f} ms   (at most 100 ms)\n",
             1e3 * status);
  fmt::print("  resume              {:8.2f} s    (at most {} s)\n", recover,
             nodes <= 10'000 ? 2 : 15);
  fmt::print("  status, folding     {:8.2f} s    (after a kill)\n", fold);
  if (nodes > 10'000) return;
  const double start = WallSeconds();
  const bool sound =
      std::system((here + "replay bench --verify >/dev/null").c_str()) == 0;
  fmt::print("  replay --verify     {:8.2f} s    {}\n", WallSeconds() - start,
             sound ? "every check holds" : "FINDS");
}

}  // namespace
}  // namespace coppice

int main(int argc, char** argv) {
  setvbuf(stdout, nullptr, _IOLBF, 0);
  std::string name = "/dev/shm/coppice-bench-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) return 2;
  setenv("XDG_CACHE_HOME", (name + "/cache").c_str(), 1);
  const std::string coppice =
      std::filesystem::read_symlink("/proc/self/exe").parent_path() / "coppice";
  std::vector<int> sizes;
  for (int i = 1; i < argc; ++i) sizes.push_back(std::atoi(argv[i]));
  if (sizes.empty()) sizes = {10'000, 100'000};
  for (int nodes : sizes) coppice::Measure(name, coppice, nodes);
  if (getenv("COPPICE_BENCH_KEEP") == nullptr)
    std::filesystem::remove_all(name);
  return 0;
}
