#pragma once

#include <cstddef>

#include "llm/proposer.h"

namespace coppice::llm {

std::size_t SizeOf(const Prompt& prompt);

// Cuts the prompt to at most `target` bytes, the section that matters least
// first (PromptSection::keep), head and tail kept. False: what must stay is
// longer than that; then as much was cut as may be.
bool Shrink(Prompt& prompt, std::size_t target);

}  // namespace coppice::llm
