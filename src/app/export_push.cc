#include "app/export_push.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <regex>
#include <utility>

#include "app/export_files.h"
#include "base/text.h"
#include "report/views.h"
#include "report/words.h"

// The `git` and `gh` of the user push, with the user's credentials and hooks.
// They have no terminal, so whatever they would ask for fails at once. A dry
// run of the push comes before anything is measured: it asks the remote
// everything but its hooks.

namespace coppice::app {
namespace {
namespace fs = std::filesystem;

// git frames an option as one packet of at most 65,516 bytes, and a server
// hands it to its hook through the environment.
constexpr std::size_t kLongestOption = 16'000;

// What git or a server said, without what nobody should read aloud.
std::string Said(const ProcessOutput& ran) {
  static const std::regex credentials("://[^/@ ]*@");
  return std::regex_replace(std::string(Trim(Sanitize(ran.err))), credentials,
                            "://***@");
}

// `host`: of gh's, which looks for its token by it.
Result<ProcessOutput> Run(const Home& home, std::vector<std::string> argv,
                          const std::string& host = "") {
  ToolOptions options;
  options.cwd = home.work_dir.empty() ? home.common_dir : home.work_dir;
  options.env = {{"GIT_TERMINAL_PROMPT", "0"}, {"GH_PROMPT_DISABLED", "1"}};
  if (!host.empty()) options.env.emplace_back("GH_HOST", host);
  options.timeout = std::chrono::minutes(10);
  return RunProgram(std::move(argv), std::move(options));
}

std::string HostOf(const std::string& repository) {
  return repository.substr(0, repository.find('/'));
}

Error NoRemote(const std::string& remote, const std::string& why) {
  return Error{
      .code = ErrorCode::kIo,
      .what = fmt::format("cannot push to \"{}\"", report::Safe(remote)),
      .cause = why,
      .next =
          "nothing was made; `git remote -v` lists the remotes, "
          "and without --push the branch is made here only"};
}

// What the remote has: its heads, and the branch that HEAD is.
struct Remote {
  std::vector<std::string> heads;
  std::string head;
};
Result<Remote> Look(const Home& home, const std::string& name) {
  Result<ProcessOutput> ran = Run(home, {"git", "ls-remote", "--symref", "--",
                                         name, "HEAD", "refs/heads/*"});
  if (!ran) return ran.error();
  if (!ran->ok()) return NoRemote(name, Said(*ran));
  Remote remote;
  constexpr std::string_view kHeads = "refs/heads/";
  for (std::string_view line : SplitLines(ran->out)) {
    const std::size_t tab = line.find('\t');
    if (tab == std::string_view::npos) continue;
    const std::string_view left = line.substr(0, tab);
    const std::string_view right = line.substr(tab + 1);
    if (left.starts_with("ref: refs/heads/") && right == "HEAD") {
      remote.head = left.substr(5 + kHeads.size());
    } else if (right.starts_with(kHeads)) {
      remote.heads.emplace_back(right.substr(kHeads.size()));
    }
  }
  return remote;
}

bool Has(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

// The branch a request is for: the one given with --onto if the remote has it,
// else the remote's own.
std::string Into(const Remote& remote, const ExportPlan& plan,
                 const std::string& name) {
  std::string onto = plan.onto_name;
  if (onto.starts_with(name + "/")) onto.erase(0, name.size() + 1);
  return Has(remote.heads, onto) ? onto : remote.head;
}

Result<void> CheckGitHub(const Home& home, PushTarget& target) {
  Result<ProcessOutput> url =
      Run(home, {"git", "remote", "get-url", "--push", target.remote});
  const std::string at =
      url && url->ok() ? std::string(Trim(url->out)) : target.remote;
  const auto repository = RepositoryOf(at);
  if (!repository) {
    return Error{.code = ErrorCode::kUsage,
                 .what = fmt::format("\"{}\" is no repository on a GitHub",
                                     report::Safe(target.remote)),
                 .next = "--request none pushes the branch alone"};
  }
  target.repository = *repository;
  const std::string host = HostOf(*repository);
  Result<ProcessOutput> known =
      Run(home, {"gh", "auth", "status", "--hostname", host}, host);
  if (!known) {
    return Error{
        .code = ErrorCode::kCheck,
        .what = "--request github needs the program gh, which is not here",
        .next = fmt::format("`apt-get install gh`, or --request none and then "
                            "https://{}/compare/{}...BRANCH in a browser",
                            *repository, target.into)};
  }
  if (known->ok()) return Ok();
  return Error{.code = ErrorCode::kCheck,
               .what = "gh is not signed in to " + host,
               .cause = Said(*known),
               .next = fmt::format("`gh auth login --hostname {}`, or "
                                   "--request none pushes the branch alone",
                                   host)};
}

Result<void> DryRun(const Home& home, const PushTarget& target,
                    const ExportPlan& plan) {
  std::vector<std::string> argv{"git", "push", "--dry-run", "--no-verify"};
  if (target.request == "gitlab") argv.insert(argv.end(), {"-o", "ci.skip"});
  argv.insert(argv.end(), {"--", target.remote,
                           plan.onto.Hex() + ":refs/heads/" + plan.branch});
  Result<ProcessOutput> ran = Run(home, std::move(argv));
  if (!ran) return ran.error();
  if (ran->ok()) return Ok();
  Error error = NoRemote(target.remote, Said(*ran));
  if (error.cause.find("push options") != std::string::npos) {
    error.next =
        "nothing was made; --request none pushes the branch alone, "
        "then open the merge request from it";
  }
  return error;
}

// Takes back what was pushed before something failed.
std::string TakeBack(const ExportWork& work, const PushTarget& target,
                     std::size_t count) {
  std::string left;
  for (std::size_t i = 0; i < count; ++i) {
    const ExportBranch& branch = work.branches[i];
    Result<ProcessOutput> ran = Run(
        work.run.home, {"git", "push", "--no-verify",
                        fmt::format("--force-with-lease=refs/heads/{}:{}",
                                    branch.name, branch.commits.back().Hex()),
                        "--", target.remote, ":refs/heads/" + branch.name});
    if (!ran || !ran->ok()) left += " " + branch.name;
  }
  return left;
}

std::vector<std::string> PushArguments(const ExportWork& work,
                                       const ExportBranch& branch,
                                       const PushTarget& target) {
  std::vector<std::string> argv{"git", "push"};
  if (target.request == "gitlab") {
    const ExportStory story = work.StoryOf(branch);
    auto option = [&](const std::string& key, const std::string& value) {
      argv.push_back("-o");
      argv.push_back(value.empty() ? key : key + "=" + PushOptionText(value));
    };
    option("merge_request.create", "");
    if (!target.into.empty()) option("merge_request.target", target.into);
    option("merge_request.title", RequestTitle(story));
    option("merge_request.description", RequestText(story));
  }
  const std::string ref = "refs/heads/" + branch.name;
  argv.insert(argv.end(), {"--", target.remote, ref + ":" + ref});
  return argv;
}

// Lines of the remote's, and addresses among them.
void Listen(const ProcessOutput& ran, Pushed& pushed) {
  const std::string said = Said(ran);
  static const std::regex address("https?://[^ ]+");
  for (std::string_view line : SplitLines(said)) {
    if (!line.starts_with("remote:")) continue;
    line = Trim(line.substr(7));
    if (line.empty()) continue;
    pushed.lines.emplace_back(line);
    std::cmatch found;
    if (std::regex_search(line.data(), line.data() + line.size(), found,
                          address)) {
      pushed.urls.push_back(found.str());
    }
  }
}

Result<void> OpenPullRequest(const ExportWork& work, const ExportBranch& branch,
                             const PushTarget& target, Pushed& pushed) {
  const ExportStory story = work.StoryOf(branch);
  std::string name = branch.name;
  std::ranges::replace(name, '/', '-');
  const fs::path body = work.run.place.dir / "export" / (name + ".request.md");
  Result<void> written = report::WriteWhole(body, RequestText(story));
  if (!written) return written;
  std::vector<std::string> argv{
      "gh",     "pr",        "create",  "--repo",           target.repository,
      "--head", branch.name, "--title", RequestTitle(story)};
  if (!target.into.empty()) {
    argv.insert(argv.end(), {"--base", target.into});
  }
  argv.insert(argv.end(), {"--body-file", body.string()});
  std::string command;
  for (const std::string& word : argv) {
    command += (command.empty() ? "" : " ") + ShellQuote(word);
  }
  Result<ProcessOutput> ran =
      Run(work.run.home, std::move(argv), HostOf(target.repository));
  if (ran && ran->ok()) {
    std::error_code ignored;
    fs::remove(body, ignored);
    const std::string url = OneLine(Sanitize(ran->out), 400);
    pushed.lines.push_back(url);
    pushed.urls.push_back(url);
    return Ok();
  }
  return Error{
      .code = ErrorCode::kIo,
      .what = fmt::format("the branch {} is pushed, but gh could not open a "
                          "pull request",
                          branch.name),
      .cause = ran ? Said(*ran) : ran.error().what,
      .next = command};
}

}  // namespace

std::optional<std::string> RepositoryOf(const std::string& url) {
  static const std::regex scp(R"(^(?:[^@/: ]+@)?([^/: ]+):([^/ ]+/[^/ ]+)$)");
  static const std::regex full(
      R"(^(?:https?|ssh|git)://(?:[^@/]*@)?([^/ ]+)/([^/ ]+/[^/ ]+)$)");
  std::string at = url;
  while (at.ends_with('/')) at.pop_back();
  if (at.ends_with(".git")) at.resize(at.size() - 4);
  std::smatch match;
  if (!std::regex_match(at, match, full) && !std::regex_match(at, match, scp)) {
    return std::nullopt;
  }
  std::string host = match[1].str();
  // The port of ssh is not the one of the API.
  if (at.starts_with("ssh:")) host = host.substr(0, host.find(':'));
  return host + "/" + match[2].str();
}

std::string PushOptionText(const std::string& text) {
  std::string option;
  for (char c : HeadAndTail(Trim(text), kLongestOption)) {
    if (c == '\n') {
      option += "\\n";
    } else if (c != '\0') {
      option += c;
    }
  }
  return option;
}

Result<std::optional<PushTarget>> FindPushTarget(ReadRun& run,
                                                 const ExportPlan& plan,
                                                 const ExportOptions& options) {
  using Found = Result<std::optional<PushTarget>>;
  const spec::Export& spec = run.state->spec().export_;
  PushTarget target{
      .remote = options.push.empty() ? spec.remote.value_or("") : options.push,
      .request = options.request.empty() ? spec.request : options.request};
  if (target.remote.empty()) {
    if (options.request.empty() || options.request == "none") {
      return Found(boost::system::in_place_value, std::nullopt);
    }
    return Error{.code = ErrorCode::kUsage,
                 .what = "--request needs a remote to push to",
                 .next = "add --push REMOTE; `git remote -v` lists them"};
  }
  Result<Remote> remote = Look(run.home, target.remote);
  if (!remote) return remote.error();
  target.into = Into(*remote, plan, target.remote);
  if (Has(remote->heads, plan.branch)) {
    return Error{.code = ErrorCode::kConflict,
                 .what = fmt::format("{} has a branch {}",
                                     report::Safe(target.remote), plan.branch),
                 .cause = "export never moves a branch",
                 .next = "choose another with --branch NAME"};
  }
  if (target.request == "github") {
    Result<void> ready = CheckGitHub(run.home, target);
    if (!ready) return ready.error();
  }
  Result<void> writable = DryRun(run.home, target, plan);
  if (!writable) return writable.error();
  return Found(boost::system::in_place_value, std::move(target));
}

Result<Pushed> PushBranches(const ExportWork& work, const PushTarget& target) {
  Pushed pushed;
  for (std::size_t i = 0; i < work.branches.size(); ++i) {
    const ExportBranch& branch = work.branches[i];
    Result<ProcessOutput> ran =
        Run(work.run.home, PushArguments(work, branch, target));
    if (ran && ran->ok()) {
      Listen(*ran, pushed);
      continue;
    }
    const std::string left = TakeBack(work, target, i);
    return Error{
        .code = ErrorCode::kConflict,
        .what = fmt::format("{} refuses the branch {}",
                            report::Safe(target.remote), branch.name),
        .cause = ran ? Said(*ran) : ran.error().what,
        .next = left.empty()
                    ? "no branch was made, here or there; without --push it is "
                      "made here only, to be pushed by hand"
                    : "these are still on the remote:" + left};
  }
  if (target.request != "github") return pushed;
  for (const ExportBranch& branch : work.branches) {
    Result<void> opened = OpenPullRequest(work, branch, target, pushed);
    if (!opened) return opened.error();
  }
  return pushed;
}

}  // namespace coppice::app
