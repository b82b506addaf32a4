#pragma once

#include "spec/codec_wrappers.h"
#include "spec/spec.h"

// The keys of scope, metric, evaluation and checks.

namespace coppice::spec {

template <class V>
void Fields(V& v, Scope& s) {
  v("mutable", PathList{s.mutable_paths});
  v("immutable", PathList{s.immutable});
  v("readable", PathList{s.readable});
  v("allow_create", s.allow_create);
  v("extensions", Extensions{s.extensions});
  v("max_files", s.max_files);
  v("max_lines", s.max_lines);
  v("max_file_kb", s.max_file_kb);
  v("max_total_kb", s.max_total_kb);
}

template <class V>
void Fields(V& v, Gate& g) {
  v("name", g.name);
  v("check", CheckText{g.check, g.comparison, g.bound});
  v("description", g.description);
}

template <class V>
void Fields(V& v, Guard& g) {
  v("name", g.name);
  v("direction", g.direction);
  v("max_regression", Regression{g});
}

template <class V>
void Fields(V& v, Weight& w) {
  v("name", w.name);
  v("direction", w.direction);
  v("weight", w.weight);
}

template <class V>
void Fields(V& v, Metric& m) {
  v("name", m.name);
  v("direction", m.direction);
  v("target", m.target);
  v("min_improvement", Improvement{m.min_improvement});
  v("range", m.range);
  v("weights", m.weights);
  v("gates", m.gates);
  v("guards", m.guards);
  v("diagnostics", m.diagnostics);
}

template <class V>
void Fields(V& v, AbortRule& r) {
  v("pattern", r.pattern);
  v("check", CheckText{r.check, r.comparison, r.bound});
  v("after_lines", r.after_lines);
}

template <class V>
void Fields(V& v, Holdout& h) {
  v("command", h.command);
  v("copy", PathList{h.copy});
}

template <class V>
void Fields(V& v, Limits& l) {
  v("cpus", l.cpus);
  v("memory_mb", l.memory_mb);
  v("output_mb", l.output_mb);
}

template <class V>
void Fields(V& v, Slurm& s) {
  v("mode", s.mode);
  v("partition", s.partition);
  v("time", s.time);
  v("gres", s.gres);
  v("cpus", s.cpus);
  v("mem", s.mem);
  v("extra", s.extra);
  v("poll_seconds", s.poll_seconds);
  v("shared_dir", s.shared_dir);
}

template <class V>
void Fields(V& v, Evaluation& e) {
  v("setup", e.setup);
  v("build", e.build);
  v("smoke", e.smoke);
  v("command", e.command);
  v("diagnose", e.diagnose);
  v("holdout", e.holdout);
  v("cwd", PathText{e.cwd});
  v("output", Output{e});
  v("timeout_seconds", e.timeout_seconds);
  v("abort_on", e.abort_on);
  v("repeats", Auto{e.repeats});
  v("warmup", e.warmup);
  v("aggregation", e.aggregation);
  v("env", TextMap{e.env});
  v("pass_env", e.pass_env);
  v("copy", PathList{e.copy});
  v("keep", PathList{e.keep});
  v("expose", e.expose);
  v("exclusive", e.exclusive);
  v("limits", e.limits);
  v("sandbox", Choice{e.sandbox, "bwrap", "none"});
  v("network", e.network);
  v("wrap", e.wrap);
  v("backend", e.backend);
  v("slurm", e.slurm);
}

template <class V>
void Fields(V& v, Check& c) {
  v("command", c.command);
  v("timeout_seconds", c.timeout_seconds);
}

}  // namespace coppice::spec
