#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "app/cli_parts.h"
#include "app/commands.h"

namespace coppice::app {

void AddTelling(CLI::App& app, Command& chosen) {
  auto tell = std::make_shared<TellOptions>();
  auto words = std::make_shared<std::vector<std::string>>();
  CLI::App* c = app.add_subcommand(
      "tell", "say something to the proposers of a live or stopped run");
  c->alias("instruct");
  c->add_option("words", *words, "[RUN] TEXT")->type_name("")->expected(0, 2);
  c->add_option("--idea", tell->idea, "to be tried next, once");
  c->add_option("--at", tell->at, "node the idea starts from")
      ->type_name("NODE");
  c->add_option("--pin", tell->pin, "grow there from now on; none ends it")
      ->type_name("NODE");
  c->add_option("--prune", tell->prune, "it and all below are out")
      ->type_name("NODE");
  c->add_option("--set", tell->set, "a larger or smaller budget")
      ->type_name("budget.KEY=VALUE")
      ->allow_extra_args(false);
  CLI::Option* pause =
      c->add_flag("--pause", tell->pause, "select nothing more for now");
  c->add_flag("--continue", tell->go_on, "go on after --pause")
      ->excludes(pause);
  c->callback([tell, words, &chosen] {
    if (words->size() == 2) tell->run = words->front();
    if (!words->empty()) tell->text = words->back();
    if (words->size() == 1 && !tell->idea.empty()) {
      tell->run = std::exchange(tell->text, "");
    }
    chosen = [tell](const Global& global) { return Tell(global, *tell); };
  });

  auto derive = std::make_shared<DeriveOptions>();
  c = app.add_subcommand(
      "derive", "the next attempt starts at a node, knowing no history");
  c->add_option("run", derive->run, "default: the latest");
  c->add_option("--from", derive->from, "default: best")->type_name("NODE");
  c->add_option("-i", derive->text, "what to try")
      ->type_name("TEXT")
      ->required();
  OnParsed(c, derive, chosen, Derive);

  auto add = std::make_shared<AddOptions>();
  auto work = std::make_shared<std::vector<std::string>>();
  c = app.add_subcommand("add",
                         "put outside work into the tree; it is measured here");
  c->add_option("words", *work, "[RUN] COMMIT|PATCH")
      ->type_name("")
      ->expected(1, 2);
  c->add_option("--parent", add->parent, "default: base")->type_name("NODE");
  c->add_option("--measured", add->measured, "what it was measured elsewhere")
      ->type_name("NAME=V")
      ->allow_extra_args(false);
  c->callback([add, work, &chosen] {
    if (work->size() == 2) add->run = work->front();
    add->work = work->back();
    chosen = [add](const Global& global) { return Add(global, *add); };
  });

  auto stop = std::make_shared<StopOptions>();
  c = app.add_subcommand("stop",
                         "let what runs end, measure the best again, exit");
  c->add_option("run", stop->run, "default: the latest that is live");
  c->add_flag("--now", stop->now, "cancel what runs, and exit");
  OnParsed(c, stop, chosen, Stop);
}

// skill, mcp: for agents that drive the program.
void AddForAgents(CLI::App& app, Command& chosen) {
  auto skill = std::make_shared<SkillOptions>();
  CLI::App* c = app.add_subcommand(
      "skill", "the text that teaches a coding agent to drive coppice");
  c->add_option("--install", skill->install,
                "where the agent looks for skills: claude-code, codex, cursor "
                "(below your home), or a directory")
      ->type_name("AGENT|DIR");
  c->add_flag("--force", skill->force, "replace another text that is there");
  OnParsed(c, skill, chosen, Skill);

  auto mcp = std::make_shared<McpOptions>();
  c = app.add_subcommand("mcp",
                         "check, run, status, top, show, diff, tell and export "
                         "as tools of an agent, over standard input and "
                         "output");
  OnParsed(c, mcp, chosen, Mcp);
}

}  // namespace coppice::app
