#include "spec/models.h"

#include <fmt/format.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cstdio>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "bed.h"
#include "llm/edit_session.h"
#include "llm/endpoint.h"
#include "llm/http.h"
#include "mock.h"
#include "search/prompt.h"
#include "search/sqlite_journal.h"
#include "search/state.h"

// What asking models costs, beside the floor under it.
//
//   flight   256 requests at once through endpoint and HTTP client, against
//            bare sockets that write and read the same bytes
//   search   a whole search with a model arm: what a candidate takes beyond
//            its model's latency
//   prompt   one of 240 KB, against copying it
//   edit     five hunks into 200 KB, against finding and replacing five texts

namespace coppice::bench {
namespace {
namespace fs = std::filesystem;

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

double MedianMilliseconds(int times, const std::function<void()>& work) {
  std::vector<double> seconds;
  for (int i = 0; i < times; ++i) {
    const double start = WallSeconds();
    work();
    seconds.push_back(WallSeconds() - start);
  }
  return 1e3 * Median(std::move(seconds));
}

double PeakMegabytes() {
  struct rusage own;
  getrusage(RUSAGE_SELF, &own);
  return static_cast<double>(own.ru_maxrss) * 1024 / 1e6;
}

std::string SourceText() {
  std::ifstream in(COPPICE_SOURCE_DIR "/examples/hashtable/src/table.cc");
  return {std::istreambuf_iterator<char>(in), {}};
}

// At least `bytes` of code, in parts that begin with a line of their own.
std::string LongSource(std::size_t bytes) {
  const std::string part = SourceText();
  std::string text;
  for (int i = 0; text.size() < bytes; ++i) {
    text += fmt::format("// part {}\n{}", i, part);
  }
  return text;
}

void RunToEnd(asio::io_context& io, Task<void> task) {
  asio::co_spawn(io, std::move(task), [](const std::exception_ptr& failure) {
    if (failure) std::rethrow_exception(failure);
  });
  io.restart();
  io.run();
}

// ---- flight ----------------------------------------------------------------

constexpr int kInFlight = 256;
// A rate: the one burst at the start, which waits for one CPU, is not it.
constexpr int kRounds = 20;
constexpr int kLatencyMs = 1000;

llm::Call TypicalCall() {
  llm::Call call;
  call.messages = {{llm::Role::kSystem, "Answer with edits."},
                   {llm::Role::kUser, LongSource(32'000)}};
  return call;
}

spec::ModelProfile ProfileOf(const std::string& base_url) {
  spec::ModelArm arm;
  arm.model = "local/mock";
  arm.base_url = base_url;
  auto profile = spec::ModelTable::BuiltIn().Resolve(arm, nullptr);
  if (!profile) throw std::runtime_error(profile.error().Text());
  return *profile;
}

struct Flight {
  double share;  // of the rate that latency alone would allow
  double cpu_ms;
};

Flight Timed(const std::function<void()>& all) {
  const double cpu = CpuSeconds(), start = WallSeconds();
  all();
  const double ideal = kRounds * 1e-3 * kLatencyMs;
  return {.share = ideal / (WallSeconds() - start),
          .cpu_ms = 1e3 * (CpuSeconds() - cpu) / (kInFlight * kRounds)};
}

Task<void> AskOnce(llm::Endpoint& endpoint, Semaphore& requests,
                   const llm::Call& call) {
  const Semaphore::Permit permit = co_await requests.Acquire();
  const llm::Endpoint::Exchange exchange =
      co_await endpoint.Send(call, std::chrono::seconds(60));
  if (!exchange.reply) throw std::runtime_error(exchange.error.message);
}

Flight OurFlight(const std::string& base_url) {
  asio::io_context io{1};
  const std::unique_ptr<Clock> clock = MakeRealClock();
  llm::HttpSettings settings;
  settings.parked_per_origin = kInFlight;
  const std::unique_ptr<llm::HttpClient> http =
      llm::MakeHttpClient(io.get_executor(), *clock, std::move(settings));
  llm::RateGate gate;
  const llm::Redactor redact;
  llm::Endpoint endpoint(ProfileOf(base_url), base_url, {},
                         {*http, *clock, redact, gate});
  const llm::Call call = TypicalCall();
  Semaphore requests(io.get_executor(), kInFlight);
  auto all = [&]() -> Task<void> {
    TaskGroup group(io.get_executor());
    for (int i = 0; i < kInFlight * kRounds; ++i) {
      group.Spawn(AskOnce(endpoint, requests, call));
    }
    co_await group.Join();
  };
  return Timed([&] { RunToEnd(io, all()); });
}

Task<void> BareCaller(int port, const std::string& request) {
  asio::ip::tcp::socket socket(co_await asio::this_coro::executor);
  const asio::ip::tcp::endpoint server(asio::ip::address_v4::loopback(),
                                       static_cast<std::uint16_t>(port));
  co_await socket.async_connect(server, asio::use_awaitable);
  std::string answer;
  for (int i = 0; i < kRounds; ++i) {
    co_await asio::async_write(socket, asio::buffer(request),
                               asio::use_awaitable);
    answer.clear();
    co_await asio::async_read_until(socket, asio::dynamic_buffer(answer),
                                    "\r\n0\r\n\r\n", asio::use_awaitable);
  }
}

Flight BareFlight(const MockServer& server) {
  const llm::HttpRequest encoded = llm::Encode(
      TypicalCall(), ProfileOf(server.base_url()), server.base_url(), {}, {});
  const std::string request = fmt::format(
      "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\n"
      "Content-Length: {}\r\n\r\n{}",
      encoded.body.size(), encoded.body);
  asio::io_context io{1};
  auto all = [&]() -> Task<void> {
    TaskGroup group(io.get_executor());
    for (int i = 0; i < kInFlight; ++i) {
      group.Spawn(BareCaller(server.port(), request));
    }
    co_await group.Join();
  };
  return Timed([&] { RunToEnd(io, all()); });
}

void InFlight() {
  const MockServer server(kLatencyMs);
  const Flight ours = OurFlight(server.base_url());
  const double peak = PeakMegabytes();
  const Flight floor = BareFlight(server);
  fmt::print("{} requests in flight, {} ms latency, {} rounds\n", kInFlight,
             kLatencyMs, kRounds);
  fmt::print(
      "  floor, bare sockets {:8.1f} % of the ideal rate, {:.3f} ms CPU "
      "a request\n",
      100 * floor.share, floor.cpu_ms);
  fmt::print(
      "  coppice             {:8.1f} %            (at least 98 %), "
      "{:.3f} ms CPU\n",
      100 * ours.share, ours.cpu_ms);
  fmt::print("  peak memory         {:8.1f} MB           (at most 250 MB)\n",
             peak);
}

// ---- search ----------------------------------------------------------------

app::Project ModelProject(const fs::path& dir, const MockServer& server,
                          int nodes, const std::string& search) {
  return MakeProject(
      dir, fmt::format("evaluation: echo cost 1\n"
                       "proposers: [{{model: local/mock, base_url: '{}'}}]\n"
                       "budget: {{max_nodes: {}, max_hours: null, "
                       "max_cost_usd: null, plateau_nodes: null}}\n"
                       "parallel: {{evaluations: 1, requests: 16}}\n"
                       "search: {}\n",
                       server.base_url(), nodes, search));
}

struct Candidates {
  double beyond_ms;  // of wall, a candidate, beyond its model's latency
  double cpu_ms;
};

Candidates SearchOnce(const fs::path& dir, const MockServer& server,
                      int latency_ms, int nodes) {
  constexpr int kAtOnce = 16;
  app::Project project =
      ModelProject(dir, server, nodes, "{policy: best_of_n, num_drafts: 16}");
  auto bench = MakeBench(project, dir);
  SlotEvaluator evaluator(bench->workspaces());
  // Neither the first nor the last ones have all the others beside them.
  const int first = 2 * kAtOnce, last = nodes - 2 * kAtOnce;
  double wall = 0, cpu = 0;
  RunSearch(project, *bench, evaluator, bench::SlotCost(project.base), nodes,
            dir, [&](int node) {
              if (node != first && node != last) return;
              wall = WallSeconds() - wall;
              cpu = CpuSeconds() - cpu;
            });
  const double each = 1e3 / (last - first);
  return {.beyond_ms = wall * each * kAtOnce - latency_ms,
          .cpu_ms = cpu * each};
}

void Searching(const fs::path& scratch) {
  constexpr int kLatency = 200, kNodes = 400, kTimes = 3;
  const MockServer server(kLatency);
  std::vector<double> beyond, cpu;
  for (int i = 0; i < kTimes; ++i) {
    const Candidates made = SearchOnce(scratch / fmt::format("search{}", i),
                                       server, kLatency, kNodes);
    beyond.push_back(made.beyond_ms);
    cpu.push_back(made.cpu_ms);
  }
  fmt::print("search with a model of {} ms latency, 16 at once\n", kLatency);
  fmt::print("  beyond the latency  {:8.2f} ms a node    (at most 10 ms)\n",
             Median(beyond));
  fmt::print("  CPU                 {:8.2f} ms a node\n", Median(cpu));
}

// ---- prompt ----------------------------------------------------------------

// A run of `nodes` attempts under the default policy, read from its journal.
struct PastRun {
  search::State state;
  std::map<AttemptId, std::string> patches;
  AttemptId last_improve;
};

void ReadRun(const fs::path& dir, PastRun& run) {
  auto journal = search::OpenJournalForReading(dir / "journal.db");
  if (!journal) throw std::runtime_error(journal.error().Text());
  auto read = (*journal)->Replay([&](const search::Record& record) {
    const search::Event& event = record.event;
    if (const auto* made = std::get_if<search::Committed>(&event)) {
      run.patches[made->attempt] = made->patch;
    }
    const auto* selected = std::get_if<search::Selected>(&event);
    if (selected != nullptr && selected->op == Operator::kImprove &&
        !selected->history_withheld) {
      run.last_improve = selected->attempt;
    }
    return run.state.Apply(record);
  });
  if (!read) throw std::runtime_error(read.error().Text());
}

std::string Joined(const llm::Prompt& prompt) {
  std::string text;
  for (const llm::PromptSection& section : prompt) text += section.text;
  return text;
}

void Prompting(const fs::path& scratch) {
  constexpr int kNodes = 200, kFiles = 4, kTimes = 51;
  const fs::path dir = scratch / "prompt";
  const MockServer server(0);
  app::Project project = ModelProject(dir, server, kNodes, "{}");
  {
    auto bench = MakeBench(project, dir);
    SlotEvaluator evaluator(bench->workspaces());
    RunSearch(project, *bench, evaluator, bench::SlotCost(project.base), kNodes,
              dir, [](int) {});
  }
  PastRun run;
  ReadRun(dir, run);
  search::PromptFiles files;
  for (int i = 0; i < kFiles; ++i) {
    llm::SourceFile file;
    file.path = fmt::format("src/table{}.cc", i);
    file.text = LongSource(230'000 / kFiles - 2'000);
    file.mutable_file = true;
    files.push_back(std::make_shared<llm::SourceFile>(std::move(file)));
  }
  std::map<AttemptId, std::string> patches;
  for (AttemptId wanted : WantedPatches(run.state, run.last_improve)) {
    patches[wanted] = run.patches[wanted];
  }
  const search::PromptInput input{.attempt = run.last_improve,
                                  .files = files,
                                  .patches = patches,
                                  .scope = project.scope,
                                  .templates = search::Templates::BuiltIn()};
  const std::string text = Joined(BuildPrompt(run.state, input));
  std::string copy;
  const double floor = MedianMilliseconds(kTimes, [&] {
    copy = std::string();
    copy += text;
  });
  const double ours =
      MedianMilliseconds(kTimes, [&] { BuildPrompt(run.state, input); });
  fmt::print("prompt of {:.0f} KB after {} attempts\n",
             static_cast<double>(text.size()) / 1024, kNodes);
  fmt::print("  floor, one copy     {:8.3f} ms\n", floor);
  fmt::print("  coppice             {:8.3f} ms           (at most 5 ms)\n",
             ours);
}

// ---- edit ------------------------------------------------------------------

// The lines of the text at `marker`: it and the next `count` - 1.
std::string LinesAt(const std::string& text, const std::string& marker,
                    int count) {
  const std::size_t begin = text.find(marker);
  std::size_t end = begin;
  for (int i = 0; i < count; ++i) end = text.find('\n', end) + 1;
  return text.substr(begin, end - begin);
}

struct Hunk {
  std::string before, after;
};

std::string Indented(const std::string& lines) {
  std::string text;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const bool begins = i == 0 || lines[i - 1] == '\n';
    if (begins && lines[i] != '\n') text += "  ";
    text += lines[i];
  }
  return text;
}

std::string AnswerOf(const std::vector<Hunk>& hunks) {
  std::string answer = "IDEA: five places at once\n\n";
  for (const auto& [before, after] : hunks) {
    answer += "src/long.cc\n<<<<<<< SEARCH\n" + before + "=======\n" + after +
              ">>>>>>> REPLACE\n";
  }
  return answer;
}

void Editing() {
  constexpr int kHunks = 5, kLines = 12, kTimes = 51;
  auto file = std::make_shared<llm::SourceFile>();
  file->path = "src/long.cc";
  file->text = LongSource(200'000);
  file->mutable_file = true;
  std::vector<Hunk> hunks, shifted;
  for (int i = 0; i < kHunks; ++i) {
    const std::string marker = fmt::format("// part {}\n", 1 + i * 5);
    const std::string before = LinesAt(file->text, marker, kLines);
    hunks.push_back({before, before + "// changed\n"});
    shifted.push_back(
        {Indented(hunks.back().before), Indented(hunks.back().after)});
  }
  auto apply = [&](const std::string& answer) {
    llm::EditSession::Rules rules;
    rules.mutable_patterns = {"src/"};
    llm::EditSession session(rules, {file});
    const llm::EditVerdict verdict = session.Take(answer);
    if (!verdict.changes) throw std::runtime_error(verdict.reply);
  };
  const double floor = MedianMilliseconds(kTimes, [&] {
    std::string text = file->text;
    for (const Hunk& hunk : hunks) {
      text.replace(text.find(hunk.before), hunk.before.size(), hunk.after);
    }
  });
  const std::string exact = AnswerOf(hunks);
  const std::string indented = AnswerOf(shifted);
  const double ours = MedianMilliseconds(kTimes, [&] { apply(exact); });
  const double normalised =
      MedianMilliseconds(kTimes, [&] { apply(indented); });
  fmt::print("edit of {} hunks in {:.0f} KB\n", kHunks,
             static_cast<double>(file->text.size()) / 1024);
  fmt::print("  floor, find/replace {:8.3f} ms\n", floor);
  fmt::print("  exact               {:8.3f} ms           (at most 5 ms)\n",
             ours);
  fmt::print("  wrongly indented    {:8.3f} ms           (at most 5 ms)\n",
             normalised);
}

}  // namespace
}  // namespace coppice::bench

int main(int argc, char** argv) {
  if (coppice::bench::ServedAsMock(argc, argv)) return 0;
  setvbuf(stdout, nullptr, _IOLBF, 0);
  // A tmpfs, so that the figures are coppice's and not the disk's.
  std::string name = "/dev/shm/coppice-bench-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) {
    std::perror(name.c_str());
    return 2;
  }
  setenv("XDG_CACHE_HOME", (name + "/cache").c_str(), 1);
  // First, because the peak of memory is the process's.
  coppice::bench::InFlight();
  coppice::bench::Searching(name);
  coppice::bench::Prompting(name);
  coppice::bench::Editing();
  std::filesystem::remove_all(name);
  return 0;
}
