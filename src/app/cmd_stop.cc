#include <fmt/format.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "app/commands.h"
#include "app/run_reader.h"
#include "base/fd.h"
#include "report/facts.h"
#include "report/status.h"
#include "search/directive.h"
#include "search/lease.h"

// stop: a word in the inbox, meant for the process that owns the run now. It
// answers within a second or two by recording it. One that does not (stopped,
// hung, on its way out) is sent the signal that a terminal would have sent;
// the process is held by its descriptor and its start time is compared, so
// that no other process is ever meant.

namespace coppice::app {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kHears{6};  // it looks once a second
constexpr seconds kEnds{20};  // commands get two seconds, then are killed

// Waits for something, looking ten times a second. False: not in time.
template <class Condition>
bool Within(seconds limit, Condition&& holds) {
  const std::unique_ptr<Clock> clock = MakeRealClock();
  const Instant until = clock->Now() + limit;
  while (!holds()) {
    if (clock->Now() >= until) return false;
    std::this_thread::sleep_for(milliseconds(100));
  }
  return true;
}

bool Owns(const std::filesystem::path& dir, const search::LeaseOwner& owner) {
  const std::optional<search::LeaseOwner> now = search::FindOwner(dir);
  return now && *now == owner;
}

// Is it on record that the run has heard this?
bool Heard(search::SqliteJournal& journal, std::int64_t after,
           const std::string& nonce) {
  bool heard = false;
  auto see = [&](const search::Record& record) -> Result<void> {
    const auto* told = std::get_if<search::Told>(&record.event);
    if (told == nullptr) return Ok();
    Result<search::Directive> said = search::ParseDirective(told->directive);
    heard = heard || (said && said->nonce == nonce);
    return Ok();
  };
  Result<void> read = journal.ReplayFrom(after + 1, see);
  return read && heard;
}

// False: the process is not there any more, or is not ours to signal.
bool SendSignal(const search::LeaseOwner& owner, int signal) {
  const auto pid = static_cast<pid_t>(owner.pid);
  UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!process || !search::IsAlive(owner, search::ThisProcess())) return false;
  return syscall(SYS_pidfd_send_signal, process.get(), signal, nullptr, 0) == 0;
}

std::string NewNonce() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}", random(), random());
}

// The latest run that is live, else the latest.
std::string RunToStop(const Global& global, const std::string& given) {
  if (!given.empty()) return given;
  Result<Opened> opened = OpenRepository(global);
  if (!opened) return given;
  const std::vector<RunPlace> runs = ListRuns(opened->home);
  for (auto run = runs.rbegin(); run != runs.rend(); ++run) {
    if (search::FindOwner(run->dir)) return run->id;
  }
  return given;
}

struct Answer {
  std::string state;  // "not_running", "stopping", "ended"
  std::string how;    // "inbox", "signal"
  std::string text;
};

int Say(const Global& global, const std::string& run, const Answer& answer) {
  if (global.output == OutputMode::kJson) {
    Json json{{"run", run}, {"state", answer.state}};
    if (!answer.how.empty()) json["how"] = answer.how;
    Print(DumpCanonical(json));
  } else {
    Print(answer.text);
  }
  return kDone;
}

int NotRunning(const Global& global, const ReadRun& run) {
  const search::State& state = *run.state;
  const std::string& id = run.place.id;
  std::string text = fmt::format("run {} is not running: {}", id,
                                 report::StatusWord(state, /*alive=*/false));
  if (state.stopped()) text += fmt::format(" ({})", report::StopText(state));
  text += fmt::format("\n  go on:  coppice resume {}", id);
  return Say(global, id, {"not_running", "", text});
}

Error BelongsToStudy(const ReadRun& run, const search::LeaseOwner& owner) {
  return Error{.code = ErrorCode::kUsage,
               .what = fmt::format("run {} is part of the study {}",
                                   run.place.id, run.state->start().study),
               .cause = "its searches end together",
               .next = fmt::format("kill -INT {} lets the study end what runs; "
                                   "coppice compare FILE --resume goes on",
                                   owner.pid)};
}

