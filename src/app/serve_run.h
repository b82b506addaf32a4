#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "app/watch_follow.h"
#include "base/clock.h"
#include "report/page.h"

namespace coppice::app {

// A run as `coppice serve` tells it: the page, and what is new since. Reads the
// journal as `watch` does, so that the run never waits. Blocking; one thread.
class ServeRun {
 public:
  ServeRun(Follower run, Clock& clock);

  // Reads what was added.
  Result<void> Look();
  // Told anew although nothing was added, because time has passed.
  void Age() { ++version_; }
  // Changes whenever there is something to tell.
  std::int64_t version() const { return version_; }
  std::int64_t seq() const { return run_.state().last_seq(); }
  bool AtRest() const { return at_rest_; }
  const search::State& state() const { return run_.state(); }

  // Made once a version: however many ask, and however slowly they read, they
  // share one text.
  using Shared = std::shared_ptr<const std::string>;
  Shared Page();
  Shared Data();
  // The summary, and the nodes that records after `since` were about.
  Shared NewsSince(std::int64_t since);
  // The long texts of a node, as JSON; kNotFound where there is no such node.
  Result<std::string> Node(AttemptId attempt);

 private:
  report::PageInput Input() const;
  void ForgetOldTexts();

  Follower run_;
  Clock& clock_;
  std::int64_t version_ = 1;
  bool at_rest_ = false;
  std::map<AttemptId, std::int64_t> touched_;  // by which record, last
  std::int64_t known_from_ = 0;                // older records are not in it
  Shared page_, data_;
  std::map<std::int64_t, Shared> news_;  // by since
  std::int64_t told_ = 0;                // the version of these three
};

}  // namespace coppice::app
