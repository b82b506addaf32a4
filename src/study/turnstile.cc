#include "study/turnstile.h"

#include <algorithm>
#include <limits>
#include <utility>

// Two gates. The seats decide whose node is measured next: that of the search
// with the smallest share of what all get alike, nodes that sit counted as had.
// So a search with many attempts in flight keeps them in flight, whatever the
// machine can measure at once, and sees what it would see alone. Nobody who is
// ahead of another by more than an attempt sits or selects: many attempts may
// end without being measured.

namespace coppice::study {
namespace {

constexpr double kSecondsPerHour = 3600;

}  // namespace

double Spending::Of(spec::Equalize resource) const {
  switch (resource) {
    case spec::Equalize::kNodes:
      return nodes;
    case spec::Equalize::kCost:
      return usd;
    case spec::Equalize::kTokens:
      return static_cast<double>(tokens);
    case spec::Equalize::kHours:
      return hours;
  }
  return nodes;
}

double WorkHours(const search::AttemptInfo& info) {
  double seconds = info.propose_seconds + info.measure_seconds;
  if (info.evaluated) {
    seconds += info.evaluated->seconds.build + info.evaluated->seconds.checks;
  }
  return seconds / kSecondsPerHour;
}

Spending SpendingOf(const search::State& state) {
  const search::Consumption used = state.Used(state.last_at());
  double seconds = used.evaluation_hours * kSecondsPerHour;
  for (const auto& [key, line] : state.ledger()) seconds += line.seconds;
  for (SamplePhase phase : {SamplePhase::kBaseline, SamplePhase::kHoldout}) {
    for (const auto& met : state.samples().Against(AttemptId(0), phase)) {
      seconds -= met.seconds;  // of the baseline, which all arms share
    }
  }
  return {.nodes = used.finished,
          .usd = used.usd,
          .tokens = used.tokens,
          .hours = seconds / kSecondsPerHour};
}

// ---- The turnstile ---------------------------------------------------------

struct Turnstile::Waiting {
  Place* place = nullptr;
  bool granted = false;
};

class Turnstile::Taken final : public search::Company::Seat {
 public:
  Taken(Turnstile& owner, Place& place) : owner_(owner), place_(place) {}
  ~Taken() override {
    --place_.seated_;
    ++owner_.free_;
    owner_.Grant();
  }

