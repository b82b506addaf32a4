#pragma once

#include "search/event.h"

// The bodies of all records, each described once (SPEC §4): a writer and a
// reader run over the same description. An Io offers
//
//   io("name", value)             a field that must be there
//   io.Optional("name", value)    left out where it says nothing
//   io.Text("name", text)         a long text, stored once by digest
//   io.OptionalText("name", text) the same, or null
//   io.Texts("name", "speakers", parts)  a list of texts, each stored once,
//                                 and who says them: "suau"
//   io.Millis("name", seconds)    whole microseconds, written as ms
//   io.Word("name", flag, no, yes)
//   io.Object("name", [&](auto& in) { in("name", value); })
//
// and Io::Of<T>, which is const T for a writer. New fields are optional ones.

namespace coppice::search {

template <class Io>
void Describe(Io& io, typename Io::template Of<llm::Plan>& e) {
  io.Optional("idea", e.idea);
  io.Optional("category", e.category);
  io.Optional("bottleneck", e.bottleneck);
  io.Optional("alternatives", e.alternatives);
  io.Optional("expect", e.expect);
  io.Optional("risk", e.risk);
  io.Optional("needs", e.needs);
  io.Optional("lesson", e.lesson);
}

template <class Io>
void Describe(Io& io, typename Io::template Of<FileChange>& e) {
  io("path", e.path);
  io.OptionalText("content", e.content);
}

template <class Io>
void Describe(Io& io, typename Io::template Of<FileStat>& e) {
  io("path", e.path);
  io("added", e.added);
  io("removed", e.removed);
  io.Optional("created", e.created);
  io.Optional("deleted", e.deleted);
}

template <class Io>
void Describe(Io& io, typename Io::template Of<eval::Failure>& e) {
  io("outcome", e.outcome);
  io("verdict", e.verdict);
  io("phase", e.phase);
  io("reason", e.reason);
  io("signature", e.signature);
  io.Text("tail", e.tail);
  io("log", e.log);
}

template <class Io>
void Describe(Io& io, typename Io::template Of<eval::HostEvidence>& e) {
  io.Optional("steal", e.steal);
  io.Optional("pressure", e.pressure);
  io.Optional("swap_ins", e.swap_ins);
  io.Optional("throttled", e.throttled);
  io.Optional("load", e.load);
}

template <class Io>
void Describe(Io& io, typename Io::template Of<eval::Sample>& e) {
  io("sample", e.index);
  io("phase", e.phase);
  io("verdict", e.verdict);
  io("metrics", e.metrics);
  io.Optional("failure", e.failure);
  io("exit", e.exit_code);
  io("signal", e.signal);
  io.Millis("ms", e.seconds);
  io.Millis("cpu_ms", e.cpu_seconds);
  io("rss_kb", e.rss_kb);
  io("slot", e.slot);
  io("cached", e.cached);
  io.Optional("leaked", e.leaked);
  io.Optional("truncated", e.truncated);
  io.Optional("noisy_host", e.noisy_host);
  io.Optional("host", e.host);
  io("log", e.log);
}

template <class Io>
void Describe(Io& io, typename Io::template Of<Gain>& e) {
  io("parent", e.parent);
  io("best", e.best);
  io("baseline", e.baseline);
}

template <class Io>
void Describe(Io& io, typename Io::template Of<Finalist>& e) {
  io("node", e.node);
  io("values", e.values);
}

template <class Io>
void Describe(Io& io, typename Io::template Of<Started>& e) {
  io("format", e.format);
  io("coppice", e.coppice);
  io("run", e.run);
  io.Text("spec", e.spec_json);
  io("spec_sha256", e.spec_sha256);
  io("base", e.base);
  io.Text("lock", e.lock_json);
  io("seed", e.seed);
  io.Optional("replays", e.replays);
  io.Optional("replays_at", e.replays_at);
  io.Optional("study", e.study);
  io.Optional("names_prompts", e.names_prompts);
}

template <class Io>
void Describe(Io& io, typename Io::template Of<Selected>& e) {
  io("attempt", e.attempt);
  io("op", e.op);
  io("parents", e.parents);
  io("arm", e.arm);
  io("chain", e.chain);
  io.Word("history", e.history_withheld, "full", "withheld");
  io("idea", e.idea);
}

template <class Io>
void Describe(Io& io, typename Io::template Of<Asked>& e) {
  io("attempt", e.attempt);
  io("turn", e.turn);
  io.Optional("arm", e.arm);
  io("model", e.model);
  io.Optional("role", e.role);
  io("reserve_usd", e.reserve_usd);
  io.Optional("reserve_tokens", e.reserve_tokens);
  io.Optional("price_unknown", e.price_unknown);
  io.Optional("seen", e.seen);
  io.Texts("prompt", "speakers", e.prompt);
}

template <class Io>
void Describe(Io& io, typename Io::template Of<Answered>& e) {
  io("attempt", e.attempt);
  io("turn", e.turn);
  io.Text("text", e.text);
  io("plan", e.plan);
  io("changes", e.changes);
  io("flags", e.flags);
  io.Object("usage", [&](auto& in) {
    in("input", e.usage.input);
    in("output", e.usage.output);
    in("cached", e.usage.cached);
  });
  io("usd", e.usage.usd);
  io.Optional("usd_unknown", e.usage.usd_unknown);
  io.Optional("estimated", e.usage.estimated);
  io.Millis("ms", e.usage.seconds);
  io("stop", e.stop);
  io.Optional("request_id", e.request_id);
}

template <class Io>
void Describe(Io& io, typename Io::template Of<Rejected>& e) {
  io("attempt", e.attempt);
  io("outcome", e.outcome);
  io("reason", e.reason);
  io("usd", e.usd);
}

template <class Io>
void Describe(Io& io, typename Io::template Of<Committed>& e) {
  io("attempt", e.attempt);
  io("commit", e.commit);
  io("tree", e.tree);
  io("plan", e.plan);
  io("message", e.message);
  io("time", e.time);
  io.Text("patch", e.patch);
  io("files", e.files);
  io.Sum("added", e.files, &FileStat::added);
  io.Sum("removed", e.files, &FileStat::removed);
  io("matched", e.matched);
  io("flags", e.flags);
  io("needs", e.needs);
}

template <class Io>
void Describe(Io& io, typename Io::template Of<Sampled>& e) {
  io("node", e.node);
  io.Optional("versus", e.versus);
  Describe(io, e.sample);
}

template <class Io>
void Describe(Io& io, typename Io::template Of<Evaluated>& e) {
  io("node", e.node);
  io("outcome", e.outcome);
  io("reason", e.reason);
  io("signature", e.signature);
  io("value", e.value);
  io("sigma", e.sigma);
  io("gain", e.gain);
  io("flags", e.flags);
  io.Object("seconds", [&](auto& in) {
    in("build", e.seconds.build);
    in("checks", e.seconds.checks);
  });
  io.Text("tail", e.tail);
  io("log", e.log);
}

template <class Io>
void Describe(Io& io, typename Io::template Of<Told>& e) {
  io("directive", e.directive);
}

template <class Io>
void Describe(Io& io, typename Io::template Of<Approved>& e) {
  io("dependency", e.dependency);
}

template <class Io>
void Describe(Io& io, typename Io::template Of<Noted>& e) {
  io("kind", e.kind);
  io.Optional("attempt", e.attempt);
  io("text", e.text);
}

template <class Io>
void Describe(Io& io, typename Io::template Of<Paused>& e) {
  io("class", e.pause);
  io("cause", e.cause);
  io("detail", e.detail);
}

template <class Io>
void Describe(Io& io, typename Io::template Of<Resumed>& e) {
  io("coppice", e.coppice);
  io("drift", e.drift);
  io.Text("spec", e.budget_json);
}

template <class Io>
void Describe(Io& io, typename Io::template Of<Final>& e) {
  io("finalists", e.finalists);
  io("winner", e.winner);
  io("gain", e.gain);
  io("sigma", e.sigma);
  io("confirmed", e.confirmed);
  io("word", e.word);
  io.Optional("holdout", e.holdout);
}

template <class Io>
void Describe(Io& io, typename Io::template Of<Exported>& e) {
  io("node", e.node);
  io("branch", e.branch);
  io("commits", e.commits);
  io("mode", e.mode);
}

template <class Io>
void Describe(Io& io, typename Io::template Of<Stopped>& e) {
  io("reason", e.reason);
  io("exit", e.exit);
}

}  // namespace coppice::search
