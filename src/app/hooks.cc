#include "app/hooks.h"

#include <fmt/format.h>
#include <signal.h>
#include <stdlib.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "report/facts.h"
#include "report/progress.h"

// A hook is a guest: it gets a copy of the news, its own process group, a small
// environment and half a minute. Two lanes, one for commands and one for
// POSTs, so that a server that hangs delays no command. A lane that falls
// behind forgets the oldest finished nodes first; a pause and the end go to
// the front, because somebody waits for them.

namespace coppice::app {
namespace {

constexpr auto kLimit = std::chrono::seconds(30);
constexpr auto kPostLimit = std::chrono::seconds(10);
constexpr int kPosts = 3;
constexpr std::size_t kMostWaiting = 256;
constexpr std::size_t kMostOutput = 16 << 10;  // of a hook, into the log
constexpr const char* kOnNode = "on_node";

// The host of a URL, for the log: paths of web hooks are secrets.
std::string HostOf(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return "";
  std::string_view rest = url.substr(scheme + 3);
  rest = rest.substr(0, rest.find_first_of("/?#"));
  if (const auto at = rest.rfind('@'); at != std::string_view::npos) {
    rest.remove_prefix(at + 1);
  }
  return std::string(rest);
}

bool IsLoopback(std::string_view host) {
  if (host.starts_with('[')) return host.substr(0, host.find(']')) == "[::1";
  host = host.substr(0, host.find(':'));
  if (host == "localhost") return true;
  return host.starts_with("127.") && std::ranges::all_of(host, [](char c) {
           return c == '.' || (c >= '0' && c <= '9');
         });
}

// What a notifier needs; keys of model servers are not among it.
std::vector<std::pair<std::string, std::string>> Environment(
    const std::filesystem::path& run_dir) {
  std::vector<std::pair<std::string, std::string>> env{
      {"COPPICE_RUN", run_dir.filename()}, {"COPPICE_RUN_DIR", run_dir}};
  for (const char* name : {"PATH",
                           "HOME",
                           "USER",
                           "LOGNAME",
                           "SHELL",
                           "LANG",
                           "LC_ALL",
                           "LC_CTYPE",
                           "TZ",
                           "TMPDIR",
                           "DISPLAY",
                           "WAYLAND_DISPLAY",
                           "DBUS_SESSION_BUS_ADDRESS",
                           "XDG_RUNTIME_DIR",
                           "XDG_CONFIG_HOME",
                           "http_proxy",
                           "https_proxy",
                           "no_proxy",
                           "HTTPS_PROXY",
                           "NO_PROXY"}) {
    if (const char* value = getenv(name)) env.emplace_back(name, value);
  }
  return env;
}

// The answer of a web hook: its status alone matters.
class StatusSink final : public llm::HttpSink {
 public:
  void OnHead(const llm::HttpHead& head) override { status = head.status; }
  bool OnBody(std::string_view) override { return false; }
  int status = 0;
};

}  // namespace

Result<void> CheckHooks(const spec::Hooks& hooks) {
  if (!hooks.webhook) return Ok();
  const std::string& url = *hooks.webhook;
  const std::string host = HostOf(url);
  const bool safe = url.starts_with("https://") ||
                    (url.starts_with("http://") && IsLoopback(host));
  if (safe && !host.empty()) return Ok();
  return Error{.code = ErrorCode::kUsage,
               .what =
                   "hooks.webhook must be an https URL, or http to this "
                   "machine",
               .cause = "ideas and results would travel in the clear",
               .next = "write https://..., or http://127.0.0.1:PORT/..."};
}

Hooks::Hooks(Parts parts) : parts_(std::move(parts)) {}
Hooks::~Hooks() = default;

void Hooks::Observe(const search::State& state, const search::Record& record) {
  const std::optional<AttemptId> about = search::AttemptOf(record.event);
  const auto* evaluated = std::get_if<search::Evaluated>(&record.event);
  const bool finished =
      evaluated || std::holds_alternative<search::Rejected>(record.event);
  if (finished && about && about->value() > 0) {
    Tell(kOnNode, state, record);
    const bool best = evaluated && evaluated->outcome == Outcome::kImproved &&
                      report::BestAttempt(state) == *about;
    if (best) Tell("on_new_best", state, record);
  } else if (std::holds_alternative<search::Paused>(record.event)) {
    Tell("on_pause", state, record);
  } else if (std::holds_alternative<search::Stopped>(record.event)) {
    Tell("on_finish", state, record);
  }
}

void Hooks::Tell(const std::string& hook, const search::State& state,
                 const search::Record& record) {
  const spec::Hooks& wanted = state.spec().hooks;
  const std::optional<std::string>& command =
      hook == kOnNode         ? wanted.on_node
      : hook == "on_new_best" ? wanted.on_new_best
      : hook == "on_pause"    ? wanted.on_pause
                              : wanted.on_finish;
  if (closed_ || (!command && !wanted.webhook)) return;
  auto news = report::ProgressJson(state, record);
  if (!news) return;
  report::OrderedJson line{
      {"hook", hook}, {"run", state.run()}, {"name", state.spec().name}};
  line.update(*news);
  const std::string text = parts_.redact(report::DumpLine(line));
  if (command) Add(commands_, {hook, *command, text});
  if (wanted.webhook) Add(posts_, {hook, *wanted.webhook, text});
}

void Hooks::Add(Lane& lane, Errand errand) {
  if (lane.waiting.size() >= kMostWaiting) {
    auto oldest = std::ranges::find(lane.waiting, kOnNode, &Errand::hook);
    if (oldest == lane.waiting.end()) oldest = lane.waiting.begin();
    lane.waiting.erase(oldest);
    if (lane.lost++ == 0) {
      LogInfo("hooks cannot keep up: the oldest news are left out");
    }
  }
  const bool urgent = errand.hook == "on_pause" || errand.hook == "on_finish";
  if (urgent) {
    lane.waiting.push_front(std::move(errand));
  } else {
    lane.waiting.push_back(std::move(errand));
  }
  if (lane.busy) return;
  lane.busy = true;
  asio::co_spawn(parts_.executor, Work(lane), asio::detached);
}

Task<void> Hooks::Work(Lane& lane) {
  while (!lane.waiting.empty() && !closed_) {
    const Errand errand = std::move(lane.waiting.front());
    lane.waiting.pop_front();
    if (&lane == &posts_) {
      co_await Post(errand);
    } else {
      co_await RunCommand(errand);
    }
  }
  lane.busy = false;
}

Task<void> Hooks::RunCommand(const Errand& errand) {
  std::string output;
  auto hear = [&output](std::string_view bytes) {
    output.append(bytes.substr(0, kMostOutput - output.size()));
  };
  ProcessOptions options{.argv = {"/bin/sh", "-c", errand.target},
                         .base_env = BaseEnv::kEmpty,
                         .env = Environment(parts_.run_dir),
                         .cwd = parts_.work_dir,
                         .stdin_text = errand.line + "\n",
                         .on_stdout = hear,
                         .on_stderr = hear};
  Result<std::unique_ptr<Process>> process =
      Process::Start(parts_.executor, std::move(options));
  if (!process) {
    Log(errand, process.error().Text());
    co_return;
  }
  running_ = process->get();
  const bool ended = co_await (*process)->WaitExit(kLimit);
  running_ = nullptr;
  // It had its own group, which ends with it.
  if (!ended) {
    (*process)->SignalGroup(SIGKILL);
    co_await (*process)->WaitExit(std::chrono::seconds(2));
  }
  co_await (*process)->WaitOutput(std::chrono::milliseconds(200));
  (*process)->CloseOutput();
  for (std::string_view line : SplitLines(output)) Log(errand, line);
  if (!ended) {
    Log(errand,
        closed_ ? "ended: the run is over" : "ended: it took longer than 30 s");
  } else if ((*process)->exit().signal() != 0) {
    Log(errand, fmt::format("ended by signal {}", (*process)->exit().signal()));
  } else if ((*process)->exit().exit_code() != 0) {
    Log(errand, fmt::format("exit {}", (*process)->exit().exit_code()));
  }
}

Task<void> Hooks::Post(const Errand& errand) {
  llm::HttpRequest request;
  request.url = errand.target;
  request.headers = {{"Content-Type", "application/json"},
                     {"User-Agent", "coppice/" COPPICE_VERSION}};
  request.body = errand.line + "\n";
  request.total = kPostLimit;
  request.idle = kPostLimit;
  for (int attempt = 1; attempt <= kPosts && !closed_; ++attempt) {
    StatusSink sink;
    const llm::HttpEnd end = co_await parts_.http->Send(request, sink);
    if (sink.status >= 200 && sink.status < 300) co_return;
    const bool again = sink.status == 0 || sink.status == 408 ||
                       sink.status == 429 || sink.status >= 500;
    Log(errand,
        fmt::format("{} of {} to {}: {}", again ? "try" : "refused, try",
                    attempt, HostOf(errand.target),
                    sink.status > 0 ? fmt::format("status {}", sink.status)
                                    : end.detail));
    if (!again || attempt == kPosts) co_return;
    co_await parts_.clock.SleepFor(std::chrono::seconds(attempt));
  }
}

void Hooks::Log(const Errand& errand, std::string_view what) const {
  LogInfo(fmt::format("hook {}: {}", errand.hook,
                      parts_.redact(OneLine(what, 400))));
}

Task<void> Hooks::Finish(Duration patience) {
  const Instant until = parts_.clock.Now() + patience;
  while (!idle() && !closed_ && parts_.clock.Now() < until) {
    co_await parts_.clock.SleepFor(std::chrono::milliseconds(20));
  }
  Cancel();
  while (!idle()) {
    co_await parts_.clock.SleepFor(std::chrono::milliseconds(20));
  }
  parts_.http->CancelAll();
}

void Hooks::Cancel() {
  closed_ = true;
  const std::size_t left = commands_.waiting.size() + posts_.waiting.size();
  if (left > 0) LogInfo(fmt::format("hooks: {} left untold", left));
  commands_.waiting.clear();
  posts_.waiting.clear();
  if (running_ != nullptr) {
    running_->SignalGroup(SIGKILL);
    running_->Wake();
  }
  if (!idle()) parts_.http->CancelAll();
}

}  // namespace coppice::app