 private:
  Turnstile& owner_;
  Place& place_;
};

Turnstile::Turnstile(Options options)
    : options_(std::move(options)),
      answers_(options_.executor),
      granted_(options_.executor),
      free_(std::max(1, options_.seats)) {}

Turnstile::~Turnstile() = default;

Turnstile::Place& Turnstile::Add(std::map<std::string, std::string> shared) {
  places_.push_back(std::make_unique<Place>(*this, std::move(shared)));
  return *places_.back();
}

// An attempt's share of the total, as far as that is known.
double Turnstile::Unit(const Place& place) const {
  const Spending& had = place.spending_;
  if (options_.resource == spec::Equalize::kNodes) return 1 / options_.total;
  if (had.nodes == 0) return 0;
  return had.Of(options_.resource) / had.nodes / options_.total;
}

double Turnstile::Share(const Place& place) const {
  return place.spending_.Of(options_.resource) / options_.total;
}

bool Turnstile::IsAhead(const Place& place) const {
  // What is in a double after many sums is no difference.
  constexpr double kRounding = 1e-9;
  return std::ranges::any_of(places_, [&](const auto& other) {
    return other.get() != &place && other->inside_ &&
           Share(place) > Share(*other) + Unit(place) + kRounding;
  });
}

void Turnstile::Grant() {
  auto due = [this](const Waiting* waiting) {
    const Place& place = *waiting->place;
    return Share(place) + place.seated_ * Unit(place);
  };
  while (free_ > 0) {
    auto next = waiting_.end();
    for (auto it = waiting_.begin(); it != waiting_.end(); ++it) {
      if (IsAhead(*(*it)->place)) continue;
      if (next == waiting_.end() || due(*it) < due(*next)) next = it;
    }
    if (next == waiting_.end()) return;
    (*next)->granted = true;
    ++(*next)->place->seated_;
    --free_;
    waiting_.erase(next);
    granted_.Notify();
  }
}

// Whoever was held may be free to go.
void Turnstile::Tell() {
  Grant();
  for (const auto& place : places_) {
    if (place->held_ && place->wake_) place->wake_();
  }
}

// ---- A place ---------------------------------------------------------------

void Turnstile::Place::Enter(const search::State& state) {
  spending_ = SpendingOf(state);
  for (AttemptId attempt : state.order_of_completion()) {
    longest_ = std::max(longest_, WorkHours(*state.Info(attempt)));
  }
  inside_ = true;
}

void Turnstile::Place::Leave() {
  inside_ = false;
  held_ = false;
  owner_.Tell();
}

void Turnstile::Place::Observe(const search::State& state,
                               const search::Record& record) {
  reserved_usd_ = state.Used(record.at).usd_reserved;
  const Spending before = std::exchange(spending_, SpendingOf(state));
  if (std::holds_alternative<search::Answered>(record.event)) {
    for (const auto& place : owner_.places_) {
      if (place->short_of_money_ && place->wake_) place->wake_();
    }
  }
  if (spending_.nodes > before.nodes) {
    const AttemptId last = state.order_of_completion().back();
    longest_ = std::max(longest_, WorkHours(*state.Info(last)));
  }
  if (spending_.nodes == before.nodes &&
      spending_.Of(owner_.options_.resource) ==
          before.Of(owner_.options_.resource)) {
    return;
  }
  owner_.Tell();
}

// Nobody knows how long an attempt will take, so a search ends with the one
// that reaches the total; and so that this is one, none is begun beside others
// but where all of them have room at their longest.
bool Turnstile::Place::HasHadEnough(const search::State& state) const {
  if (owner_.options_.resource != spec::Equalize::kHours) return false;
  const auto open = static_cast<double>(state.Open().size());
  const double ahead = open > 0 ? (open + 1) * longest_ : 0;
  return spending_.hours + ahead >= owner_.options_.total;
}

search::Company::Turn Turnstile::Place::MaySelect(const search::State& state) {
  held_ = false;
  if (HasHadEnough(state)) {
    // Those in flight may turn out shorter than the longest was.
    return state.Open().empty() ? Turn::kEnd : Turn::kWait;
  }
  held_ = owner_.IsAhead(*this);
  return held_ ? Turn::kWait : Turn::kGo;
}

Task<std::unique_ptr<search::Company::Seat>> Turnstile::Place::Sit() {
  Waiting waiting{.place = this};
  owner_.waiting_.push_back(&waiting);
  owner_.Grant();
  while (!waiting.granted) co_await owner_.granted_.Wait();
  co_return std::make_unique<Taken>(owner_, *this);
}

search::Budget::Grant Turnstile::Place::Affords(double usd) {
  using Grant = search::Budget::Grant;
  short_of_money_ = false;
  const std::optional<double>& left = owner_.options_.usd_left;
  if (!left) return Grant::kYes;
  double spent = usd;
  double reserved = 0;
  for (const auto& place : owner_.places_) {
    spent += place->spending_.usd;
    reserved += place->reserved_usd_;
  }
  if (spent + reserved <= *left) return Grant::kYes;
  if (spent <= *left && reserved > 0) {
    short_of_money_ = true;
    return Grant::kWait;
  }
  if (owner_.options_.spent) owner_.options_.spent();
  return Grant::kNo;
}

std::string Turnstile::Place::Whole(const std::string& arm,
                                    const std::string& question) const {
  auto shared = shared_.find(arm);
  return (shared == shared_.end() ? arm : shared->second) + " " + question;
}

Task<std::optional<llm::Answered>> Turnstile::Place::Recall(
    std::string arm, std::string question) {
  co_return co_await owner_.answers_.Recall(Whole(arm, question));
}

void Turnstile::Place::Learn(const std::string& arm,
                             const std::string& question,
                             const llm::Answered& answer) {
  owner_.answers_.Learn(Whole(arm, question), answer);
}

void Turnstile::Place::Forget(const std::string& arm,
                              const std::string& question) {
  owner_.answers_.Forget(Whole(arm, question));
}

}  // namespace coppice::study
