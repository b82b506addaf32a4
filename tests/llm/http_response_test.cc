#include "llm/http_response.h"

#include <doctest/doctest.h>

#include <cstring>
#include <vector>

#include "base/rng.h"
#include "llm/http_world.h"
#include "support/fault_server.h"

// Bytes of one response to head and body, no socket in sight.

namespace coppice::llm {
namespace {

using State = HttpResponseReader::State;
using testing::Chunk;
using testing::ChunkedHead;

struct Read {
  Exchange exchange;
  State state = State::kMore;
  HttpFault fault = HttpFault::kNone;
  bool reusable = false;
};

// Feeds `pieces`, then ends the connection if `how` says so.
Read ReadAll(const std::vector<std::string>& pieces,
             StreamEnd how = StreamEnd::kNone,
             HttpResponseReader::Options options = {}) {
  Read read;
  Collector sink(read.exchange);
  HttpResponseReader reader(sink, options);
  for (const std::string& piece : pieces) read.state = reader.Feed(piece);
  if (how != StreamEnd::kNone) read.state = reader.Finish(how);
  read.fault = reader.end().fault;
  read.exchange.end = reader.end();
  read.reusable = reader.reusable();
  return read;
}

std::vector<std::string> Bytes(const std::string& text) {
  std::vector<std::string> bytes;
  for (const char c : text) bytes.emplace_back(1, c);
  return bytes;
}

std::string Chunked(const std::string& body_chunks) {
  return ChunkedHead() + body_chunks;
}

constexpr const char* kPlain =
    "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 5\r\n\r\nhello";

}  // namespace

TEST_CASE("a response is the same whole and byte by byte") {
  const std::string chunked = Chunked(Chunk("hel") + Chunk("lo") + "0\r\n\r\n");
  for (const std::string& text : {std::string(kPlain), chunked}) {
    for (const auto& pieces : {std::vector<std::string>{text}, Bytes(text)}) {
      const Read read = ReadAll(pieces);
      CHECK(read.state == State::kDone);
      CHECK(read.exchange.heads == 1);
      CHECK(read.exchange.body() == "hello");
      CHECK(read.reusable);
    }
  }
}

TEST_CASE("a piece of the body is told as soon as it is there") {
  Exchange exchange;
  Collector sink(exchange);
  HttpResponseReader reader(sink, {});
  reader.Feed(ChunkedHead());
  CHECK(exchange.heads == 1);
  reader.Feed("5\r\nhe");
  CHECK(exchange.body() == "he");
  reader.Feed("llo\r\n");
  CHECK(exchange.body() == "hello");
}

TEST_CASE("100 and 103 come before the response and are not it") {
  const std::string text =
      "HTTP/1.1 100 Continue\r\n\r\n"
      "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" +
      std::string(kPlain);
  const Read read = ReadAll(Bytes(text));
  CHECK(read.state == State::kDone);
  CHECK(read.exchange.heads == 1);
  CHECK(read.exchange.head.status == 200);
  CHECK(read.exchange.body() == "hello");
}

TEST_CASE("only the final response counts as an answer") {
  Exchange exchange;
  Collector sink(exchange);
  HttpResponseReader reader(sink, {});
  CHECK_FALSE(reader.heard());
  reader.Feed("HTTP/1.1 100 Continue\r\n\r\n");
  CHECK(reader.heard());
  CHECK_FALSE(reader.answering());
  reader.Feed("H");
  CHECK(reader.answering());
}

TEST_CASE("101 is no answer to anything we ask") {
  CHECK(ReadAll({"HTTP/1.1 101 Switching Protocols\r\n\r\n"}).fault ==
        HttpFault::kMalformed);
}

TEST_CASE("chunk extensions and trailers are read over") {
  const std::string text =
      Chunked("5;a=b;c=\"d\"\r\nhello\r\n0;x\r\nX-Sum: 1\r\nY: 2\r\n\r\n");
  const Read read = ReadAll(Bytes(text));
  CHECK(read.state == State::kDone);
  CHECK(read.exchange.body() == "hello");
  CHECK(read.reusable);
}

TEST_CASE("framing that contradicts itself is not HTTP") {
  for (const std::string& text :
       {std::string("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
                    "Content-Length: 6\r\n\r\nhello!"),
        std::string("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
                    "Transfer-Encoding: chunked\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"),
        Chunked("zz\r\nhello\r\n"), Chunked("5\r\nhello!\r\n0\r\n\r\n"),
        Chunked("fffffffffffffffff\r\n"),
        std::string("SSH-2.0-OpenSSH\r\n\r\n"),
        std::string("HTTP/2 200 OK\r\n\r\n"), std::string("<html>\r\n\r\n")}) {
    CAPTURE(text);
    CHECK(ReadAll({text}).fault == HttpFault::kMalformed);
    CHECK(ReadAll(Bytes(text)).fault == HttpFault::kMalformed);
  }
}

TEST_CASE("a Content-Length said twice alike is accepted") {
  CHECK(ReadAll({"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
                 "Content-Length: 5\r\n\r\nhello"})
            .state == State::kDone);
}

TEST_CASE("a body that ends before its length is truncated") {
  const std::string cut = std::string(kPlain, std::strlen(kPlain) - 2);
  for (const StreamEnd how : {StreamEnd::kClosed, StreamEnd::kCut}) {
    CHECK(ReadAll({cut}, how).fault == HttpFault::kTruncated);
    CHECK(ReadAll({Chunked(Chunk("hello"))}, how).fault ==
          HttpFault::kTruncated);
    CHECK(ReadAll({"HTTP/1.1 200 OK\r\nConte"}, how).fault ==
          HttpFault::kTruncated);
    CHECK(ReadAll({}, how).fault == HttpFault::kReset);
  }
  CHECK(ReadAll({cut}, StreamEnd::kLost).fault == HttpFault::kReset);
}

TEST_CASE("a body without a length ends with the connection") {
  const std::string text = "HTTP/1.1 200 OK\r\n\r\nhello";
  const Read closed = ReadAll({text}, StreamEnd::kClosed);
  CHECK(closed.state == State::kDone);
  CHECK(closed.exchange.body() == "hello");
  CHECK_FALSE(closed.reusable);
  CHECK(ReadAll({text}, StreamEnd::kCut).fault == HttpFault::kTruncated);
  CHECK(ReadAll({text}, StreamEnd::kLost).fault == HttpFault::kReset);
}

TEST_CASE("with all of the body there, how the connection ends is no matter") {
  for (const StreamEnd how :
       {StreamEnd::kClosed, StreamEnd::kCut, StreamEnd::kLost}) {
    CHECK(ReadAll({kPlain}, how).state == State::kDone);
  }
}

TEST_CASE("204, 304 and answers to HEAD have no body") {
  for (const char* status : {"204 No Content", "304 Not Modified"}) {
    const Read read = ReadAll(
        {std::string("HTTP/1.1 ") + status + "\r\nContent-Length: 5\r\n\r\n"});
    CHECK(read.state == State::kDone);
    CHECK(read.exchange.pieces.empty());
  }
  const Read head = ReadAll({"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
                             "Content-Length: 5\r\n\r\n"},
                            StreamEnd::kNone, {.no_body = true});
  CHECK(head.state == State::kDone);
  CHECK(head.reusable);
}

TEST_CASE("a sink that has had enough hears nothing more") {
  Exchange exchange;
  Collector sink(exchange);
  sink.enough = [](std::string_view bytes) { return bytes == "stop"; };
  HttpResponseReader reader(sink, {});
  reader.Feed(ChunkedHead() + Chunk("go"));
  CHECK(reader.Feed(Chunk("stop")) == State::kStopped);
  CHECK_FALSE(reader.reusable());
  CHECK(reader.Feed(Chunk("more") + "0\r\n\r\n") == State::kStopped);
  CHECK(exchange.body() == "gostop");
  CHECK(reader.reusable());
}

TEST_CASE("a header of 60 KB is read, one of 70 KB is refused") {
  const auto with_field = [](std::size_t size) {
    return "HTTP/1.1 200 OK\r\nX-Long: " + std::string(size, 'x') +
           "\r\nContent-Length: 0\r\n\r\n";
  };
  CHECK(ReadAll({with_field(60'000)}).state == State::kDone);
  CHECK(ReadAll({with_field(70'000)}).fault == HttpFault::kTooLarge);
  std::string many = "HTTP/1.1 200 OK\r\n";
  while (many.size() < 70'000) many += "X-Some: field\r\n";
  CHECK(ReadAll({many + "\r\n"}).fault == HttpFault::kTooLarge);
}

TEST_CASE("framing without end is refused before it fills the memory") {
  Exchange exchange;
  Collector sink(exchange);
  HttpResponseReader reader(sink, {});
  State state = reader.Feed(ChunkedHead() + "5;");
  std::size_t fed = 0;
  while (state == State::kMore && fed < (std::size_t{4} << 20)) {
    state = reader.Feed(std::string(10'000, 'a'));
    fed += 10'000;
  }
  CHECK(reader.end().fault == HttpFault::kTooLarge);
  CHECK(fed < (std::size_t{2} << 20));
}

TEST_CASE("a body of more than 64 MB is refused, however it is framed") {
  CHECK(
      ReadAll({"HTTP/1.1 200 OK\r\nContent-Length: 67108865\r\n\r\nx"}).fault ==
      HttpFault::kTooLarge);
  for (const std::string& head :
       {ChunkedHead(), std::string("HTTP/1.1 200 OK\r\n\r\n")}) {
    struct Counter final : HttpSink {
      void OnHead(const HttpHead&) override {}
      bool OnBody(std::string_view bytes) override {
        total += bytes.size();
        return true;
      }
      std::size_t total = 0;
    } counter;
    HttpResponseReader reader(counter, {});
    const bool chunked = head == ChunkedHead();
    const std::string piece(100'000, 'x');
    State state = reader.Feed(head);
    for (int i = 0; i < 1000 && state == State::kMore; ++i) {
      state = reader.Feed(chunked ? Chunk(piece) : piece);
    }
    CHECK(reader.end().fault == HttpFault::kTooLarge);
    CHECK(counter.total <= (std::size_t{64} << 20));
    CHECK(counter.total > (std::size_t{60} << 20));
  }
}

TEST_CASE("a coding that nobody asked for and nobody knows is named") {
  for (const std::string header :
       {"Content-Encoding: br", "Content-Encoding: zstd",
        "Content-Encoding: gzip, br", "Transfer-Encoding: gzip, chunked"}) {
    CAPTURE(header);
    const Read read = ReadAll({"HTTP/1.1 200 OK\r\n" + header + "\r\n\r\n"});
    CHECK(read.fault == HttpFault::kEncoding);
  }
  CHECK(ReadAll({"HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\n"
                 "Content-Length: 0\r\n\r\n"})
            .state == State::kDone);
}

TEST_CASE("407 is the proxy's when there is one, and the server's otherwise") {
  const std::string text = "HTTP/1.1 407 Nope\r\nContent-Length: 0\r\n\r\n";
  const Read through =
      ReadAll({text}, StreamEnd::kNone, {.through_proxy = true});
  CHECK(through.fault == HttpFault::kProxy);
  CHECK(through.exchange.end.status == 407);
  CHECK(through.exchange.heads == 0);
  CHECK(ReadAll({text}).exchange.head.status == 407);
}

TEST_CASE("no bytes, however broken, do more than end in a fault") {
  Rng rng(20260901);
  const std::vector<std::string> seeds{
      kPlain,
      Chunked("5;a=b;c=\"d\"\r\nhello\r\n0;x\r\nX-Sum: 1\r\nY: 2\r\n\r\n"),
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nX: a\r\n b\r\n"
      "Connection: keep-alive, x\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n0\r\nT: u\r\n\r\n",
      "HTTP/1.0 200 OK\r\nContent-Encoding: gzip\r\n\r\n"
      "\x1f\x8b\x08"
      "abcdefgh"};
  const std::string marks = "\r\n:; \t0Af\"=,\x80/";
  int ended = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string text = seeds[rng.Below(seeds.size())];
    const std::size_t changes = 1 + rng.Below(4);
    for (std::size_t i = 0; i < changes; ++i) {
      const std::size_t at = rng.Below(text.size());
      switch (rng.Below(4)) {
        case 0:
          text[at] = marks[rng.Below(marks.size())];
          break;
        case 1:
          text.erase(at, 1 + rng.Below(3));
          break;
        case 2:
          text.insert(at, 1, marks[rng.Below(marks.size())]);
          break;
        case 3:
          text.insert(at, text.substr(at, 1 + rng.Below(6)));
          break;
      }
      if (text.empty()) text = "x";
    }
    const std::size_t cut = rng.Below(text.size() + 1);
    const Read read =
        ReadAll({text.substr(0, cut), text.substr(cut)}, StreamEnd::kClosed);
    ended += read.state == State::kDone || read.state == State::kFailed;
  }
  CHECK(ended == 20'000);
}

}  // namespace coppice::llm
