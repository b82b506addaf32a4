#pragma once

#include "spec/codec_wrappers.h"
#include "spec/spec.h"

// The keys of judge, proposal and the arms.

namespace coppice::spec {

template <class V>
void Fields(V& v, Stratum& s) {
  v("bucket", s.bucket);
  v("count", s.count);
  v("rubric", s.rubric);
}

template <class V>
void Fields(V& v, Anchor& a) {
  v("id", a.id);
  v("text", a.text);
  v("score", a.score);
}

template <class V>
void Fields(V& v, Judge& j) {
  v("model", OneOrMore{j.models});
  v("rubric", j.rubric);
  v("items", PathText{j.items});
  v("sample_size", j.sample_size);
  v("batch_size", j.batch_size);
  v("seed", j.seed);
  v("anchors", j.anchors);
  v("strata", j.strata);
  v("primary", j.primary);
  v("max_cost_usd", j.max_cost_usd);
}

template <class V>
void Fields(V& v, Proposal& p) {
  v("edit_format", p.edit_format);
  v("edit_retries", p.edit_retries);
  v("request_timeout_seconds", p.request_timeout_seconds);
  v("deadline_seconds", p.deadline_seconds);
  v("max_prompt_kb", p.max_prompt_kb);
  v("templates", p.templates);
}

template <class V>
void Fields(V& v, Price& p) {
  v("input", p.input);
  v("output", p.output);
  v("cached", p.cached);
}

template <class V>
void Fields(V& v, ModelArm& a) {
  v("model", a.model);
  v("temperature", a.temperature);
  v("max_output_tokens", a.max_output_tokens);
  v("base_url", a.base_url);
  v("api_key_env", a.api_key_env);
  v("price", a.price);
  v("requests_per_minute", a.requests_per_minute);
}

template <class V>
void Fields(V& v, AgentArm& a) {
  v("agent", a.agent);
  v("timeout_seconds", a.timeout_seconds);
  v("max_usd", a.max_usd);
  v("pass_env", a.pass_env);
}

template <class V>
void Fields(V& v, CommandArm& a) {
  v("command", a.command);
  v("timeout_seconds", a.timeout_seconds);
  v("pass_env", a.pass_env);
}

template <class V>
void Fields(V& v, Knob& k) {
  v("name", k.name);
  v("file", PathText{k.file});
  v("pattern", k.pattern);
  v("values", Texts{k.values});
  v("range", k.range);
  v("scale", Choice{k.logarithmic, "log", "linear"});
  v("type", Choice{k.integer, "int", "float"});
}

template <class V>
void Fields(V& v, EditsArm& a) {
  v("kinds", a.kinds);
  v("unit", a.unit);
  v("max_edits", a.max_edits);
  v("knobs", a.knobs);
}

}  // namespace coppice::spec
