#include "app/cli.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "app/cli_parts.h"
#include "app/commands.h"
#include "app/daemon.h"
#include "app/simulate_question.h"

namespace coppice::app {
namespace {

constexpr const char* kAbout =
    "Grows a tree of solutions to a measurable problem: every node is a git\n"
    "commit, measured in a sandbox, and the best one becomes a branch.";

constexpr const char* kExits =
    "Exit codes: 0 done, an improvement is confirmed (run, resume, step);\n"
    "1 failed, nothing half done; 2 usage, spec or check error, nothing "
    "spent;\n"
    "3 no confirmed improvement; 4 a budget ended before anything was\n"
    "measured; 5 paused for you; 6 another process owns the run; 130, 143\n"
    "interrupted, resumable.\n"
    "RUN is an id, a unique prefix or a spec's name; by default the latest.\n"
    "NODE is a number, `best` or `base`.";

// Flags that are short for --set KEY=VALUE.
struct OverrideFlags {
  std::vector<std::string> set;
  std::map<std::string, std::string> named;

  void Add(CLI::App* command, bool fresh) {
    command->add_option("--set", set, "override a key: budget.max_nodes=50")
        ->type_name("KEY=VALUE")
        ->allow_extra_args(false);
    auto flag = [&](const char* name, const char* key, const char* help) {
      command->add_option(name, named[key], help);
    };
    flag("--max-nodes", "budget.max_nodes", "attempts with an outcome");
    flag("--max-hours", "budget.max_hours", "wall clock, pauses included");
    flag("--max-cost", "budget.max_cost_usd", "dollars");
    if (fresh) {
      flag("--name", "name", "another name for the run");
      flag("--seed", "search.seed", "of the random draws");
      flag("--base", "base", "the root's commit");
    }
  }

  Overrides Take() const {
    Overrides overrides;
    for (const std::string& pair : set) {
      const std::size_t equals = pair.find('=');
      if (equals == std::string::npos) {
        throw CLI::ValidationError("--set " + pair, "expects KEY=VALUE");
      }
      overrides.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
    }
    for (const auto& [key, value] : named) {
      if (!value.empty()) overrides.emplace_back(key, value);
    }
    return overrides;
  }
};

// RUN and NODE may both be left out, and a NODE may come alone.
struct RunAndNode {
  std::vector<std::string> words;

