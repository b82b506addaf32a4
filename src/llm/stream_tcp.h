#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "llm/http_watchdog.h"
#include "llm/stream.h"

namespace coppice::llm {

StreamStep StepOf(boost::system::error_code error, std::size_t bytes);
bool IsQuiet(asio::ip::tcp::socket& socket);

class TcpStream final : public Stream {
 public:
  explicit TcpStream(asio::ip::tcp::socket socket)
      : socket_(std::move(socket)) {}

  Task<StreamStep> Read(std::span<char> into) override;
  Task<StreamStep> Write(std::string_view bytes) override;
  bool Quiet() override { return IsQuiet(socket_); }
  void Close() override;

  // For TLS on top; the stream is empty afterwards.
  asio::ip::tcp::socket Release() { return std::move(socket_); }

 private:
  asio::ip::tcp::socket socket_;
};

struct TcpOpened {
  std::unique_ptr<TcpStream> stream;
  std::string cause;  // without a stream, unless the watchdog fired
};

// Connects to the first of `addresses` that answers (RFC 8305): families take
// turns, every `stagger`, or as soon as one has failed, the next one is tried
// beside those that still wait.
Task<TcpOpened> ConnectTcp(std::vector<std::string> addresses,
                           std::uint16_t port, Duration stagger,
                           Watchdog& watchdog);

}  // namespace coppice::llm
