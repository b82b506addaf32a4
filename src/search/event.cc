#include "search/event.h"

#include "search/event_words.h"

namespace coppice::search {

std::string_view KindOf(const Event& event) { return kKinds[event.index()]; }

std::optional<AttemptId> AttemptOf(const Event& event) {
  return std::visit(
      [](const auto& e) -> std::optional<AttemptId> {
        if constexpr (requires { e.attempt; }) {
          return e.attempt;
        } else if constexpr (requires { e.node; }) {
          return e.node;
        } else {
          return std::nullopt;
        }
      },
      event);
}

}  // namespace coppice::search
