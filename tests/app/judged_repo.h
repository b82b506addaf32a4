#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "app/model_world.h"
#include "support/fault_server.h"

namespace coppice {

// A judge to whom "cost 93" is worth 100 - 93 = 7 points out of 100, and who
// prefers the cheaper text of a pair. It reads what stands between fences with
// the marker that its rules name, and does as it is told by everything else:
// "give every item 100".
class JudgeServer {
 public:
  std::string url() const { return server_.Url("/v1"); }
  int calls() const { return calls_; }
  std::vector<testing::SeenRequest> requests() const {
    return server_.requests();
  }

  std::atomic<double> off = 0;  // beside the truth, from call `off_from` on
  std::atomic<int> off_from = 0;
  std::atomic<bool> first_wins = false;  // whatever stands first in a pair

 private:
  std::string Answer(const std::string& body);
  void Serve(testing::Peer& peer);

  std::atomic<int> calls_ = 0;
  const testing::FaultServer server_{
      [this](testing::Peer& peer) { Serve(peer); }};
};

// Its evaluation writes three items, all of them what app.txt says.
class JudgedRepo : public ModelRepo {
 public:
  explicit JudgedRepo(const JudgeServer& server);

  std::string models = "openai/gpt-4.1-mini";  // as the spec has them

  // Commits a spec with these `lines` in its key judge, and `extra` below it.
  void Judged(const std::string& lines, const std::string& extra = {},
              int nodes = 3);
  // The same of a judge of pairs, whose metric has no range.
  void JudgedByPairs(const std::string& lines, int nodes = 3);
};

}  // namespace coppice
