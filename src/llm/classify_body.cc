#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "llm/classify.h"
#include "llm/codec_json.h"
#include "llm/codec_wait.h"

namespace coppice::llm::wire {
namespace {

constexpr std::size_t kMostText = std::size_t{64} << 10;

void Add(std::string_view word, std::vector<std::string>& words) {
  if (!word.empty()) words.emplace_back(word);
}

void AddMessage(std::string_view text, ErrorBody& body) {
  if (text.empty()) return;
  if (!body.message.empty()) body.message += ": ";
  body.message += text.substr(0, kMostText);
}

// Gemini's: reasons, and how long to wait.
void ReadDetails(const Json* details, ErrorBody& body) {
  for (const Json& detail : Items(details)) {
    Add(TextField(&detail, "reason"), body.codes);
    const std::string_view delay = TextField(&detail, "retryDelay");
    if (!delay.empty()) body.retry_delay = ParseGoDuration(delay);
  }
}

// FastAPI's list of what is wrong where; vLLM's older versions send it.
void ReadFindings(const Json* findings, ErrorBody& body) {
  AddMessage(AsText(findings), body);
  for (const Json& finding : Items(findings)) {
    std::string where;
    for (const Json& part : Items(Field(finding, "loc"))) {
      if (!where.empty()) where += '.';
      where += part.is_string() ? part.get<std::string>() : part.dump();
    }
    AddMessage(fmt::format("{}: {}", where, TextField(&finding, "msg")), body);
  }
}

void ReadFields(const Json& error, ErrorBody& body) {
  const Json* code = Field(error, "code");
  Add(AsText(code), body.codes);
  const std::int64_t status = AsInt(code).value_or(0);
  if (status >= 300 && status <= 599) body.status = static_cast<int>(status);
  if (TextField(&error, "type") != "error") {
    Add(TextField(&error, "type"), body.types);
  }
  Add(TextField(&error, "status"), body.types);
  AddMessage(TextField(&error, "message"), body);
  body.param = TextField(&error, "param");
  body.limit = AsInt(Field(error, "n_ctx"));
  ReadDetails(Field(error, "details"), body);
  ReadFindings(Field(error, "detail"), body);
  // OpenRouter quotes the provider behind it.
  AddMessage(TextField(Field(error, "metadata"), "raw"), body);
}

// What a page says to people: its title, else its words.
std::string TextOfPage(std::string_view page) {
  const std::size_t title = page.find("<title>");
  if (title != std::string_view::npos) {
    page.remove_prefix(title + 7);
    return std::string(page.substr(0, page.find('<')));
  }
  std::string out;
  bool in_tag = false;
  for (const char c : page) {
    if (c == '<') in_tag = true;
    if (!in_tag) out += c;
    if (c == '>') {
      in_tag = false;
      out += ' ';
    }
  }
  return out;
}

}  // namespace

bool IsErrorBody(const Json& body) {
  if (body.is_array() && !body.empty()) return IsErrorBody(body.front());
  const Json* error = Field(body, "error");
  if (error != nullptr) return error->is_object() || !AsText(error).empty();
  return TextField(&body, "object") == "error" ||
         TextField(&body, "type") == "error";
}

ErrorBody ReadErrorBody(const Json& body) {
  if (body.is_array() && !body.empty()) return ReadErrorBody(body.front());
  ErrorBody read;
  const Json* error = Field(body, "error");
  if (error != nullptr && error->is_object()) {
    ReadFields(*error, read);
  } else {
    AddMessage(AsText(error), read);
    ReadFields(body, read);
  }
  return read;
}

ErrorBody ReadErrorText(std::string_view body) {
  body = Trim(body);
  if (body.starts_with('{') || body.starts_with('[')) {
    if (const std::optional<Json> json = ParseWire(body)) {
      return ReadErrorBody(*json);
    }
  }
  ErrorBody read;
  body = body.substr(0, kMostText);
  read.message = OneLine(
      body.starts_with('<') ? TextOfPage(body) : std::string(body), 300);
  return read;
}

}  // namespace coppice::llm::wire
