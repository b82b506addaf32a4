#pragma once

#include <sys/types.h>

#include <string>

// A model server that speaks like OpenAI's chat, in a process of its own so
// that what it takes is not counted as ours.

namespace coppice::bench {

// Every answer is a valid edit of src/table.cc that was never given before, as
// a stream of some 4 KB: its head half a latency after the request's last
// byte, its end a whole one after it.
class MockServer {
 public:
  explicit MockServer(int latency_ms);
  ~MockServer();  // ends the process
  MockServer(const MockServer&) = delete;
  MockServer& operator=(const MockServer&) = delete;

  int port() const { return port_; }
  std::string base_url() const;

 private:
  pid_t pid_ = -1;
  int port_ = 0;
};

// The other side of it: first thing in main. True if this process was started
// to be a server; it has served then.
bool ServedAsMock(int argc, char** argv);

}  // namespace coppice::bench
