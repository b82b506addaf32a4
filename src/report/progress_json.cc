#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/text.h"
#include "report/facts.h"
#include "report/progress.h"
#include "report/words.h"

namespace coppice::report {
namespace {

OrderedJson BestJson(const search::State& state) {
  const AttemptId best = BestAttempt(state);
  const std::optional<double> value = ValueOf(state, best);
  return {{"node", best.value()},
          {"value", value ? OrderedJson(*value) : OrderedJson(nullptr)}};
}

// One overload a kind that is news; the template answers for the rest.
struct Body {
  const search::State& state;

  using Found = std::optional<OrderedJson>;

  template <class Other>
  Found operator()(const Other&) const {
    return std::nullopt;
  }
  Found operator()(const search::Started& e) const {
    return OrderedJson{{"run", e.run},
                       {"spec", state.spec().name},
                       {"base", e.base.Hex()},
                       {"seed", e.seed}};
  }
  Found Finished(AttemptId attempt) const {
    return OrderedJson{{"finished", state.order_of_completion().size()},
                       {"best", BestJson(state)},
                       {"record", NodeRecord(state, attempt)}};
  }
  Found operator()(const search::Evaluated& e) const {
    return Finished(e.node);
  }
  Found operator()(const search::Rejected& e) const {
    return Finished(e.attempt);
  }
  Found operator()(const search::Noted& e) const {
    OrderedJson json = {{"note", Sanitize(e.kind)}, {"text", Sanitize(e.text)}};
    if (e.attempt) json["attempt"] = e.attempt->value();
    return json;
  }
  Found operator()(const search::Approved& e) const {
    return OrderedJson{{"dependency", Sanitize(e.dependency)}};
  }
  Found operator()(const search::Paused& e) const {
    const bool outage = e.pause == search::PauseClass::kOutage;
    return OrderedJson{
        {"class", outage ? "outage" : "needs_user"},
        {"cause", Sanitize(e.cause)},
        {"detail", Sanitize(e.detail)},
        {"next", e.cause == search::kPausedByUser
                     ? "coppice tell " + state.run() + " --continue"
                     : "coppice resume " + state.run()}};
  }
  Found operator()(const search::Resumed& e) const {
    OrderedJson drift = OrderedJson::array();
    for (const std::string& one : e.drift) drift.push_back(Sanitize(one));
    return OrderedJson{{"coppice", e.coppice}, {"drift", drift}};
  }
  Found operator()(const search::Final& e) const {
    OrderedJson finalists = OrderedJson::array();
    for (const search::Finalist& finalist : e.finalists) {
      finalists.push_back(
          {{"node", finalist.node.value()}, {"values", finalist.values}});
    }
    return OrderedJson{{"finalists", finalists},   {"winner", e.winner.value()},
                       {"gain", e.gain},           {"sigma", e.sigma},
                       {"confirmed", e.confirmed}, {"word", Sanitize(e.word)}};
  }
  Found operator()(const search::Exported& e) const {
    OrderedJson commits = OrderedJson::array();
    for (const ObjectId& commit : e.commits) commits.push_back(commit.Hex());
    return OrderedJson{{"node", e.node.value()},
                       {"branch", Sanitize(e.branch)},
                       {"commits", commits},
                       {"mode", Sanitize(e.mode)}};
  }
  Found operator()(const search::Stopped& e) const {
    return OrderedJson{{"reason", Sanitize(e.reason)}, {"exit", e.exit}};
  }
};

}  // namespace

std::optional<OrderedJson> ProgressJson(const search::State& state,
                                        const search::Record& record) {
  const Body body{state};
  const std::optional<OrderedJson> found = std::visit(body, record.event);
  if (!found) return std::nullopt;
  OrderedJson json = {{"event", search::KindOf(record.event)},
                      {"seq", record.seq},
                      {"at", FormatUtc(record.at)}};
  json.update(*found);
  return json;
}

}  // namespace coppice::report
