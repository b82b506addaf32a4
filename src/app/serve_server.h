#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "app/serve_request.h"
#include "app/serve_run.h"
#include "base/task.h"
#include "llm/stream_tcp.h"

namespace coppice::app {

// Shows one run to browsers of this machine: the page, its data, the texts of
// a node, and news as server-sent events. Loopback alone, GET alone, behind a
// token that only the printed address holds. Conductor thread.
class ServeServer {
 public:
  // `port` 0: any that is free. Errors: the port is taken.
  static Result<std::unique_ptr<ServeServer>> Listen(
      const asio::any_io_executor& executor, ServeRun& run, int port);

  // "http://127.0.0.1:PORT/TOKEN/"
  std::string url() const;

  // Serves until Stop, or until the run cannot be read any more.
  Task<Result<void>> Run();
  void Stop();

 private:
  struct Connection;
  using Socket = asio::ip::tcp::socket;

  ServeServer(asio::ip::tcp::acceptor acceptor, ServeRun& run);
  Task<void> Serve(std::shared_ptr<Connection> connection);
  Task<void> Answer(Connection& connection, ServeRoute route);
  Task<void> Follow(Connection& connection, std::int64_t since);
  Task<bool> Send(Connection& connection, std::string_view text);
  void Look();
  // For one connection more; false if all that are open are wanted.
  bool MakeRoom();

  asio::ip::tcp::acceptor acceptor_;
  ServeRun& run_;
  ServeDoor door_;
  Signal news_;
  TaskGroup group_;
  std::set<Connection*> open_;
  std::optional<Error> failure_;
  int looks_ = 0;
  std::uint64_t accepted_ = 0;
  bool stopping_ = false;
};

}  // namespace coppice::app
