#pragma once

#include <optional>
#include <vector>

#include "llm/edit_block.h"
#include "llm/edit_place.h"

namespace coppice::llm {

// A block that the model is held to, over all its answers.
struct EditSlot {
  int number = 0;  // as replies call it
  EditBlock block;
  std::optional<Placement> placed;  // it stands
  std::optional<EditFault> fault;   // or why it does not
  bool kept = false;                // it stood when the last reply was written
};

// Fits the blocks of an answer into the slots that earlier ones left. Where no
// block stands, or where all of them are sent again in order, the answer begins
// anew. Otherwise a block is, in this order:
// the repeated or replaced one of the same path and old text; the next one
// asked for of the same path; the next one asked for; one more. What was asked
// for may be left out if it changes nothing, or if it was perhaps no block and
// the answer holds all others again.
void MergeAnswer(std::vector<EditBlock> blocks, std::vector<EditSlot>& slots);

}  // namespace coppice::llm
