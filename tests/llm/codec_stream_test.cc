#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

#include "base/rng.h"
#include "base/utf8.h"
#include "llm/codec_fixture.h"
#include "llm/sse.h"

namespace coppice::llm::testing {
namespace {

using spec::Codec;

std::vector<SseEvent> Events(std::string_view text) {
  SseDecoder decoder;
  std::vector<SseEvent> events;
  CHECK(decoder.Feed(text, events));
  decoder.Finish(events);
  return events;
}

TEST_CASE("events are named, joined and told apart as WHATWG says") {
  CHECK(Events("event: a\ndata: 1\ndata: 2\n\ndata:3\n\n") ==
        std::vector<SseEvent>{{"a", "1\n2"}, {"", "3"}});
  CHECK(Events(": comment\n:\nid: 1\nretry: 2\nnonsense\n\n").empty());
  CHECK(Events("event: only a name\n\ndata: x\n\n") ==
        std::vector<SseEvent>{{"", "x"}});
  CHECK(Events("data\n\n") == std::vector<SseEvent>{{"", ""}});
  CHECK(Events("data:  two blanks\n\n") ==
        std::vector<SseEvent>{{"", " two blanks"}});
  CHECK(Events("data: a:b\n\n") == std::vector<SseEvent>{{"", "a:b"}});
  CHECK(Events("").empty());
}

TEST_CASE("lines end at CR, LF and CRLF, in any mixture") {
  const std::vector<SseEvent> want{{"", "1\n2"}, {"", "3"}};
  CHECK(Events("data: 1\rdata: 2\r\rdata: 3\r\r") == want);
  CHECK(Events("data: 1\r\ndata: 2\r\n\r\ndata: 3\r\n\r\n") == want);
  CHECK(Events("data: 1\ndata: 2\r\n\ndata: 3\r\r") == want);
  CHECK(Events("\xef\xbb\xbf"
               "data: 1\rdata: 2\n\ndata: 3") == want);
}

TEST_CASE("a line may have 4 MiB, an event 8 MiB, and no more is kept") {
  const std::string most(LineSplitter::kMostInLine - 6, 'x');
  std::vector<SseEvent> events;
  SseDecoder fits;
  CHECK(fits.Feed("data: " + most + "\n\n", events));
  CHECK(events.size() == 1);

  SseDecoder line;
  CHECK(!line.Feed("data: x" + most, events));
  CHECK(!line.Feed("\n\ndata: y\n\n", events));
  line.Finish(events);
  CHECK(events.size() == 1);

  SseDecoder event;
  CHECK(event.Feed("data: " + most + "\n", events));
  CHECK(event.Feed("data: " + most + "\n", events));
  CHECK(!event.Feed("data: 1234567890abc\n\n", events));
  event.Finish(events);
  CHECK(events.size() == 1);
}

TEST_CASE("an endless line, event or body ends as too large") {
  const std::pair<const char*, std::string> endless[] = {
      {"text/event-stream", "data: " + std::string(99'994, 'x')},
      {"text/event-stream", ": " + std::string(99'997, 'x') + "\n"},
      {"application/json", "{\"a\":\"" + std::string(99'994, 'x')},
      {"text/html", "<p>" + std::string(99'997, 'x')},
  };
  for (const auto& [type, piece] : endless) {
    CAPTURE(type);
    HttpHead head{.status = 200, .headers = {{"content-type", type}}};
    const auto decoder = MakeReplyDecoder(head, Codec::kOpenAiChat, {});
    int taken = 0;
    while (taken < 2000 && decoder->Feed(piece)) ++taken;
    CHECK(taken <= 672);  // 64 MiB
    CHECK(decoder->Finish().error.error == ErrorClass::kReplyTooLarge);
  }
}

TEST_CASE("hours of blanks before a reply cost nothing and change nothing") {
  const Response clean = LoadResponse(Codec::kOpenAiChat, "ok");
  const auto decoder = MakeReplyDecoder(clean.head, clean.codec, {});
  for (int i = 0; i < 200'000; ++i) CHECK_UNARY(decoder->Feed("\n"));
  decoder->Feed(clean.body);
  CHECK(Render(decoder->Finish()) == Render(Decode(clean)));
}

TEST_CASE("a decoder that has enough takes no more") {
  const Response response = LoadResponse(Codec::kOpenAiChat, "ok_stream");
  const auto decoder = MakeReplyDecoder(response.head, response.codec, {});
  CHECK(!decoder->Feed(response.body));
  CHECK(!decoder->Feed("data: {\"error\":{\"message\":\"late\"}}\n\n"));
  CHECK(decoder->Finish().reply.has_value());
}

TEST_CASE("a decoder that is fed nothing says so") {
  for (const Codec codec : kCodecs) {
    const auto decoder = MakeReplyDecoder({.status = 200}, codec, {});
    CHECK(decoder->Finish().error.error == ErrorClass::kServer);
  }
}

TEST_CASE("a cut anywhere before the marker is never a reply") {
  // Whole bodies too: half a JSON is none.
  for (const Codec codec : kCodecs) {
    for (const char* name : {"ok", "ok_stream"}) {
      const Response whole = LoadResponse(codec, name);
      CAPTURE(Name(codec));
      // The last bytes of a stream may be blank lines after its marker.
      const std::size_t end = whole.body.find_last_not_of(" \r\n") + 1;
      int replies = 0;
      for (std::size_t size = 0; size < end; ++size) {
        Response cut = whole;
        cut.body.resize(size);
        replies += Decode(cut).reply ? 1 : 0;
      }
      CHECK(replies == 0);
    }
  }
}

bool IsValidText(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto c = DecodeUtf8(text, at);
    if (!c || *c == 0) return false;
  }
  return true;
}

// Whatever comes in, an end comes out, in valid text.
void CheckEnds(const Response& response) {
  const ReplyDecoder::End end = Decode(response);
  if (end.reply) {
    CHECK(IsValidText(end.reply->text));
    CHECK(end.reply->usage.input_total >= end.reply->usage.cached_read);
    CHECK(end.reply->usage.output_total >= end.reply->usage.reasoning);
  } else {
    CHECK(IsValidText(end.error.message));
    CHECK(end.error.message != "");
    CHECK(end.error.message.size() <= 2048);
  }
}

std::string Mutated(std::string body, Rng& rng) {
  for (std::uint64_t i = 1 + rng.Below(4); i > 0 && !body.empty(); --i) {
    const std::size_t at = rng.Below(body.size());
    const std::size_t size = 1 + rng.Below(20);
    switch (rng.Below(5)) {
      case 0:
        body.resize(at);
        break;
      case 1:
        body[at] = static_cast<char>(body[at] ^ (1 << rng.Below(8)));
        break;
      case 2:
        body.insert(at, body.substr(at, size * 10));
        break;
      case 3:
        body.erase(at, size);
        break;
      default:
        body.insert(at, std::string(size, "[{\"\\:,}]"[rng.Below(8)]));
    }
  }
  return body;
}

TEST_CASE("mutated responses end in a reply or an error, whatever they are") {
  Rng rng(7);
  for (const Codec codec : kCodecs) {
    for (const Response& response : LoadResponses(codec)) {
      CAPTURE(response.name);
      for (int i = 0; i < 100; ++i) {
        Response mutated = response;
        mutated.body = Mutated(response.body, rng);
        CAPTURE(mutated.body);
        CheckEnds(mutated);
      }
    }
  }
}

TEST_CASE("every value of a reply may have any type") {
  Rng rng(8);
  const std::string values[] = {"null",
                                "-1",
                                "1e308",
                                "1e999",
                                "\"x\"",
                                "[]",
                                "[[{}]]",
                                "{}",
                                "true",
                                "0.5",
                                "{\"a\":{\"b\":[]}}",
                                "18446744073709551616"};
  for (const Codec codec : kCodecs) {
    for (const Response& response : LoadResponses(codec)) {
      CAPTURE(response.name);
      for (std::size_t at = response.body.find(':'); at != std::string::npos;
           at = response.body.find(':', at + 1)) {
        const std::size_t end = response.body.find_first_of(",}", at);
        if (end == std::string::npos) break;
        Response changed = response;
        changed.body.replace(at + 1, end - at - 1,
                             values[rng.Below(std::size(values))]);
        CAPTURE(changed.body);
        CheckEnds(changed);
      }
    }
  }
}

TEST_CASE("JSON nested ten thousand deep is refused, not followed") {
  constexpr int kDeep = 10'000;
  std::string maps;
  for (int i = 0; i < kDeep; ++i) maps += "{\"error\":";
  const std::string deep[] = {
      std::string(kDeep, '['),
      std::string(kDeep, '[') + std::string(kDeep, ']'),
      maps,
      maps + "1" + std::string(kDeep, '}'),
      "{\"choices\":" + std::string(kDeep, '[') + std::string(kDeep, ']') + "}",
  };
  for (const std::string& body : deep) {
    for (const Codec codec : kCodecs) {
      for (const int status : {200, 400}) {
        for (const char* type : {"application/json", "text/event-stream"}) {
          Response response{.codec = codec, .body = body};
          response.head = {.status = status,
                           .headers = {{"content-type", type}}};
          const ReplyDecoder::End whole = Decode(response);
          CHECK(!whole.reply);
          CHECK((status == 200 ? FeedsBreaker(whole.error.error)
                               : whole.error.error == ErrorClass::kBadRequest));
          response.body = "data: " + body + "\n\ndata: [DONE]\n\n";
          CHECK(!Decode(response).reply);
        }
      }
    }
  }
  // Brackets in a text do not count.
  const auto end = DecodeBody(Codec::kOpenAiChat, "application/json",
                              R"({"choices":[{"message":{"content":")" +
                                  std::string(kDeep, '[') +
                                  R"("},"finish_reason":"stop"}]})");
  REQUIRE(end.reply);
  CHECK(end.reply->text.size() == kDeep);
}

TEST_CASE("unknown words are told once, and not without end") {
  std::string body;
  for (int i = 0; i < 100; ++i) {
    const std::string type = "odd_" + std::to_string(i / 2);
    body += "data: {\"type\":\"" + type + "\"}\n\n";
  }
  body +=
      "data: {\"type\":\"message_start\",\"message\":{}}\n\n"
      "data: {\"type\":\"message_stop\"}\n\n";
  const auto end = DecodeBody(Codec::kAnthropic, "text/event-stream", body);
  REQUIRE(end.reply);
  CHECK(end.reply->notes.size() == 20);
  CHECK(end.reply->notes[0] == "unknown event \"odd_0\"");
  CHECK(end.reply->notes[1] == "unknown event \"odd_1\"");
}

}  // namespace
}  // namespace coppice::llm::testing
