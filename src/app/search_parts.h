#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/baseline.h"
#include "app/project.h"
#include "app/workbench.h"
#include "search/cache.h"
#include "search/lease.h"
#include "search/search.h"

// What a search of one run is made of, for whoever owns one: a session, or a
// study that owns several.

namespace coppice::app {

// Makes the run's directory and takes its lease.
Result<search::RunLease> TakeRunDirectory(
    const std::filesystem::path& directory);

// Prompts of an arm's own making (proposal.templates), by directory.
using TemplateSets = std::map<std::string, search::Templates>;
// Errors: templates that cannot be read.
Result<std::vector<search::Arm>> ArmsOf(
    const std::vector<llm::NamedProposer>& proposers, const Home& home,
    TemplateSets& templates);

// Measurements of all runs; none (and a warning) if it cannot be opened.
std::unique_ptr<search::MeasurementCache> OpenMeasurements(
    const Home& home, const Workbench& bench);

// Which of these places is too full for anything new, if one is.
std::function<std::optional<std::string>()> DiskWatch(
    std::vector<std::filesystem::path> places);

// The user's file of ideas, if the spec names one.
std::function<std::vector<std::string>()> IdeasOf(const Home& home,
                                                  const spec::Spec& spec);

// What a new run of `loaded` starts from.
Result<search::Search::Beginning> BeginningOf(Project& project,
                                              const spec::Loaded& loaded,
                                              const Baseline& baseline,
                                              std::string run);

// The workbench's options for a run measured before.
Workbench::Options OptionsFor(const Global& global, std::string run,
                              std::filesystem::path directory,
                              eval::BaselineLock lock);

}  // namespace coppice::app
