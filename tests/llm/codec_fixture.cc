#include "llm/codec_fixture.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/text.h"
#include "support/temp_dir.h"

namespace coppice::llm::testing {
namespace {

namespace fs = std::filesystem;

fs::path Folder(spec::Codec codec) {
  return fs::path(COPPICE_SOURCE_DIR) / "tests/llm/golden" / Name(codec);
}

Response Load(spec::Codec codec, const fs::path& file) {
  Response response{.name = file.stem().string(), .codec = codec};
  std::string text = coppice::testing::ReadFile(file);
  const std::size_t end = text.find("\n\n");
  REQUIRE(end != std::string::npos);
  const std::vector<std::string_view> lines =
      SplitLines(std::string_view(text).substr(0, end));
  response.head.status = std::stoi(std::string(lines.front()));
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const std::size_t colon = lines[i].find(": ");
    REQUIRE(colon != std::string_view::npos);
    response.head.headers.emplace_back(lines[i].substr(0, colon),
                                       lines[i].substr(colon + 2));
  }
  response.body = text.substr(end + 2);
  return response;
}

void RenderUsage(const TokenUsage& usage, std::string& out) {
  out += fmt::format("usage: in {} cached {} 5m {} 1h {} out {} reasoning {}",
                     usage.input_total, usage.cached_read, usage.cache_write_5m,
                     usage.cache_write_1h, usage.output_total, usage.reasoning);
  if (usage.provider_cost) out += fmt::format(" cost {}", *usage.provider_cost);
  if (usage.estimated) out += " estimated";
  if (usage.suspect) out += " suspect";
  out += fmt::format("\nraw: {}\n", usage.raw);
}

std::string RenderReply(const Reply& reply) {
  std::string out = fmt::format("stop: {} ({})\nmodel: {}\n", Name(reply.stop),
                                reply.stop_detail, reply.model);
  RenderUsage(reply.usage, out);
  for (const std::string& note : reply.notes) {
    out += fmt::format("note: {}\n", note);
  }
  return out + fmt::format("text: [{}]\n", reply.text);
}

std::string RenderError(const ApiError& error) {
  std::string out =
      fmt::format("error: {} {} [{}]\nmessage: {}\n", Name(error.error),
                  error.status, error.code, error.message);
  if (!error.param.empty()) out += fmt::format("param: {}\n", error.param);
  if (error.token_limit) out += fmt::format("limit: {}\n", *error.token_limit);
  if (error.should_retry) out += fmt::format("told: {}\n", *error.should_retry);
  if (error.retry_after) {
    out += fmt::format("wait: {} us\n", error.retry_after->count());
  }
  if (error.usage) RenderUsage(*error.usage, out);
  return out;
}

}  // namespace

Response LoadResponse(spec::Codec codec, std::string_view name) {
  return Load(codec, Folder(codec) / fmt::format("{}.http", name));
}

std::vector<Response> LoadResponses(spec::Codec codec) {
  std::vector<Response> responses;
  for (const auto& entry : fs::directory_iterator(Folder(codec))) {
    if (entry.path().extension() != ".http") continue;
    responses.push_back(Load(codec, entry.path()));
  }
  REQUIRE(!responses.empty());
  std::ranges::sort(responses, {}, &Response::name);
  return responses;
}

ReplyDecoder::End Decode(const Response& response,
                         const std::vector<std::size_t>& cuts) {
  const auto decoder = MakeReplyDecoder(response.head, response.codec, {});
  const std::string_view body = response.body;
  std::size_t at = 0;
  for (const std::size_t cut : cuts) {
    if (!decoder->Feed(body.substr(at, cut - at))) return decoder->Finish();
    at = cut;
  }
  decoder->Feed(body.substr(at));
  return decoder->Finish();
}

ReplyDecoder::End DecodeBytewise(const Response& response) {
  std::vector<std::size_t> cuts;
  for (std::size_t i = 1; i < response.body.size(); ++i) cuts.push_back(i);
  return Decode(response, cuts);
}

ReplyDecoder::End DecodeBody(spec::Codec codec, std::string_view type,
                             std::string body) {
  Response response{.codec = codec, .body = std::move(body)};
  response.head.status = 200;
  response.head.headers = {{"Content-Type", std::string(type)}};
  return Decode(response);
}

std::string Render(const ReplyDecoder::End& end) {
  return end.reply ? RenderReply(*end.reply) : RenderError(end.error);
}

spec::ModelProfile ProfileOf(spec::Codec codec) {
  const bool openai = codec == spec::Codec::kOpenAiChat ||
                      codec == spec::Codec::kOpenAiResponses;
  return {.provider = "p",
          .model = "m-1",
          .codec = codec,
          .max_tokens_field = openai ? "max_completion_tokens" : "max_tokens",
          .system_role = openai ? "developer" : "system"};
}

}  // namespace coppice::llm::testing
