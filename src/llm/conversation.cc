#include "llm/conversation.h"

#include "base/text.h"

namespace coppice::llm {

std::vector<Message> Messages(const std::vector<Utterance>& parts) {
  constexpr Role kRoles[] = {Role::kSystem, Role::kUser, Role::kAssistant};
  std::vector<Message> messages;
  for (const Utterance& part : parts) {
    const Role role = kRoles[static_cast<int>(part.speaker)];
    if (!messages.empty() && messages.back().role == role) {
      messages.back().text += "\n" + part.text;
    } else {
      messages.push_back({role, part.text});
    }
  }
  return messages;
}

std::int64_t Bytes(const std::vector<Utterance>& parts) {
  std::size_t bytes = 0;
  for (const Utterance& part : parts) bytes += part.text.size() + 1;
  return static_cast<std::int64_t>(bytes);
}

std::string StopOf(const Reply& reply) {
  switch (reply.stop) {
    case StopReason::kTruncated:
      return "truncated";
    case StopReason::kRefused:
      return "refused";
    case StopReason::kFiltered:
      return "filtered";
    case StopReason::kPaused:
      return "paused";
    default:
      return Trim(reply.text).empty() ? "empty" : "complete";
  }
}

}  // namespace coppice::llm