Error DoesNotEnd(const ReadRun& run, const search::LeaseOwner& owner) {
  Error error{.code = ErrorCode::kIo,
              .what = fmt::format("the run does not answer: host {}, pid {}",
                                  owner.host, owner.pid),
              .where = run.place.dir.string()};
  if (owner.host != search::ThisProcess().host) {
    error.cause = "it runs on another machine";
    error.next = fmt::format("coppice stop {} there", run.place.id);
  } else {
    error.cause = "it is suspended, or stuck in the kernel";
    error.next = fmt::format(
        "kill -CONT {}, or kill -KILL {}; `coppice resume "
        "{}` goes on from the last record",
        owner.pid, owner.pid, run.place.id);
  }
  return error;
}

std::string Underway(const search::State& state) {
  const std::size_t open = state.Open().size();
  if (open == 0) return "nothing is under way";
  return fmt::format("{} attempt{} under way may end", open,
                     open == 1 ? "" : "s");
}

int StopNow(const Global& global, const ReadRun& run,
            const search::LeaseOwner& owner, bool heard) {
  const std::string& id = run.place.id;
  auto gone = [&] { return !Owns(run.place.dir, owner); };
  Answer answer{"ended", heard ? "inbox" : "signal", ""};
  if (!heard && !gone() && !SendSignal(owner, SIGTERM) && !gone()) {
    return Fail(global, DoesNotEnd(run, owner));
  }
  if (!Within(kEnds, gone)) return Fail(global, DoesNotEnd(run, owner));
  answer.text = fmt::format(
      "run {} has ended; what was being evaluated is cancelled and will be "
      "measured again\n  go on:  coppice resume {}",
      id, id);
  return Say(global, id, answer);
}

int LetEnd(const Global& global, const ReadRun& run,
           const search::LeaseOwner& owner, bool heard) {
  const std::string& id = run.place.id;
  if (!Owns(run.place.dir, owner)) {
    return Say(global, id,
               {"ended", "inbox",
                fmt::format("run {} has ended\n  see:    coppice top {}\n  go "
                            "on:  coppice resume {}",
                            id, id, id)});
  }
  Answer answer{"stopping", heard ? "inbox" : "signal", ""};
  if (heard) {
    answer.text =
        fmt::format("stopping run {}: {}, then the best are measured again", id,
                    Underway(*run.state));
  } else {
    if (!SendSignal(owner, SIGINT)) {
      return Fail(global, DoesNotEnd(run, owner));
    }
    answer.text = fmt::format(
        "run {} did not answer, so its process {} was sent SIGINT: {}, and it "
        "exits without measuring the best again",
        id, owner.pid, Underway(*run.state));
  }
  answer.text += fmt::format(
      "\n  at once:  coppice stop {} --now\n  look in:  coppice watch {}\n  go "
      "on:    coppice resume {}",
      id, id, id);
  return Say(global, id, answer);
}

}  // namespace

int Stop(const Global& global, const StopOptions& options) {
  Result<ReadRun> run = OpenRun(global, RunToStop(global, options.run));
  if (!run) return Fail(global, run.error());
  const std::optional<search::LeaseOwner> owner =
      search::FindOwner(run->place.dir);
  if (!owner) return NotRunning(global, *run);
  if (!run->state->start().study.empty()) {
    return Fail(global, BelongsToStudy(*run, *owner));
  }
  search::Directive stop{
      .steer = options.now ? search::Steer::kStopNow : search::Steer::kStop,
      .process = search::NameOf(*owner),
      .nonce = NewNonce()};
  Result<void> sent =
      search::SendToInbox(run->place.journal(), MakeRealClock()->Wall(),
                          search::FormatDirective(stop));
  // A process that was suspended while it wrote holds the journal: then only
  // the signal is left.
  const bool heard =
      sent && Within(kHears, [&] {
        return Heard(*run->journal, run->state->last_seq(), stop.nonce) ||
               !Owns(run->place.dir, *owner);
      });
  return options.now ? StopNow(global, *run, *owner, heard)
                     : LetEnd(global, *run, *owner, heard);
}

}  // namespace coppice::app
