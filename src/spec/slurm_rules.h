#pragma once

#include <optional>
#include <string_view>

#include "base/json.h"
#include "spec/findings.h"

namespace coppice::spec {

// The seconds of a time limit as sbatch(1) writes it: "90" minutes, "90:00",
// "1:30:00", "1-12", "1-12:30:00"; infinite ones are a hundred years.
std::optional<double> SlurmSeconds(std::string_view text);

// What evaluation.slurm may hold. Takes any JSON: what the schema refuses is
// left to it.
void CheckSlurm(const Json& evaluation, const Source& source,
                Findings& findings);

}  // namespace coppice::spec
