#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/compute.h"
#include "eval/local_evaluator.h"
#include "support/eval_sandbox.h"
#include "support/eval_workspaces.h"

namespace coppice::testing {

// One local evaluator over real processes: fill `spec` and `trees`, then ask.
struct EvalWorld {
  TempDir run;
  spec::Spec spec;
  EvalWorkspaces trees;
  EvalSandbox sandbox;
  Sandbox* real_sandbox = nullptr;  // in place of `sandbox`
  asio::io_context io;
  std::unique_ptr<Clock> clock = MakeRealClock();
  std::unique_ptr<Compute> compute = MakeInlineCompute();
  eval::ImmutableRules immutable;
  eval::Variables passed;
  eval::BaselineHabits habits;
  // A quiet machine, whatever this one does.
  std::filesystem::path host = "/nonexistent";

  EvalWorld() {
    spec.name = "test";
    spec.metric.name = "score";
    spec.evaluation.timeout_seconds = 20;
  }

  // Made at the first use, from what was filled in by then.
  eval::LocalEvaluation& local() {
    if (!local_) {
      eval::LocalSetup setup{.spec = spec,
                             .run = "20260901-000000-abc",
                             .run_directory = run.path(),
                             .home = "/home/nobody",
                             .passed = passed,
                             .immutable = immutable,
                             .habits = habits,
                             .units = {},
                             .host = host};
      local_ = std::make_unique<eval::LocalEvaluation>(
          std::move(setup), real_sandbox != nullptr ? *real_sandbox : sandbox,
          *clock, *compute);
      trees.provision = local_->provision();
      evaluator_ = eval::MakeLocalEvaluator(*local_, trees);
    }
    return *local_;
  }
  eval::Evaluator& evaluator() {
    local();
    return *evaluator_;
  }

  eval::Opened Open(ObjectId commit, int attempt = 0) {
    eval::Target target{.attempt = AttemptId(attempt), .commit = commit};
    return Await(evaluator().Open(target));
  }
  eval::Sample Measure(eval::Session& session,
                       eval::SampleRequest request = {}) {
    return Await(session.Measure(request));
  }
  // Opens and measures once; a failed phase stands in the sample.
  eval::Sample Evaluate(ObjectId commit, int attempt = 0) {
    eval::Opened opened = Open(commit, attempt);
    if (opened.session) return Measure(*opened.session);
    eval::Sample sample;
    sample.failure = opened.failure;
    return sample;
  }
  // One commit whose measurement is this shell script.
  eval::Sample Run(const std::string& script, int attempt = 1) {
    spec.evaluation.command = script;
    return Evaluate(trees.Add({{"a.txt", {"a\n"}}}), attempt);
  }
  std::string Log(int attempt) {
    return ReadFile(run.path() / "nodes" / std::to_string(attempt) /
                    "eval.log");
  }

  template <class T>
  T Await(Task<T> task) {
    std::optional<T> value;
    std::exception_ptr failure;
    auto ended = [&](std::exception_ptr e, T result) {
      failure = std::move(e);
      if (!failure) value.emplace(std::move(result));
    };
    asio::co_spawn(io, std::move(task), std::move(ended));
    io.restart();
    io.run();
    if (failure) std::rethrow_exception(failure);
    return std::move(*value);
  }

 private:
  std::unique_ptr<eval::LocalEvaluation> local_;
  std::unique_ptr<eval::Evaluator> evaluator_;
};

}  // namespace coppice::testing
