#pragma once

#include <deque>
#include <filesystem>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/process.h"
#include "base/task.h"
#include "llm/http_client.h"
#include "search/event.h"
#include "search/state.h"
#include "spec/spec.h"

namespace coppice::app {

// kUsage: a webhook that is neither https nor on this machine.
Result<void> CheckHooks(const spec::Hooks& hooks);

// Tells the user's commands and web hook what happens (RUN-17): one JSON line
// for a finished node, a new best, a pause, the end. One command and one POST
// at a time, in order; whatever they do, the run does not wait for them and
// does not fail: what they say and how they fail is in coppice.log. Conductor
// thread; must outlive Finish.
class Hooks {
 public:
  struct Parts {
    asio::any_io_executor executor;
    Clock& clock;
    std::unique_ptr<llm::HttpClient> http;
    std::filesystem::path work_dir;
    std::filesystem::path run_dir;
    // Takes secrets out of what goes into the log.
    std::function<std::string(std::string_view)> redact;
  };
  explicit Hooks(Parts parts);
  ~Hooks();

  // An observer of the search.
  void Observe(const search::State& state, const search::Record& record);
  // Returns when all were told, or `patience` has passed and the rest is left.
  Task<void> Finish(Duration patience);
  // What is under way ends now, and nothing more is told.
  void Cancel();

 private:
  struct Errand {
    std::string hook;
    std::string target;  // command or URL
    std::string line;
  };
  // What is to be told one after the other.
  struct Lane {
    std::deque<Errand> waiting;
    bool busy = false;
    int lost = 0;
  };

  void Tell(const std::string& hook, const search::State& state,
            const search::Record& record);
  void Add(Lane& lane, Errand errand);
  Task<void> Work(Lane& lane);
  Task<void> RunCommand(const Errand& errand);
  Task<void> Post(const Errand& errand);
  void Log(const Errand& errand, std::string_view what) const;
  bool idle() const { return !commands_.busy && !posts_.busy; }

  Parts parts_;
  Lane commands_, posts_;
  Process* running_ = nullptr;
  bool closed_ = false;
};

}  // namespace coppice::app
