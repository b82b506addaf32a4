#pragma once

#include "base/json.h"
#include "spec/findings.h"

namespace coppice::spec {

// Judges `value` by the part of JSON Schema that our schema uses, in words
// that people can act on; `schema` also names our own rules (x-rule). Accepts
// nothing that a JSON Schema validator refuses.
void CheckSchema(const Json& schema, const Json& value, const Source& source,
                 Findings& findings);

// Keys of providers where text stands, in any value or key.
void CheckSecrets(const Json& value, const Source& source, Findings& findings);

}  // namespace coppice::spec
