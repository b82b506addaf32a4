#include "llm/endpoint.h"

#include <fmt/format.h>

#include <utility>

#include "base/log.h"

namespace coppice::llm {
namespace {

// The response of one request, as it comes in.
class Receiver final : public HttpSink {
 public:
  Receiver(spec::Codec codec, const Dropped& sent)
      : codec_(codec), sent_(sent) {}

  void OnHead(const HttpHead& head) override {
    head_ = head;
    decoder_ = MakeReplyDecoder(head, codec_, sent_);
  }
  bool OnBody(std::string_view bytes) override { return decoder_->Feed(bytes); }

  const HttpHead& head() const { return head_; }
  ReplyDecoder* decoder() { return decoder_.get(); }

 private:
  spec::Codec codec_;
  const Dropped& sent_;
  HttpHead head_;
  std::unique_ptr<ReplyDecoder> decoder_;
};

// A body that nobody reads.
class Ignore final : public HttpSink {
 public:
  void OnHead(const HttpHead& head) override { status = head.status; }
  bool OnBody(std::string_view) override { return true; }
  int status = 0;
};

Endpoint::Exchange::Charge ChargeOf(const Endpoint::Exchange& exchange,
                                    const HttpEnd& end, int status) {
  using Charge = Endpoint::Exchange::Charge;
  if (exchange.reply || exchange.error.usage) return Charge::kUsage;
  if (!end.sent) return Charge::kNothing;
  // A status other than 200 is taken for unbilled; whatever broke off after
  // the request was written may have been billed in full.
  const bool broke = end.fault != HttpFault::kNone ||
                     exchange.error.error == ErrorClass::kTruncatedStream ||
                     exchange.error.error == ErrorClass::kReplyTooLarge;
  const bool refused = status != 0 && status != 200;
  return broke && !refused ? Charge::kReservation : Charge::kNothing;
}

// What a response says, or what became of it. A refusal that broke off is
// believed by its status all the same: a bad key gets no better by asking
// again. A bad request alone is not, for its cause may be what is missing.
ReplyDecoder::End Decoded(Receiver& receiver, const HttpEnd& end) {
  const bool whole = end.fault == HttpFault::kNone;
  const bool refused = receiver.head().status >= 300;
  if (receiver.decoder() != nullptr &&
      (whole || (refused && end.fault != HttpFault::kCancelled))) {
    ReplyDecoder::End decoded = receiver.decoder()->Finish();
    if (whole || decoded.error.error != ErrorClass::kBadRequest) {
      return decoded;
    }
  }
  return {.error = FromTransport(end)};
}

}  // namespace

Endpoint::Endpoint(spec::ModelProfile profile, std::string base_url,
                   Credentials credentials, Parts parts)
    : profile_(std::move(profile)),
      base_url_(std::move(base_url)),
      credentials_(std::move(credentials)),
      parts_(parts) {}

// Ollama's own interface alone lets the context be sized, so a local server is
// asked once whether it is one (PROVIDERS §8).
Task<void> Endpoint::Settle() {
  if (std::exchange(settled_, true)) co_return;
  const bool local = profile_.provider == "local" &&
                     profile_.codec == spec::Codec::kOpenAiChat &&
                     base_url_.ends_with(":11434/v1");
  if (!local) co_return;
  const std::string root = base_url_.substr(0, base_url_.size() - 3);
  HttpRequest request;
  request.method = "GET";
  request.url = root + "/api/version";
  request.total = std::chrono::seconds(5);
  Ignore ignore;
  const HttpEnd end = co_await parts_.http.Send(request, ignore);
  if (end.fault != HttpFault::kNone || ignore.status != 200) co_return;
  profile_.codec = spec::Codec::kOllama;
  base_url_ = root;
}

Task<Endpoint::Exchange> Endpoint::Send(const Call& call, Duration limit) {
  co_await Settle();
  const Instant started = parts_.clock.Now();
  const Dropped sent = dropped_;
  HttpRequest request = Encode(call, profile_, base_url_, credentials_, sent);
  request.total = limit;
  request.idle = parts_.idle;
  request.ca_file = profile_.ca_file;
  request.proxy = profile_.proxy;
  parts_.gate.Passed(started, call.estimated_input);
  breaker_.Start();
  Receiver receiver(profile_.codec, sent);
  const HttpEnd end = co_await parts_.http.Send(request, receiver);
  const Instant now = parts_.clock.Now();

  Exchange exchange;
  exchange.seconds = std::chrono::duration<double>(now - started).count();
  exchange.request_id = RequestId(receiver.head().headers);
  ReplyDecoder::End decoded = Decoded(receiver, end);
  exchange.reply = std::move(decoded.reply);
  exchange.error = std::move(decoded.error);
  exchange.charge = ChargeOf(exchange, end, receiver.head().status);
  // A wait that the server states outranks what its rate headers say.
  if (!exchange.error.retry_after || exchange.reply) {
    parts_.gate.Learn(now, ReadRateHeaders(receiver.head().headers));
  }
  if (exchange.reply) {
    breaker_.Succeed();
    bad_requests = 0;
    for (const std::string& note : exchange.reply->notes) {
      LogInfo(fmt::format("{}: {}", profile_.model, note));
    }
    co_return exchange;
  }
  ApiError& error = exchange.error;
  error.message = parts_.redact(error.message);
  if (error.error == ErrorClass::kCancelled) {
    breaker_.Forget();
  } else {
    breaker_.Fail(now, FeedsBreaker(error.error));
  }
  bad_requests = error.error == ErrorClass::kBadRequest ? bad_requests + 1 : 0;
  LogInfo(fmt::format(
      "{}/{}: {} (status {}{}): {}", profile_.provider, profile_.model,
      Name(error.error), error.status,
      exchange.request_id.empty() ? "" : ", request " + exchange.request_id,
      error.message));
  co_return exchange;
}

bool Endpoint::Drop(const ApiError& error, const Call& call) {
  const bool dropped = llm::Drop(error, profile_, call, dropped_);
  if (dropped) {
    LogInfo(fmt::format("{}/{} does not take {}: left out from now on",
                        profile_.provider, profile_.model,
                        error.param.empty() ? "a parameter" : error.param));
  }
  return dropped;
}

void Endpoint::Heed(const ApiError& error, double jitter_seconds) {
  if (!error.retry_after) return;
  const auto jitter = std::chrono::duration_cast<Duration>(
      std::chrono::duration<double>(jitter_seconds));
  parts_.gate.CloseUntil(parts_.clock.Now() + *error.retry_after + jitter);
}

}  // namespace coppice::llm
