#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "llm/codec.h"

namespace coppice::llm::testing {

// A response as bytes: tests/llm/golden/<codec>/<name>.http holds the status,
// headers, an empty line, and the body as it is.
struct Response {
  std::string name;
  spec::Codec codec = spec::Codec::kOpenAiChat;
  HttpHead head;
  std::string body;
};
Response LoadResponse(spec::Codec codec, std::string_view name);
std::vector<Response> LoadResponses(spec::Codec codec);  // by name

inline constexpr spec::Codec kCodecs[] = {
    spec::Codec::kOpenAiChat, spec::Codec::kOpenAiResponses,
    spec::Codec::kAnthropic, spec::Codec::kGemini, spec::Codec::kOllama};

// Fed in pieces that end at `cuts` (ascending), until the decoder has enough.
ReplyDecoder::End Decode(const Response& response,
                         const std::vector<std::size_t>& cuts = {});
ReplyDecoder::End DecodeBytewise(const Response& response);
// A 200 of that type.
ReplyDecoder::End DecodeBody(spec::Codec codec, std::string_view type,
                             std::string body);

// Everything an end says, for people and for comparing.
std::string Render(const ReplyDecoder::End& end);

spec::ModelProfile ProfileOf(spec::Codec codec);

}  // namespace coppice::llm::testing
