#include "app/answering_models.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "app/model_world.h"

namespace coppice {
namespace {

using nlohmann::json;

std::uint64_t Fnv(const std::string& text) {
  std::uint64_t hash = 14695981039346656037u;
  for (unsigned char c : text) hash = (hash ^ c) * 1099511628211u;
  return hash;
}

std::string TextOf(const json& content) {
  if (content.is_string()) return content;
  std::string text;
  for (const json& part : content) text += part.value("text", "");
  return text;
}

}  // namespace

AnsweringModels::AnsweringModels(std::map<std::string, Manner> manners)
    : manners_(std::move(manners)) {}

std::map<std::string, AnsweringModels::Entry> AnsweringModels::Books() const {
  std::lock_guard lock(mutex_);
  return books_;
}

int AnsweringModels::asked() const {
  std::lock_guard lock(mutex_);
  return asked_;
}

void AnsweringModels::Trap(int number, int stage) {
  std::lock_guard lock(mutex_);
  trap_ = number;
  stage_ = stage;
  trapped_ = false;
}

bool AnsweringModels::Trapped() const {
  std::lock_guard lock(mutex_);
  return trapped_;
}

void AnsweringModels::Serve(testing::Peer& peer) {
  while (true) Answer(peer, peer.ReadRequest());
}

void AnsweringModels::Answer(testing::Peer& peer,
                             const testing::SeenRequest& request) {
  const json body = json::parse(request.body);
  const std::string model = body["model"];
  const Manner& manner = manners_.at(model);
  std::string words;
  for (const json& message : body["messages"]) {
    words += TextOf(message["content"]) + "\n";
  }
  const bool again = words.find("Nothing was applied") != std::string::npos;
  const std::string answer =
      manner.stutters && !again
          ? "IDEA: to be thought over\n"
          : WholeAnswer(90 - static_cast<int>(Fnv(words) % 60));
  const Entry entry{.model = model,
                    .input = static_cast<std::int64_t>(words.size()) / 4,
                    .output = manner.output,
                    .price = manner.price};
  int number = 0, stage = -1;
  {
    std::lock_guard lock(mutex_);
    number = ++asked_;
    if (number == trap_) stage = stage_;
  }
  const std::string id = fmt::format("call-{}", number);
  std::string whole =
      testing::ChunkedHead("text/event-stream\r\nX-Request-Id: " + id);
  for (const std::string& event :
       ChatEvents(answer, entry.input, entry.output)) {
    whole += testing::Chunk(fmt::format("data: {}\n\n", event));
  }
  whole += testing::kLastChunk;
  if (manner.pause_ms > 0) {
    peer.Pause(std::chrono::milliseconds(manner.pause_ms));
  }
  if (stage == 1) peer.Send(whole.substr(0, whole.size() / 2));
  if (stage < 0 || stage == 2) {
    std::lock_guard lock(mutex_);
    books_[id] = entry;
  }
  if (stage < 0 || stage == 2) peer.Send(whole);
  if (stage < 0) return;
  {
    std::lock_guard lock(mutex_);
    trapped_ = true;
  }
  if (stage < 2) peer.Hold();
}

}  // namespace coppice
