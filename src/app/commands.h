#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/console.h"

// One function a command (SPEC §7): options in, exit code out. Each prints
// what it has to say.

namespace coppice::app {

struct InitOptions {
  std::string goal;
  std::string demo;  // directory to make
  std::string form;  // speed | accuracy | ...: a template
  bool interactive = false;
  bool force = false;
};
int Init(const Global& global, const InitOptions& options);

// Keys that override the spec file: --set and the named flags.
using Overrides = std::vector<std::pair<std::string, std::string>>;

struct CheckOptions {
  std::string spec;  // empty: coppice.yaml at the root
  Overrides overrides;
  bool no_model = false;     // no call to any model
  bool show_prompt = false;  // what the first draft would be asked
  int load = 0;              // evaluations at once to try
  bool null_test = false;    // may trees win that cannot be better?
};
int Check(const Global& global, const CheckOptions& options);

struct RunOptions {
  std::string spec;
  Overrides overrides;
  // Weco's names: a spec made of them instead of a file (SET-05).
  struct Flags {
    std::vector<std::string> sources;
    std::string eval_command, metric, goal, steps, model, instructions,
        eval_timeout, api_key;
    bool apply_change = false;
    bool any() const {
      return !sources.empty() || !eval_command.empty() || !metric.empty() ||
             !api_key.empty();
    }
  } flags;
  std::string replay;  // a run whose answers and samples are taken
  bool trial = false;
  bool dry_run = false;
  bool daemon = false;  // in the background
};
int Run(const Global& global, const RunOptions& options);

struct StepOptions {
  std::string spec;
  Overrides overrides;
  std::string parent;
  std::string idea;
  std::string patch;
};
int Step(const Global& global, const StepOptions& options);

struct ResumeOptions {
  std::string run;
  Overrides overrides;
  bool accept_drift = false;
  bool daemon = false;
};
int Resume(const Global& global, const ResumeOptions& options);

struct CompareOptions {
  std::string file;
  bool dry_run = false;
  bool resume = false;
};
int Compare(const Global& global, const CompareOptions& options);

struct ApproveOptions {
  std::string run;
  std::vector<std::string> dependencies;
};
int Approve(const Global& global, const ApproveOptions& options);

struct RemeasureOptions {
  std::vector<std::string> words;  // [RUN] NODE...
  int samples = 5;
  bool holdout = false;
};
int Remeasure(const Global& global, const RemeasureOptions& options);

struct TellOptions {
  std::string run;
  std::string text;
  std::string idea;
  std::string at;   // NODE that the idea starts from
  std::string pin;  // NODE, or "none"
  std::string prune;
  std::vector<std::string> set;  // budget.KEY=VALUE
  bool pause = false;
  bool go_on = false;
};
int Tell(const Global& global, const TellOptions& options);

struct DeriveOptions {
  std::string run;
  std::string from = "best";
  std::string text;
};
int Derive(const Global& global, const DeriveOptions& options);

struct AddOptions {
  std::string run;
  std::string work;                   // a commit, or the file of a patch
  std::string parent = "base";        // NODE that it grows from
  std::vector<std::string> measured;  // NAME=V
};
int Add(const Global& global, const AddOptions& options);

struct StopOptions {
  std::string run;
  bool now = false;
};
int Stop(const Global& global, const StopOptions& options);

struct WatchOptions {
  std::string run;
};
int Watch(const Global& global, const WatchOptions& options);

struct StatusOptions {
  std::string run;
};
int Status(const Global& global, const StatusOptions& options);

// Started by jobs of a cluster, on their node.
struct WorkerOptions {
  std::string run;  // its directory below the shared one
  int batch = 0;
};
int Worker(const Global& global, const WorkerOptions& options);

struct ServeOptions {
  std::string run;
  int port = 0;  // 0: any that is free
};
int Serve(const Global& global, const ServeOptions& options);

struct TreeOptions {
  std::string run;
  std::string format = "text";  // text | dot | graphml
};
int Tree(const Global& global, const TreeOptions& options);

struct TopOptions {
  std::string run;
  int count = 10;
  bool all = false;
  std::string format = "table";  // table | json | csv
  bool plot = false;
};
int Top(const Global& global, const TopOptions& options);

struct ShowOptions {
  std::string run;
  std::string node;
  bool prompt = false;
  bool answer = false;
  bool log = false;
  bool why = false;
};
int Show(const Global& global, const ShowOptions& options);

struct DiffOptions {
  std::string run;
  std::string node;
  std::string against = "parent";  // parent | base | NODE
  bool stat = false;
};
int Diff(const Global& global, const DiffOptions& options);

struct ReportOptions {
  std::string run;
  std::string format = "md";  // md | html | tsv | yaml | jsonl | leaderboard
  std::string file;
  bool all = false;  // every run of the repository, side by side
};
int Report(const Global& global, const ReportOptions& options);

struct ReplayOptions {
  std::string run;
  std::optional<std::int64_t> until;
  bool verify = false;  // everything, by the independent checker
};
int Replay(const Global& global, const ReplayOptions& options);

struct SkillOptions {
  std::string install;  // claude-code, codex, cursor or a directory
  bool force = false;
};
int Skill(const Global& global, const SkillOptions& options);

// Serves until standard input ends.
struct McpOptions {};
int Mcp(const Global& global, const McpOptions& options);
int VerifyRun(const Global& global, const ReplayOptions& options);

struct ExportOptions {
  std::string run;
  std::string node = "best";
  std::string onto;
  std::string branch;
  std::string mode;
  std::string patch;  // files to write instead of a branch
  std::string bundle;
  std::string push;     // remote
  std::string request;  // none | gitlab | github
  bool no_minimise = false;
  bool dry_run = false;
};
int Export(const Global& global, const ExportOptions& options);

struct ApplyOptions {
  std::string run;
  std::string node = "best";
};
int Apply(const Global& global, const ApplyOptions& options);

struct SimulateOptions {
  std::string file;  // a spec, or the file of a study
  std::vector<std::string> landscapes, policies, splits;
  std::vector<int> chains;
  std::optional<int> nodes, workers, seeds, requests;
  std::optional<double> noise;
  std::uint64_t first_seed = 0;
  double proposing = 0;    // mean time of a proposal, in evaluations
  double final_share = 0;  // of the attempts
  bool bare = false;
  std::string from;  // a run on record
  std::string svg;
  bool plot = false;
  bool list = false;  // say what landscapes there are
};
int Simulate(const Global& global, const SimulateOptions& options);

struct GcOptions {
  std::string older_than = "30d";
  bool slots = false;
  bool runs = false;
  bool dry_run = false;
};
int Gc(const Global& global, const GcOptions& options);

}  // namespace coppice::app
