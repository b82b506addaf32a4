#include "llm/cassette.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/digest.h"
#include "base/log.h"
#include "llm/cassette_entry.h"
#include "llm/cassette_file.h"

// A request is named by the SHA-256 of what it asks and by how often that was
// asked before. The count is taken when a request is dispatched, not when its
// answer arrives: attempts that run side by side get the same answers in a
// replay, whatever the network did then or does now.

namespace coppice::llm {
namespace {

constexpr std::size_t kKeyShown = 12;
// A replay that keeps delays looks up this often whether it was cancelled.
constexpr Duration kSlice = std::chrono::milliseconds(200);

// Gives out (key, n).
class Names {
 public:
  explicit Names(Redact redact) : redact_(std::move(redact)) {}

  CassetteEntry Dispatch(const HttpRequest& request) {
    CassetteEntry entry{.request = CassetteRequestText(request, redact_),
                        .codec = request.codec,
                        .path = CassettePath(request),
                        .model = request.model};
    entry.key = Sha256Hex(entry.request);
    entry.n = counts_[entry.key]++;
    return entry;
  }
  void Skip(const CassetteEntry& recorded) {
    int& count = counts_[recorded.key];
    count = std::max(count, recorded.n + 1);
  }
  const Redact& redact() const { return redact_; }

 private:
  const Redact redact_;
  std::map<std::string, int> counts_;
};

// Passes everything on and keeps a copy.
class Tape final : public HttpSink {
 public:
  Tape(HttpSink& sink, Clock& clock, CassetteEntry& entry)
      : sink_(sink), clock_(clock), entry_(entry), last_(clock.Now()) {}

  void OnHead(const HttpHead& head) override {
    entry_.head = head;
    sink_.OnHead(head);
  }
  bool OnBody(std::string_view bytes) override {
    const Instant now = clock_.Now();
    const auto ms =
        std::chrono::duration_cast<std::chrono::milliseconds>(now - last_);
    last_ = last_ + ms;
    entry_.chunks.emplace_back(ms.count(), bytes);
    return sink_.OnBody(bytes);
  }

 private:
  HttpSink& sink_;
  Clock& clock_;
  CassetteEntry& entry_;
  Instant last_;
};

class Recording final : public Cassette {
 public:
  Recording(HttpClient& inner, Clock& clock, CassetteWriter::Opened opened,
            Redact redact)
      : inner_(inner),
        clock_(clock),
        writer_(std::move(opened.writer)),
        names_(std::move(redact)) {
    for (const CassetteEntry& entry : opened.before.entries) names_.Skip(entry);
  }

  Task<HttpEnd> Send(const HttpRequest& request, HttpSink& sink) override {
    CassetteEntry entry = names_.Dispatch(request);
    Tape tape(sink, clock_, entry);
    entry.end = co_await inner_.Send(request, tape);
    const std::string line = CassetteLine(entry, names_.redact());
    const Result<void> written = writer_.Append(line);
    if (!written) LogWarning(written.error().Text());
    co_return std::move(entry.end);
  }
  void CancelAll() override { inner_.CancelAll(); }

  const std::vector<std::string>& misses() const override { return misses_; }
  std::vector<std::string> unused() const override { return {}; }

 private:
  HttpClient& inner_;
  Clock& clock_;
  CassetteWriter writer_;
  Names names_;
  const std::vector<std::string> misses_;
};

class Replay final : public Cassette {
 public:
  Replay(Clock& clock, std::filesystem::path path, CassetteFile file,
         CassetteOptions options)
      : clock_(clock),
        path_(std::move(path)),
        delays_(options.delays),
        names_(std::move(options.redact)) {
    for (CassetteEntry& entry : file.entries) {
      const std::pair name(entry.key, entry.n);
      recorded_.insert_or_assign(name, Recorded{std::move(entry)});
    }
  }

  Task<HttpEnd> Send(const HttpRequest& request, HttpSink& sink) override;
  void CancelAll() override { cancelled_ = true; }

  const std::vector<std::string>& misses() const override { return misses_; }
  std::vector<std::string> unused() const override;

