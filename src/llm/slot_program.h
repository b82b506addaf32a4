#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/sandbox.h"
#include "llm/command.h"
#include "llm/proposer.h"

namespace coppice::llm {

// Variables of the caller for a program, and those values among them that must
// be found neither in the record nor in a commit.
struct PassedVariables {
  std::vector<std::pair<std::string, std::string>> env;
  std::vector<std::string> secrets;

  // Under its own name, or another; false if it is not set.
  bool Pass(const Keys& keys, const std::string& variable,
            const std::string& as = {});
};

// What a program said while it ran.
struct ProgramEnd {
  std::string text;                // its words; a header in them is its plan
  std::string idea;                // of a plan that says none
  std::string failure;             // set: its slot is not looked at
  std::string hint;                // why it may have changed nothing
  std::vector<std::string> flags;  // "exit 1"
  CallUsage usage;
};

// A kind of program that proposes by changing the files of a slot.
class SlotProgram {
 public:
  virtual ~SlotProgram() = default;
  virtual std::string name() const = 0;  // as recorded
  virtual double max_usd() const = 0;    // reserved for a run
  virtual const PassedVariables& passed() const = 0;
  // Everything but the tree.
  virtual CommandRequest Start(const Request& request) const = 0;
  // Of any run, one past its timeout too: that one's slot is not looked at.
  virtual ProgramEnd Read(const CommandResult& result) const = 0;
};

std::unique_ptr<Proposer> MakeSlotProposer(std::unique_ptr<SlotProgram> program,
                                           CommandParts parts);

// "exit 3: the last line of its standard error".
std::string HowItEnded(const CommandResult& result);
// The prompt as one text.
std::string PromptText(const Prompt& prompt);

}  // namespace coppice::llm
