#pragma once

#include "spec/codec_wrappers.h"
#include "spec/spec.h"

// The keys of search and of what surrounds it, and of the whole spec.

namespace coppice::spec {

template <class V>
void Fields(V& v, Search& s) {
  v("policy", s.policy);
  v("chains", s.chains);
  v("chain_budget", s.chain_budget);
  v("num_drafts", s.num_drafts);
  v("max_depth", s.max_depth);
  v("history", s.history);
  v("seed", s.seed);
  v("exploration", s.exploration);
  v("lineage_floor", s.lineage_floor);
  v("beam_width", s.beam_width);
  v("branching_factor", s.branching_factor);
  v("max_debug_depth", s.max_debug_depth);
  v("debug_prob", s.debug_prob);
  v("restart_after", s.restart_after);
  v("merge", s.merge);
  v("tune", s.tune);
  v("hypotheses", s.hypotheses);
}

template <class V>
void Fields(V& v, Dependencies& d) {
  v("approved", d.approved);
  v("manifests", Manifests{d.manifests});
}

template <class V>
void Fields(V& v, Parallel& p) {
  v("evaluations", Auto{p.evaluations});
  v("requests", p.requests);
}

template <class V>
void Fields(V& v, Budget& b) {
  v("max_nodes", b.max_nodes);
  v("max_hours", b.max_hours);
  v("max_evaluation_hours", b.max_evaluation_hours);
  v("max_cost_usd", b.max_cost_usd);
  v("max_tokens", b.max_tokens);
  v("plateau_nodes", b.plateau_nodes);
  v("stop_at_target", b.stop_at_target);
}

template <class V>
void Fields(V& v, Usage& u) {
  v("calls_per_day", u.calls_per_day);
  v("usd_per_hour", u.usd_per_hour);
}

template <class V>
void Fields(V& v, Export& e) {
  v("branch", e.branch);
  v("mode", e.mode);
  v("minimise", e.minimise);
  v("remote", e.remote);
  v("request", e.request);
}

template <class V>
void Fields(V& v, Hooks& h) {
  v("on_node", h.on_node);
  v("on_new_best", h.on_new_best);
  v("on_pause", h.on_pause);
  v("on_finish", h.on_finish);
  v("webhook", h.webhook);
}

// Everything but the proposers, which need the proposal's keys.
template <class V>
void Fields(V& v, Spec& s) {
  v("version", s.version);
  v("name", s.name);
  v("goal", s.goal);
  v("instructions", s.instructions);
  v("base", s.base);
  v("scope", s.scope);
  v("metric", s.metric);
  v("evaluation", s.evaluation);
  v("checks", s.checks);
  v("judge", s.judge);
  v("proposal", s.proposal);
  v("search", s.search);
  v("dependencies", s.dependencies);
  v("parallel", s.parallel);
  v("budget", s.budget);
  v("usage", s.usage);
  v("export", s.export_);
  v("hooks", s.hooks);
}

}  // namespace coppice::spec