 private:
  struct Recorded {
    CassetteEntry entry;
    bool used = false;
  };

  std::string MissText(const CassetteEntry& asked) const;
  Task<void> Wait(std::int64_t ms);

  Clock& clock_;
  const std::filesystem::path path_;
  const bool delays_;
  Names names_;
  std::map<std::pair<std::string, int>, Recorded> recorded_;
  std::vector<std::string> misses_;
  bool cancelled_ = false;
};

Task<HttpEnd> Replay::Send(const HttpRequest& request, HttpSink& sink) {
  const CassetteEntry asked = names_.Dispatch(request);
  HttpEnd cancelled{.fault = HttpFault::kCancelled, .detail = "cancelled"};
  if (cancelled_) co_return cancelled;
  const auto found = recorded_.find({asked.key, asked.n});
  if (found == recorded_.end()) {
    misses_.push_back(MissText(asked));
    co_return HttpEnd{.fault = HttpFault::kUnsupported,
                      .detail = misses_.back()};
  }
  found->second.used = true;
  const CassetteEntry& entry = found->second.entry;  // the map only grows old
  if (entry.head.status != 0) sink.OnHead(entry.head);
  cancelled.sent = true;
  for (const auto& [ms, bytes] : entry.chunks) {
    if (delays_) co_await Wait(ms);
    if (cancelled_) co_return cancelled;
    if (!sink.OnBody(bytes)) co_return HttpEnd{.sent = true};
  }
  co_return entry.end;
}

Task<void> Replay::Wait(std::int64_t ms) {
  const Instant end = clock_.Now() + std::chrono::milliseconds(ms);
  while (!cancelled_ && clock_.Now() < end) {
    co_await clock_.SleepUntil(std::min(end, clock_.Now() + kSlice));
  }
}

std::string Replay::MissText(const CassetteEntry& asked) const {
  const CassetteEntry* nearest = nullptr;
  CassetteDifference smallest;
  for (const auto& [name, recorded] : recorded_) {
    const CassetteEntry& entry = recorded.entry;
    if (entry.key == asked.key) {
      return fmt::format("{}: {} was recorded less often than it is asked ({})",
                         path_.string(), asked.key.substr(0, kKeyShown),
                         asked.n + 1);
    }
    const CassetteDifference difference =
        CompareRequests(entry.request, asked.request);
    if (nearest == nullptr || difference.count < smallest.count) {
      nearest = &entry;
      smallest = difference;
    }
  }
  if (nearest == nullptr) {
    return fmt::format("{}: nothing is recorded", path_.string());
  }
  return fmt::format(
      "{}: no answer to {} of {}; the nearest is {}, which differs first at "
      "\"{}\" and in {} places",
      path_.string(), asked.key.substr(0, kKeyShown), asked.model,
      nearest->key.substr(0, kKeyShown), smallest.pointer, smallest.count);
}

std::vector<std::string> Replay::unused() const {
  std::vector<std::string> lines;
  for (const auto& [name, recorded] : recorded_) {
    if (recorded.used) continue;
    const CassetteEntry& entry = recorded.entry;
    lines.push_back(fmt::format("{} n={} {} {}", entry.key.substr(0, kKeyShown),
                                entry.n, entry.path, entry.model));
  }
  return lines;
}

}  // namespace

Result<std::unique_ptr<Cassette>> MakeCassette(HttpClient* inner, Clock& clock,
                                               std::filesystem::path file,
                                               CassetteMode mode,
                                               CassetteOptions options) {
  if (mode == CassetteMode::kReplay) {
    Result<CassetteFile> read = ReadCassette(file);
    if (!read) return read.error();
    return std::unique_ptr<Cassette>(std::make_unique<Replay>(
        clock, std::move(file), std::move(*read), std::move(options)));
  }
  Result<CassetteWriter::Opened> opened = CassetteWriter::Open(file);
  if (!opened) return opened.error();
  return std::unique_ptr<Cassette>(std::make_unique<Recording>(
      *inner, clock, std::move(*opened), std::move(options.redact)));
}

}  // namespace coppice::llm
