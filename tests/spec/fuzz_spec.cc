#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "spec/load.h"

// Any bytes are a specification or an error with a place, never a crash; what
// is accepted survives its merged form. The part behind a form feed, if any,
// is an override of the whole metric.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  using namespace coppice::spec;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<Override> overrides;
  if (const std::size_t cut = text.find('\f'); cut != std::string_view::npos) {
    overrides.emplace_back("metric", text.substr(cut + 1));
    text = text.substr(0, cut);
  }
  const auto loaded = ParseSpec(text, "fuzz.yaml", overrides);
  if (!loaded) {
    if (loaded.error().where.empty()) std::abort();
    return 0;
  }
  const auto again = SpecFromJson(loaded->merged_json);
  if (!again || *again != loaded->spec) std::abort();
  return 0;
}
