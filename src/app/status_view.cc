#include "app/status_view.h"

#include <chrono>
#include <nlohmann/json.hpp>

#include "app/load_verdict.h"
#include "base/file.h"
#include "base/log.h"
#include "eval/baseline_lock.h"
#include "eval/named_locks.h"
#include "report/views.h"
#include "search/lease.h"
#include "search/sqlite_journal.h"

namespace coppice::app {
namespace {

constexpr int kFormat = 1;
constexpr auto kEvery = std::chrono::seconds(1);
constexpr int kShare = 50;  // of the time that goes by
// Records that are folded while nobody notices: of a shorter journal no view
// counts that is a moment old.
constexpr std::int64_t kFewRecords = 20'000;
// That an owner who was killed may have written after its last view.
constexpr std::int64_t kLastMoments = 2'000;

std::int64_t NumberIn(const Json& view, const char* key) {
  auto found = view.find(key);
  return found != view.end() && found->is_number_integer()
             ? found->get<std::int64_t>()
             : 0;
}

std::string WordIn(const Json& view, const char* key) {
  auto found = view.find(key);
  return found != view.end() && found->is_string() ? found->get<std::string>()
                                                   : std::string();
}

std::int64_t Micros(WallTime at) { return at.time_since_epoch().count(); }

// Until somebody resumes it nothing changes, time included.
bool Rests(const search::State& state) {
  return state.stopped().has_value() ||
         (state.paused() &&
          state.paused()->pause == search::PauseClass::kNeedsUser &&
          state.paused()->cause != search::kPausedByUser);
}

// Did the owner that left this view die in the middle of its work? Then the
// records since are only more of the same.
bool WasCutOff(search::SqliteJournal& journal, std::int64_t seq,
               std::int64_t last) {
  if (last <= kFewRecords || last - seq > kLastMoments) return false;
  Result<void> read = journal.ReplayFrom(
      seq + 1, [](const search::Record& record) -> Result<void> {
        const search::Event& event = record.event;
        if (std::holds_alternative<search::Paused>(event) ||
            std::holds_alternative<search::Resumed>(event) ||
            std::holds_alternative<search::Final>(event) ||
            std::holds_alternative<search::Stopped>(event)) {
          return Error{.code = ErrorCode::kInternal, .what = "another state"};
        }
        return Ok();
      });
  return read.has_value();
}

}  // namespace

Result<report::StatusExtra> StatusExtraOf(const search::State& state,
                                          bool alive) {
  const spec::Spec& spec = state.spec();
  Result<eval::BaselineLock> lock =
      eval::ParseLock(state.start().lock_json, "the run's baseline.lock");
  if (!lock) return lock.error();
  report::StatusExtra extra;
  extra.alive = alive;
  extra.slots_total = AtOnce(spec, lock->slots);
  if (!alive) return extra;
  for (const std::string& name : LocksTaken(spec, lock->slots)) {
    const eval::LockState held =
        eval::ReadLockState(eval::LockDirectory(), name);
    if (held.held) extra.locks.emplace_back(name, held.Text());
  }
  return extra;
}

void StatusView::Refresh(const search::State& state, const Clock& clock) {
  const Instant begin = clock.Now();
  if (due_ && begin < *due_) return;
  const Duration wait = std::max<Duration>(kEvery, kShare * cost_);
  Write(state, clock.Wall(), clock.Wall() + wait + kEvery, true);
  cost_ = clock.Now() - begin;
  due_ = begin + wait;
}

void StatusView::Close(const search::State& state, const Clock& clock) {
  Write(state, clock.Wall(), clock.Wall(), false);
}

void StatusView::Write(const search::State& state, WallTime now, WallTime until,
                       bool alive) const {
  Result<report::StatusExtra> extra = StatusExtraOf(state, alive);
  if (!extra) return LogWarning(extra.error().Text());
  report::StatusExtra killed = *extra;
  killed.alive = false;
  killed.locks.clear();
  const Json view{
      {"format", kFormat},
      {"coppice", COPPICE_VERSION},
      {"seq", state.last_seq()},
      {"at", Micros(now)},
      {"until", Micros(until)},
      {"rests", Rests(state) ? 1 : 0},
      {"text", report::StatusText(state, now, *extra)},
      {"json", report::DumpLine(report::StatusJson(state, now, *extra))},
      {"killed_text", report::StatusText(state, now, killed)},
      {"killed_json",
       report::DumpLine(report::StatusJson(state, now, killed))}};
  Result<void> written = report::WriteWhole(file_, DumpCanonical(view) + "\n");
  if (!written) LogInfo(written.error().Text());
}

std::optional<ShownStatus> CurrentStatus(const RunPlace& run, WallTime now) {
  const Json view =
      Json::parse(ReadWholeOrNothing(run.dir / "status.json"), nullptr, false);
  if (!view.is_object() || NumberIn(view, "format") != kFormat ||
      WordIn(view, "coppice") != COPPICE_VERSION) {
    return std::nullopt;
  }
  auto journal = search::OpenJournalForReading(run.journal());
  if (!journal) return std::nullopt;
  Result<std::int64_t> last = (*journal)->LastSeq();
  const std::int64_t seq = NumberIn(view, "seq");
  if (!last || seq > *last) return std::nullopt;
  const bool alive = search::FindOwner(run.dir).has_value();
  const bool rests = NumberIn(view, "rests") == 1 && seq == *last;
  const bool live = Micros(now) >= NumberIn(view, "at") &&
                    Micros(now) <= NumberIn(view, "until") &&
                    (seq == *last || *last > kFewRecords);
  if (alive ? live : rests) {
    return ShownStatus{.text = WordIn(view, "text"),
                       .json = WordIn(view, "json")};
  }
  if (alive || !WasCutOff(**journal, seq, *last)) return std::nullopt;
  return ShownStatus{.text = WordIn(view, "killed_text"),
                     .json = WordIn(view, "killed_json")};
}

}  // namespace coppice::app
