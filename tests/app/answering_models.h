#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "support/fault_server.h"

namespace coppice {

// Models behind one server. The same words of a question bring the same answer,
// a new number for the file of TinyRepo; every model has its own manner and
// its own price. The server keeps the books.
class AnsweringModels {
 public:
  struct Manner {
    int output = 50;        // tokens of an answer
    int price = 1;          // for the books
    int pause_ms = 0;       // before an answer
    bool stutters = false;  // answers with nothing of use until told so
  };
  struct Entry {
    std::string model;
    std::int64_t input = 0, output = 0;
    int price = 1;
  };

  explicit AnsweringModels(std::map<std::string, Manner> manners);

  std::string Url() const { return server_.Url("/v1"); }
  // Answers that were sent whole, by the id in their head.
  std::map<std::string, Entry> Books() const;
  // Requests so far, whatever became of them.
  int asked() const;

  // The request of that number (from 1) is not answered to its end: it gets
  // nothing, a part, or all but the end of its connection, by `stage` 0, 1, 2.
  void Trap(int number, int stage);
  // Has it come? Its client waits until it is killed.
  bool Trapped() const;

 private:
  void Serve(testing::Peer& peer);
  void Answer(testing::Peer& peer, const testing::SeenRequest& request);

  const std::map<std::string, Manner> manners_;
  mutable std::mutex mutex_;  // guards what follows
  std::map<std::string, Entry> books_;
  int asked_ = 0;
  int trap_ = 0, stage_ = 0;
  bool trapped_ = false;
  testing::FaultServer server_{[this](testing::Peer& peer) { Serve(peer); }};
};

}  // namespace coppice
