#include <doctest/doctest.h>

#include <atomic>
#include <deque>

#include "llm/codec_fixture.h"
#include "llm/fault_arm.h"
#include "support/external_server.h"
#include "support/temp_dir.h"

// Streams that break off, stall or never end, and what becomes of the attempt
// and of its money. Expectations: PROVIDERS §3, §6, §13.

namespace coppice::llm {
namespace {

using coppice::testing::Answering;
using coppice::testing::Chunk;
using coppice::testing::FaultServer;
using coppice::testing::Peer;
using coppice::testing::Script;
using spec::Codec;
using std::chrono::milliseconds;
using std::chrono::seconds;

// For what must end in time on a machine that is busy.
constexpr Duration kSlack = seconds(1);

std::string Good(Codec codec) { return Stream(codec, Edit("three")).whole(); }

// How much a script could send before the client left, and that it left.
struct Pipe {
  std::atomic<std::size_t> bytes = 0;
  std::atomic<bool> closed = false;

  void SendForever(Peer& peer, const std::string& piece) {
    struct OnExit {
      std::atomic<bool>& closed;
      ~OnExit() { closed = true; }
    } on_exit{closed};
    while (true) {
      peer.Send(piece);
      bytes += piece.size();
    }
  }
};

}  // namespace

TEST_CASE("PC-15 PC-53 a stream without its marker is no answer, but is paid") {
  Conductor conductor;
  std::deque<Arm> arms;
  for (const Codec codec : testing::kCodecs) {
    const Streamed cut = Stream(codec, Edit("two"));
    // The framing is in order; the connection just ends.
    arms.emplace_back(conductor,
                      std::vector<std::string>{cut.unfinished(), Good(codec)},
                      codec);
    arms.emplace_back(conductor,
                      Arm::Scripts{AnswerAndClose(cut.head() + cut.begun),
                                   Answering({Good(codec)})},
                      codec);
  }
  for (Arm& arm : arms) arm.Start();
  conductor.Run();
  for (const Arm& arm : arms) {
    CAPTURE(Name(arm.profile.codec));
    CHECK(arm.stop(0) == "failed: truncated_stream");
    CHECK(arm.IsLost(0));
    CHECK(arm.content() == "three\ntwo\n");
    CHECK(arm.seen() == 2);
    CHECK_FALSE(arm.log.answered.back().usage.estimated);
  }
}

TEST_CASE("PC-53 cut streams use up the budget, and the next call is refused") {
  Conductor conductor;
  const Streamed cut = Stream(Codec::kAnthropic, Edit("two"));
  Arm arm(conductor, {AnswerAndClose(cut.head() + cut.begun)},
          Codec::kAnthropic);
  arm.log.RefuseFrom(2);
  arm.Ask();
  REQUIRE(arm.made.unavailable);
  CHECK(arm.made.unavailable->cause == "budget");
  CHECK(arm.seen() == 2);
  CHECK(arm.log.answered.size() == 2);
  CHECK(arm.IsLost(0));
  CHECK(arm.IsLost(1));
}

TEST_CASE("PC-16 an error inside of a 200 counts by its own code") {
  struct Case {
    Codec codec;
    const char* golden;
    const char* stop;
  };
  const Case cases[] = {
      {Codec::kOpenAiChat, "error_chunk", "failed: overloaded"},
      {Codec::kOpenAiResponses, "error_event", "failed: overloaded"},
      {Codec::kAnthropic, "error_event", "failed: overloaded"},
      {Codec::kGemini, "error_in_stream", "failed: overloaded"},
      {Codec::kOllama, "error_line", "failed: server"}};
  Conductor conductor;
  std::deque<Arm> arms;
  for (const Case& c : cases) {
    arms.emplace_back(
        conductor,
        std::vector<std::string>{Golden(c.codec, c.golden), Good(c.codec)},
        c.codec);
    arms.back().Start();
  }
  conductor.Run();
  for (std::size_t i = 0; i < arms.size(); ++i) {
    CAPTURE(Name(cases[i].codec));
    CHECK(arms[i].stop(0) == cases[i].stop);
    CHECK(arms[i].log.answered[0].text.empty());
    CHECK(arms[i].content() == "three\ntwo\n");
    CHECK(arms[i].seen() == 2);
  }
}

TEST_CASE("PC-16 an error inside of a 200 that no retry would help ends it") {
  const std::string told = coppice::testing::SseResponse(
      {R"({"choices":[{"delta":{"content":"par"}}]})",
       R"({"error":{"type":"insufficient_quota","message":"pay"}})"});
  Conductor conductor;
  Arm arm(conductor, {told});
  arm.Ask();
  REQUIRE(arm.made.unavailable);
  CHECK(arm.made.unavailable->off);
  CHECK(arm.made.unavailable->cause == "billing");
  CHECK(arm.seen() == 1);
}

TEST_CASE("PC-17 PC-38 signs of life reset the idle limit, not the total one") {
  struct Case {
    Codec codec;
    std::string head;
    std::string sign;
  };
  const Case cases[] = {
      {Codec::kOpenAiChat, coppice::testing::ChunkedHead(),
       Chunk(": PROCESSING\n\n")},
      {Codec::kAnthropic, coppice::testing::ChunkedHead(),
       Chunk("event: ping\ndata: {\"type\":\"ping\"}\n\n")},
      {Codec::kOllama, coppice::testing::ChunkedHead("application/x-ndjson"),
       Chunk("\n")},
      // A byte now and then, of a body that would be long.
      {Codec::kOpenAiChat,
       "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
       "Content-Length: 9000\r\n\r\n",
       " "},
      {Codec::kOpenAiChat, "HTTP/1.1 200 OK\r\nX-Slow: ", "x"}};
  Conductor conductor;
  std::deque<Arm> arms;
  for (const Case& c : cases) {
    const Script alive = [c](Peer& peer) {
      peer.ReadRequest();
      peer.Send(c.head);
      while (true) {
        peer.Send(c.sign);
        peer.Pause(milliseconds(100));
      }
    };
    Arm& arm = arms.emplace_back(conductor, Arm::Scripts{alive}, c.codec);
    arm.proposal.request_timeout_seconds = 1;
    arm.proposal.deadline_seconds = 1;
    arm.idle = milliseconds(600);
    arm.Start();
  }
  conductor.Run();
  for (const Arm& arm : arms) {
    CAPTURE(Name(arm.profile.codec));
    CHECK(arm.took >= seconds(1));
    CHECK(arm.took < seconds(1) + kSlack);
    REQUIRE(arm.made.unavailable);
    CHECK(arm.made.unavailable->cause == "outage");
    CHECK(arm.stop(0) == "failed: transient");
    CHECK(arm.IsLost(0));
    CHECK(arm.seen() == 1);
  }
}

TEST_CASE("PC-38 headers and then silence end at the idle limit") {
  Conductor conductor;
  const Script silent = [](Peer& peer) {
    peer.ReadRequest();
    peer.Send(coppice::testing::ChunkedHead());
    peer.Hold();
  };
  Arm arm(conductor, {silent, Answering({Good(Codec::kOpenAiChat)})});
  arm.idle = milliseconds(300);
  arm.Ask();
  CHECK(arm.made.proposal);
  CHECK(arm.stop(0) == "failed: transient");
  CHECK(arm.IsLost(0));
  CHECK(arm.log.answered[0].usage.seconds >= 0.3);
  CHECK(arm.log.answered[0].usage.seconds < 1.3);
  CHECK(arm.seen() == 2);
}

TEST_CASE("PC-18 what never ends is refused at its cap, and let go") {
  const std::string mega(std::size_t{1} << 20, 'x');
  struct Case {
    std::string head;
    std::string piece;
    std::size_t cap;
  };
  const Case cases[] = {
      // One line; whole events; a body that is one JSON value.
      {coppice::testing::ChunkedHead() + Chunk("data: "), Chunk(mega),
       std::size_t{4} << 20},
      {coppice::testing::ChunkedHead(),
       Chunk(R"({"choices":[{"delta":{"content":"x"}}]})"
             "\n\n: " +
             mega + "\n\ndata: "),
       std::size_t{64} << 20},
      {coppice::testing::ChunkedHead("application/json") +
           Chunk(R"({"choices":[{"message":{"content":")"),
       Chunk(mega), std::size_t{64} << 20}};
  for (const Case& c : cases) {
    CAPTURE(c.head);
    Pipe pipe;
    Conductor conductor;
    Arm arm(conductor, Arm::Scripts{[&](Peer& peer) {
              peer.ReadRequest();
              peer.Send(c.head);
              pipe.SendForever(peer, c.piece);
            }});
    arm.Ask();
    CHECK_FALSE(arm.made.unavailable);
    CHECK(arm.made.refusal.reason == "reply_too_large");
    CHECK(arm.stop(0) == "failed: reply_too_large");
    CHECK(arm.IsLost(0));
    CHECK(arm.seen() == 1);
    for (int i = 0; i < 100 && !pipe.closed; ++i) {
      conductor.RunFor(milliseconds(20));
    }
    CHECK(pipe.closed);
    // What the two sockets hold comes on top.
    CHECK(pipe.bytes >= c.cap / 2);
    CHECK(pipe.bytes < c.cap + (std::size_t{16} << 20));
  }
}

TEST_CASE("PC-18 of an error page no more is read than its beginning") {
  Pipe pipe;
  Conductor conductor;
  const std::string piece(std::size_t{64} << 10, ' ');
  Arm arm(conductor, Arm::Scripts{[&](Peer& peer) {
                                    peer.ReadRequest();
                                    peer.Send(
                                        "HTTP/1.1 500 No\r\n"
                                        "Content-Type: text/html\r\n\r\n");
                                    pipe.SendForever(peer, piece);
                                  },
                                  Answering({Good(Codec::kOpenAiChat)})});
  arm.Ask();
  CHECK(arm.made.proposal);
  CHECK(arm.stop(0) == "failed: server");
  CHECK(arm.log.answered[0].usage.usd == 0);
  CHECK(arm.seen() == 2);
  CHECK(pipe.closed);
  CHECK(pipe.bytes < (std::size_t{17} << 20));
}

TEST_CASE("what comes after the marker is not waited for") {
  Conductor conductor;
  for (const Codec codec : testing::kCodecs) {
    // Gemini's streams have no marker but their end.
    if (codec == Codec::kGemini) continue;
    CAPTURE(Name(codec));
    const Streamed streamed = Stream(codec, Edit("three"));
    Arm arm(conductor, Arm::Scripts{[streamed](Peer& peer) {
              peer.ReadRequest();
              peer.Send(streamed.head() + streamed.begun + streamed.marker);
              peer.Hold();
            }},
            codec);
    arm.Ask();
    CHECK(arm.content() == "three\ntwo\n");
    CHECK(arm.took < kSlack);
    CHECK(arm.seen() == 1);
    CHECK_FALSE(arm.log.answered[0].usage.estimated);
  }
}

TEST_CASE("PC-36 without close_notify only a framed answer counts") {
  if (!coppice::testing::HasPrograms({"openssl"})) return;
  const coppice::testing::TempDir directory;
  const coppice::testing::Authority authority(directory.path());
  const coppice::testing::Certificate certificate =
      authority.Sign("good", "IP:127.0.0.1");
  const std::string framed = WholeReply(Edit("three"));
  const std::size_t begin = framed.find("Content-Length");
  std::string unframed = framed;
  unframed.erase(begin, framed.find("\r\n", begin) + 2 - begin);
  const auto cut = [](const std::string& bytes) {
    return [bytes](Peer& peer) {
      peer.ReadRequest();
      peer.Send(bytes);
      peer.Cut();
    };
  };
  const FaultServer::Options tls{.certificate = certificate.file.string(),
                                 .key = certificate.key.string()};
  Conductor conductor;
  Arm with(conductor, {cut(framed)}, Codec::kOpenAiChat, tls);
  Arm without(conductor, {cut(unframed), cut(framed)}, Codec::kOpenAiChat, tls);
  Arm closed(conductor, {AnswerAndClose(unframed)}, Codec::kOpenAiChat, tls);
  for (Arm* arm : {&with, &without, &closed}) {
    arm->profile.ca_file = authority.file().string();
    arm->Start();
  }
  conductor.Run();
  CHECK(with.made.proposal);
  CHECK(with.seen() == 1);
  CHECK(without.made.proposal);
  CHECK(without.seen() == 2);
  CHECK(without.stop(0) == "failed: truncated_stream");
  CHECK(without.IsLost(0));
  CHECK(closed.made.proposal);
  CHECK(closed.seen() == 1);
}

TEST_CASE("PC-44 a call that is cancelled ends at once and is paid in full") {
  Conductor conductor;
  std::deque<Arm> arms;
  for (const Codec codec : testing::kCodecs) {
    const Streamed streamed = Stream(codec, Edit("three"));
    arms.emplace_back(conductor, Arm::Scripts{[streamed](Peer& peer) {
                        peer.ReadRequest();
                        peer.Send(streamed.head() + streamed.begun);
                        peer.Hold();
                      }},
                      codec);
    arms.back().Start();
  }
  for (int i = 0; i < 100 && arms.back().seen() == 0; ++i) {
    conductor.RunFor(milliseconds(20));
  }
  conductor.RunFor(milliseconds(200));  // amid the stream
  const Instant before = conductor.clock().Now();
  conductor.http().CancelAll();
  conductor.Run();
  CHECK(conductor.clock().Now() - before < seconds(1));
  for (const Arm& arm : arms) {
    CAPTURE(Name(arm.profile.codec));
    REQUIRE(arm.made.unavailable);
    CHECK(arm.made.unavailable->cause == "closing");
    CHECK_FALSE(arm.made.unavailable->off);
    CHECK(arm.stop(0) == "failed: cancelled");
    CHECK(arm.IsLost(0));
    CHECK(arm.seen() == 1);
  }
}

}  // namespace coppice::llm
