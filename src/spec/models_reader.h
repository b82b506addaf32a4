#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "spec/findings.h"
#include "spec/models.h"

// From the text of a models.yaml to a ModelTable. All that is wrong is one
// kUsage error, each line with its "models.yaml:14".

namespace coppice::spec {

// configs/models.yaml, as compiled into the program.
std::string_view ModelsText();

std::optional<Codec> ParseCodec(std::string_view name);
// Of a price in USD per million tokens.
Picodollars PerToken(double usd_per_million);

class ModelTableReader {
 public:
  ModelTableReader(std::string_view yaml, std::string name)
      : yaml_(yaml), name_(std::move(name)) {}

  Result<ModelTable> Read();

 private:
  void ReadRoot(const Json& root);
  void ReadProvider(const std::string& name, const Json& section);
  void ReadModel(const ModelProfile& provider, const std::string& model,
                 const Json& section, const std::string& pointer);
  // One of a provider's models may be its default.
  void TakeDefault(const ModelProfile& model, const std::string& pointer);

  std::string_view yaml_;
  std::string name_;
  Source source_;
  Findings findings_;
  std::string as_of_;  // of the section being read
  ModelTable table_;
};

}  // namespace coppice::spec
