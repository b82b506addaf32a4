#include "llm/shrink.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/text.h"

namespace coppice::llm {
namespace {

// Below this a section says nothing any more and goes as a whole.
constexpr std::size_t kSmallest = 200;

}  // namespace

std::size_t SizeOf(const Prompt& prompt) {
  std::size_t size = 0;
  for (const PromptSection& section : prompt) size += section.text.size();
  return size;
}

bool Shrink(Prompt& prompt, std::size_t target) {
  std::vector<PromptSection*> order;
  for (PromptSection& section : prompt) {
    if (section.keep < PromptSection::kKeepAlways) order.push_back(&section);
  }
  std::ranges::sort(order, [](const PromptSection* a, const PromptSection* b) {
    return std::pair(a->keep, a) < std::pair(b->keep, b);
  });
  std::size_t size = SizeOf(prompt);
  for (PromptSection* section : order) {
    if (size <= target) break;
    const std::size_t before = section->text.size();
    const std::size_t excess = size - target;
    if (before < excess + kSmallest) {
      section->text.clear();
    } else {
      section->text = HeadAndTail(section->text, before - excess);
    }
    size -= before - section->text.size();
  }
  std::erase_if(prompt, [](const PromptSection& s) { return s.text.empty(); });
  return size <= target;
}

}  // namespace coppice::llm