  void Add(CLI::App* command) {
    command->add_option("words", words, "[RUN] NODE")
        ->type_name("")
        ->expected(1, 2);
  }
  std::string run() const { return words.size() == 2 ? words[0] : ""; }
  std::string node() const { return words.empty() ? "best" : words.back(); }
};

template <class Options>
void OnParsedWithOverrides(CLI::App* command,
                           const std::shared_ptr<Options>& options,
                           Command& chosen, bool fresh,
                           int (*function)(const Global&, const Options&)) {
  auto flags = std::make_shared<OverrideFlags>();
  flags->Add(command, fresh);
  command->callback([options, flags, &chosen, function] {
    options->overrides = flags->Take();
    chosen = [options, function](const Global& global) {
      return function(global, *options);
    };
  });
}

void AddIsolation(CLI::App* command, Global& global) {
  command
      ->add_option("--require-isolation", global.require_isolation,
                   "fail rather than run commands less contained")
      ->check(CLI::IsMember({"L2", "L3"}));
}

void AddStarting(CLI::App& app, Global& global, Command& chosen) {
  auto init = std::make_shared<InitOptions>();
  CLI::App* c = app.add_subcommand(
      "init", "write coppice.yaml from what the repository shows");
  c->add_option("goal", init->goal, "what to optimise, in your words");
  c->add_option("--template", init->form,
                "with an evaluator to begin with: speed, accuracy, memory, "
                "loss, judge, knobs, slurm")
      ->check(CLI::IsMember(
          {"speed", "accuracy", "memory", "loss", "judge", "knobs", "slurm"}));
  c->add_flag("--interactive", init->interactive,
              "ask, eight questions at most");
  c->add_option("--demo", init->demo,
                "instead: make a repository to try coppice on")
      ->type_name("DIR");
  c->add_flag("--force", init->force, "replace existing files");
  OnParsed(c, init, chosen, Init);

  auto check = std::make_shared<CheckOptions>();
  c = app.add_subcommand("check",
                         "preflight and baseline; writes baseline.lock");
  c->add_option("spec", check->spec, "default: coppice.yaml");
  c->add_flag("--no-model", check->no_model, "make no call to any model");
  c->add_option("--load", check->load,
                "find out whether N evaluations at once are honest")
      ->type_name("N")
      ->check(CLI::Range(1, 1024));
  c->add_flag("--null", check->null_test,
              "see that nothing wins that cannot be better");
  c->add_flag("--show-prompt", check->show_prompt,
              "print what the first draft would be asked");
  AddIsolation(c, global);
  OnParsedWithOverrides(c, check, chosen, true, Check);

  auto run = std::make_shared<RunOptions>();
  c = app.add_subcommand("run", "check if needed, then search");
  c->add_option("spec", run->spec, "default: coppice.yaml");
  c->add_flag("--trial", run->trial, "a careful first run: 4 nodes, 1 h, $5");
  c->add_flag("--dry-run", run->dry_run, "check and forecast only");
  c->add_flag("--daemon", run->daemon, "go on in the background");
  AddIsolation(c, global);
  c->add_option("--replay", run->replay,
                "make that run again from its records, offline")
      ->type_name("RUN");
  RunOptions::Flags& flags = run->flags;
  constexpr const char* kInstead = "Instead of a spec file";
  c->add_option("-s,--source,--sources", flags.sources, "files that may change")
      ->group(kInstead);
  c->add_option("-c,--eval-command", flags.eval_command,
                "prints the metric, once a call")
      ->group(kInstead);
  c->add_option("-m,--metric", flags.metric, "its name")->group(kInstead);
  c->add_option("-g,--goal", flags.goal, "minimize or maximize")
      ->group(kInstead);
  c->add_option("-n,--steps", flags.steps, "attempts")->group(kInstead);
  c->add_option("-M,--model", flags.model, "provider/model")->group(kInstead);
  c->add_option("-i,--additional-instructions", flags.instructions,
                "text or file, for every prompt")
      ->group(kInstead);
  c->add_option("--eval-timeout", flags.eval_timeout, "seconds")
      ->group(kInstead);
  c->add_flag("--apply-change", flags.apply_change,
              "change the files of the work tree at the end")
      ->group(kInstead);
  c->add_option("--api-key", flags.api_key)->group("");
  OnParsedWithOverrides(c, run, chosen, true, Run);

  auto step = std::make_shared<StepOptions>();
  c = app.add_subcommand("step",
                         "one attempt in the latest run of the spec; its "
                         "record on standard output");
  c->add_option("spec", step->spec, "default: coppice.yaml");
  c->add_option("--parent", step->parent, "node to start from");
  c->add_option("--idea", step->idea, "for the proposer");
  c->add_option("--patch", step->patch, "evaluate this patch instead");
  OnParsedWithOverrides(c, step, chosen, true, Step);

  auto resume = std::make_shared<ResumeOptions>();
  c = app.add_subcommand("resume", "go on, after a finished run too");
  c->add_option("run", resume->run, "default: the latest");
  c->add_flag("--accept-drift", resume->accept_drift,
              "go on although the environment has changed");
  c->add_flag("--daemon", resume->daemon, "go on in the background");
  AddIsolation(c, global);
  OnParsedWithOverrides(c, resume, chosen, false, Resume);

  auto approve = std::make_shared<ApproveOptions>();
  c = app.add_subcommand("approve",
                         "allow dependencies and evaluate what waited for "
                         "them");
  c->add_option("dependencies", approve->dependencies, "names")->required();
  c->add_option("--run", approve->run, "default: the latest");
  OnParsed(c, approve, chosen, Approve);
}

void AddComparing(CLI::App& app, Global& global, Command& chosen) {
  auto compare = std::make_shared<CompareOptions>();
  CLI::App* c = app.add_subcommand(
      "compare", "searches side by side, one resource held equal");
  c->add_option("file", compare->file, "the study")->required();
  c->add_flag("--dry-run", compare->dry_run, "plan and forecast only");
  c->add_flag("--resume", compare->resume,
              "go on with the latest study of that name");
  AddIsolation(c, global);
  OnParsed(c, compare, chosen, Compare);
}

void AddRemeasuring(CLI::App& app, Command& chosen) {
  auto remeasure = std::make_shared<RemeasureOptions>();
  CLI::App* c = app.add_subcommand(
      "remeasure", "more fresh samples of nodes, taken in turns");
  c->add_option("nodes", remeasure->words, "[RUN] NODE...")
      ->type_name("")
      ->required();
  c->add_option("--samples", remeasure->samples, "of each node; default: 5")
      ->type_name("N")
      ->check(CLI::Range(1, 10000));
  c->add_flag("--holdout", remeasure->holdout,
              "by the holdout's command and data");
  OnParsed(c, remeasure, chosen, Remeasure);
}

void AddReading(CLI::App& app, Command& chosen) {
  auto status = std::make_shared<StatusOptions>();
  CLI::App* c = app.add_subcommand("status", "counts, best, cost, what waits");
  c->add_option("run", status->run, "default: the latest");
  OnParsed(c, status, chosen, Status);

  auto watch = std::make_shared<WatchOptions>();
  c = app.add_subcommand("watch", "the same, live, on the whole terminal");
  c->add_option("run", watch->run, "default: the latest that is live");
  OnParsed(c, watch, chosen, Watch);

  auto serve = std::make_shared<ServeOptions>();
  c = app.add_subcommand(
      "serve", "the same as a page for browsers on this machine, live");
  c->add_option("run", serve->run, "default: the latest that is live");
  c->add_option("--port", serve->port, "default: any that is free")
      ->type_name("N")
      ->check(CLI::Range(0, 65535));
  OnParsed(c, serve, chosen, Serve);

  auto tree = std::make_shared<TreeOptions>();
  c = app.add_subcommand("tree", "the tree of solutions");
  c->add_option("run", tree->run, "default: the latest");
  c->add_option("--format", tree->format)
      ->check(CLI::IsMember({"text", "dot", "graphml"}));
  OnParsed(c, tree, chosen, Tree);

  auto top = std::make_shared<TopOptions>();
  c = app.add_subcommand("top", "the ranking")->alias("results");
  c->add_option("run", top->run, "default: the latest");
  c->add_option("-n", top->count, "how many")->check(CLI::PositiveNumber);
  c->add_flag("--all", top->all, "failures too");
  c->add_option("--format", top->format)
      ->check(CLI::IsMember({"table", "json", "csv"}));
  c->add_flag("--plot", top->plot, "best so far, drawn");
  OnParsed(c, top, chosen, Top);

  auto show = std::make_shared<ShowOptions>();
  auto show_words = std::make_shared<RunAndNode>();
  c = app.add_subcommand("show", "everything about one node");
  show_words->Add(c);
  c->add_flag("--prompt", show->prompt, "what the proposer was given");
  c->add_flag("--answer", show->answer, "what it said");
  c->add_flag("--log", show->log, "the evaluation's output");
  c->add_flag("--why", show->why, "the decision with its evidence");
  c->callback([show, show_words, &chosen] {
    show->run = show_words->run();
    show->node = show_words->node();
    chosen = [show](const Global& global) { return Show(global, *show); };
  });

  auto diff = std::make_shared<DiffOptions>();
  auto diff_words = std::make_shared<RunAndNode>();
  c = app.add_subcommand("diff", "what a node changed");
  diff_words->Add(c);
  c->add_option("--against", diff->against, "parent, base or a node");
  c->add_flag("--stat", diff->stat, "files and line counts only");
  c->callback([diff, diff_words, &chosen] {
    diff->run = diff_words->run();
    diff->node = diff_words->node();
    chosen = [diff](const Global& global) { return Diff(global, *diff); };
  });

  auto report = std::make_shared<ReportOptions>();
  c = app.add_subcommand("report", "write a view of a run");
  c->add_option("run", report->run, "default: the latest");
  c->add_option("--format", report->format)
      ->check(
          CLI::IsMember({"md", "html", "tsv", "yaml", "jsonl", "leaderboard"}));
  c->add_option("-o", report->file, "default: standard output");
  c->add_flag("--all", report->all, "all runs side by side instead");
  OnParsed(c, report, chosen, Report);

  auto replay = std::make_shared<ReplayOptions>();
  c = app.add_subcommand("replay",
                         "rebuild the tree from the journal and verify every "
                         "id");
  c->add_option("run", replay->run)->required();
  c->add_option("--until", replay->until, "stop after this record");
  c->add_flag("--verify", replay->verify,
              "check everything that the journal says, by itself and against "
              "git");
  OnParsed(c, replay, chosen, Replay);
}

void AddTaking(CLI::App& app, Command& chosen) {
  auto exported = std::make_shared<ExportOptions>();
  CLI::App* c = app.add_subcommand(
      "export", "a branch for review, verified in a clean checkout");
  c->add_option("run", exported->run, "default: the latest");
  c->add_option("--node", exported->node, "default: best");
  c->add_option("--onto", exported->onto, "rebase onto this revision");
  c->add_option("--branch", exported->branch, "default: export.branch");
  c->add_option("--mode", exported->mode,
                "one commit, one a step that still matters, or one branch a "
                "file")
      ->check(CLI::IsMember({"squash", "stack", "split"}));
  c->add_option("--patch", exported->patch,
                "write a mailbox for `git am` instead of a branch");
  c->add_option("--bundle", exported->bundle,
                "write a bundle for `git fetch` instead of a branch");
  c->add_option("--push", exported->push,
                "push the branch to this remote as well");
  c->add_option("--request", exported->request,
                "with --push: open a merge request by push options, or a pull "
                "request by gh")
      ->check(CLI::IsMember({"none", "gitlab", "github"}));
  c->add_flag("--no-minimise", exported->no_minimise,
              "export the diff as the search made it");
  c->add_flag("--dry-run", exported->dry_run, "say what would be done");
  OnParsed(c, exported, chosen, Export);

  auto apply = std::make_shared<ApplyOptions>();
  c = app.add_subcommand("apply", "change the files of a clean work tree");
  c->add_option("run", apply->run, "default: the latest");
  c->add_option("--node", apply->node, "default: best");
  OnParsed(c, apply, chosen, Apply);

  auto gc = std::make_shared<GcOptions>();
  c = app.add_subcommand("gc", "free slots and old runs");
  c->add_option("--older-than", gc->older_than, "30d, 12h");
  c->add_flag("--slots", gc->slots, "slots only");
  c->add_flag("--runs", gc->runs, "runs only");
  c->add_flag("--dry-run", gc->dry_run, "say what would be freed");
  OnParsed(c, gc, chosen, Gc);
}

void AddSimulating(CLI::App& app, Command& chosen) {
  auto simulate = std::make_shared<SimulateOptions>();
  CLI::App* c = app.add_subcommand(
      "simulate",
      "policies and splits of a budget on landscapes with a known optimum: no\n"
      "model, no cost, virtual time");
  c->add_option("file", simulate->file,
                "a spec, whose search is the first row, or the file of a "
                "study, whose arms are")
      ->check(CLI::ExistingFile);
  c->add_option("--landscape", simulate->landscapes,
                "names, or families, traps, all; default: six unlike "
                "families")
      ->delimiter(',');
  c->add_flag("--landscapes", simulate->list, "say what landscapes there are");
  c->add_option("--policy", simulate->policies,
                fmt::format("all, or any of {}; other keys of search after "
                            "colons: ucb:num_drafts=10; default: all",
                            fmt::join(PolicyNames(), " ")))
      ->delimiter(',')
      ->type_name("NAME[:KEY=VALUE]");
  c->add_option("--split", simulate->splits,
                "1x100,10x10,100x1: K independent chains of T attempts")
      ->delimiter(',')
      ->type_name("KxT");
  c->add_option("--chains", simulate->chains,
                "the same by K alone: each has its part of --nodes")
      ->delimiter(',')
      ->type_name("K")
      ->check(CLI::Range(1, 1'000'000));
  c->add_option("--nodes", simulate->nodes, "attempts; default: 100")
      ->check(CLI::Range(1, 10'000'000));
  c->add_option("--workers", simulate->workers,
                "evaluations at once; default: 8")
      ->check(CLI::Range(1, 100'000));
  c->add_option("--seeds", simulate->seeds, "searches of each; default: 100");
  c->add_option("--seed", simulate->first_seed, "the first of them");
  c->add_option("--noise", simulate->noise,
                "deviation of a measurement; the baseline is .2, the optimum "
                "mostly 1; default: 0")
      ->check(CLI::NonNegativeNumber);
  c->add_option("--proposing", simulate->proposing,
                "mean time of a proposal, in evaluations; default: 0")
      ->check(CLI::NonNegativeNumber);
  c->add_option("--requests", simulate->requests, "proposals at once")
      ->check(CLI::Range(1, 100'000));
  c->add_option("--final", simulate->final_share,
                "share of the attempts kept to measure the best anew")
      ->check(CLI::Range(0., .5));
  c->add_flag("--bare", simulate->bare,
              "policies as published: no merges, restarts or exhausted nodes");
  c->add_option("--from", simulate->from,
                "instead of landscapes: resample a run on record")
      ->type_name("RUN");
  c->add_option("--svg", simulate->svg, "draw the curves into a file")
      ->type_name("FILE");
  c->add_flag("--plot", simulate->plot, "draw the curves as text");
  OnParsed(c, simulate, chosen, Simulate);
}

// For jobs of a cluster, not for people: no help tells of it.
void AddWorking(CLI::App& app, Command& chosen) {
  auto worker = std::make_shared<WorkerOptions>();
  CLI::App* c = app.add_subcommand("worker", "")->group("");
  c->add_option("run", worker->run)->required();
  c->add_option("--batch", worker->batch)->required();
  OnParsed(c, worker, chosen, Worker);
}

int Parse(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    const int code = app.exit(e);
    return code == 0 ? kDone : kUsage;
  }
  return -1;
}

}  // namespace

int Main(int argc, char** argv) {
  CLI::App app{kAbout, "coppice"};
  app.footer(kExits);
  app.set_version_flag("--version", "coppice " COPPICE_VERSION);
  app.require_subcommand(1);
  Global global;
  global.argv.assign(argv, argv + argc);
  global.in_background = BornDaemon();
  std::string output;
  app.add_option("--repo", global.repo, "the repository")->type_name("DIR");
  app.add_option("--output", output, "rich on a terminal, else plain")
      ->check(CLI::IsMember({"plain", "rich", "json"}));
  app.add_option("--prices", global.models.prices,
                 "prices of models, in LiteLLM's format")
      ->type_name("FILE");
  app.add_option("--cassette", global.models.cassette,
                 "file of requests and answers of model servers")
      ->type_name("FILE");
  app.add_option("--cassette-mode", global.models.cassette_mode,
                 "off, record or replay")
      ->check(CLI::IsMember({"off", "record", "replay"}));
  app.add_flag("--cassette-delays", global.models.cassette_delays,
               "answers take as long as they took");
  app.fallthrough();

  Command chosen;
  AddStarting(app, global, chosen);
  AddComparing(app, global, chosen);
  AddRemeasuring(app, chosen);
  AddTelling(app, chosen);
  AddForAgents(app, chosen);
  AddReading(app, chosen);
  AddTaking(app, chosen);
  AddSimulating(app, chosen);
  AddWorking(app, chosen);
  AddManual(app, chosen);
  const int parsed = Parse(app, argc, argv);
  if (parsed >= 0) return parsed;
  global.output = OutputModeOf(output);
  // It begins on a terminal and goes on in a file.
  if (global.in_background && global.output == OutputMode::kRich) {
    global.output = OutputMode::kPlain;
  }
  return chosen(global);
}

}  // namespace coppice::app
