#pragma once

#include "base/json.h"
#include "spec/spec.h"

namespace coppice::spec {

// The whole spec, every key written out: the merged form, which a schema
// check accepts and FromJson reads back as the same spec.
Json ToJson(Spec spec);

// From JSON that the schema and the cross rules have accepted; keys that are
// missing take the defaults of the structs.
Spec FromJson(const Json& json);

}  // namespace coppice::spec
