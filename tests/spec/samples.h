#pragma once

#include <string>
#include <string_view>

#include "spec/load.h"

namespace coppice::spec {

// The least that is a spec.
inline constexpr std::string_view kMinimal = R"yaml(name: faster-parser
goal: Make parse() faster
scope: {mutable: [src/parser.cpp]}
metric: {name: seconds, direction: minimize}
evaluation: python bench/evaluate.py
)yaml";

// Every list and every map that may be null has an entry with its required
// keys alone.
inline constexpr std::string_view kEntries = R"yaml(name: entries
goal: g
scope: {mutable: [a]}
metric:
  name: seconds
  direction: minimize
  gates: [{name: recall, check: "> 0"}]
  guards: [{name: mb, direction: minimize, max_regression: "10%"}]
evaluation:
  command: run
  holdout: {command: run --held-out}
  abort_on: [{pattern: 'loss: (.*)', check: "> 100"}]
checks: [make test, {command: make lint}]
judge:
  model: anthropic/claude-sonnet-4-5
  rubric: "@rubric.md"
  items: out.json
  strata: [{bucket: small, count: 4}]
proposers:
  - {model: openai/gpt-5, price: {input: 1.25, output: 10}}
  - {agent: claude-code}
  - {command: python mutate.py}
  - edits: {knobs: [{name: B, file: a, pattern: 'B = (\d+)', values: [16]}]}
)yaml";

// Every key with a value that is not its default.
inline constexpr std::string_view kFull = R"yaml(version: 1
name: full
goal: Use every key
instructions: ["@notes.md", no dependencies]
base: main
scope:
  mutable: [src/lex/, ./src/parser.cpp, "lib/*.h"]
  immutable: [bench/]
  readable: [docs]
  allow_create: true
  extensions: [cpp, .h, "*.inc"]
  max_files: 3
  max_lines: 50
  max_file_kb: 100
  max_total_kb: 300
metric:
  name: time.median
  direction: maximize
  target: 9.5
  min_improvement: 2.5%
  range: [0.5, 20]
  gates: [{name: recall, check: ">= 0.95", description: finds all}]
  guards:
    - {name: mb, direction: minimize, max_regression: 10%}
    - {name: ms, direction: maximize, max_regression: 0.25}
  diagnostics: [recall, cache_misses]
evaluation:
  setup: cmake -B build
  build: cmake --build build
  smoke: ./smoke.sh
  command: python run.py
  diagnose: perf report
  holdout: {command: python run.py --held-out, copy: [data/heldout.csv]}
  cwd: bench
  output: {regex: 'time: ([0-9.]+)'}
  timeout_seconds: 30
  abort_on: [{pattern: 'loss: (.*)', check: "> 100", after_lines: 5}]
  repeats: 7
  warmup: 1
  aggregation: min
  env: {THREADS: 4, LEVEL: 1.50, FLAG: true, NAME: "x y"}
  pass_env: [CUDA_HOME]
  copy: [data/train.csv]
  keep: [build/]
  expose: [~/.cargo]
  exclusive: [gpu]
  limits: {cpus: 2, memory_mb: 512, output_mb: 8}
  sandbox: none
  network: true
  wrap: nice
  backend: slurm
  slurm: {mode: allocation, partition: p, time: "1:00",
          cpus: 4, mem: 4G, extra: [--qos=low], poll_seconds: 30,
          shared_dir: /scratch}
checks: [make test, {command: make lint, timeout_seconds: 60}]
judge:
  model: gemini/gemini-2.5-pro
  rubric: Score clarity
  items: out/items.json
  sample_size: 20
  batch_size: 4
  seed: 7
  anchors: [{id: bad, text: a text, score: 5}]
  strata: [{bucket: small, count: 4, rubric: "@small.md"}]
  primary: pct_4plus
  max_cost_usd: 2.5
proposers:
  - {model: openai/gpt-5, temperature: 0.7, max_output_tokens: 8000,
     base_url: "http://localhost:8000/v1", api_key_env: MY_KEY,
     price: {input: 1.25, output: 10, cached: 0.125}, requests_per_minute: 60,
     weight: 2, operators: [draft, improve], edit_format: udiff}
  - {model: openai/gpt-5}
  - {agent: codex, timeout_seconds: 60, max_usd: 0.5, pass_env: [HOME_X],
     deadline_seconds: 100}
  - {command: python mutate.py, timeout_seconds: 10, pass_env: [A],
     weight: 0.5, templates: prompts/}
  - edits:
      kinds: [swap, number]
      unit: statement
      max_edits: 1
      knobs:
        - {name: B, file: src/parser.cpp, pattern: 'B = (\d+)',
           values: [16, 1.50, 0x20, true, "a b"]}
        - {name: lr, file: src/parser.cpp, pattern: 'lr = (\S+)',
           range: [1e-4, 1e-1], scale: log, type: int}
    operators: [tune]
proposal: {edit_format: whole, edit_retries: 1, request_timeout_seconds: 60,
           deadline_seconds: 120, max_prompt_kb: 100, templates: prompts}
search: {policy: beam, chains: 2, chain_budget: luby, num_drafts: 3, max_depth: 9, history: 4,
         seed: 12, exploration: [0.5, 2], lineage_floor: false, beam_width: 2,
         branching_factor: 5, max_debug_depth: 1, debug_prob: 0.25,
         restart_after: 7, merge: 0, tune: 2, hypotheses: ideas.md}
dependencies: {approved: [numpy], manifests: [deps.txt]}
parallel: {evaluations: 3, requests: 2}
budget: {max_nodes: 40, max_hours: 2.5, max_evaluation_hours: 1,
         max_cost_usd: null, max_tokens: 1000000, plateau_nodes: null,
         stop_at_target: false}
usage: {calls_per_day: 10000, usd_per_hour: 1.5}
export: {branch: "perf/{name}", mode: stack, minimise: false, remote: origin,
         request: gitlab}
hooks: {on_node: a, on_new_best: b, on_pause: c, on_finish: d,
        webhook: "https://example.org/hook"}
)yaml";

inline Result<Loaded> Parse(std::string_view text,
                            const std::vector<Override>& overrides = {}) {
  return ParseSpec(text, "coppice.yaml", overrides);
}

// The error's text, or nothing for a spec that is accepted.
inline std::string ErrorOf(std::string_view text,
                           const std::vector<Override>& overrides = {}) {
  const Result<Loaded> loaded = Parse(text, overrides);
  return loaded ? std::string() : loaded.error().Text();
}

// `text` with the first `from` replaced.
inline std::string With(std::string_view text, std::string_view from,
                        std::string_view to) {
  std::string out(text);
  return out.replace(out.find(from), from.size(), to);
}

}  // namespace coppice::spec
