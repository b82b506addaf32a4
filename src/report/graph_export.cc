#include "report/graph_export.h"

#include <fmt/format.h>

#include <boost/graph/graphml.hpp>
#include <boost/graph/graphviz.hpp>
#include <boost/property_map/function_property_map.hpp>
#include <ostream>
#include <sstream>

#include "base/text.h"
#include "report/facts.h"
#include "report/words.h"

namespace coppice::report {
namespace {

using Graph = search::SolutionTree::Graph;
using Vertex = boost::graph_traits<Graph>::vertex_descriptor;

// A double-quoted DOT string: a backslash would start an escape of its own.
std::string DotQuoted(std::string_view text) {
  std::string quoted = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

std::string_view FillOf(const search::State& state, const search::Node& node) {
  if (node.attempt == BestAttempt(state)) return "gold";
  if (!node.outcome) return "white";
  switch (StatusOf(*node.outcome)) {
    case Status::kKeep:
      return "palegreen";
    case Status::kCrash:
      return "mistyrose";
    default:
      return "gray92";
  }
}

std::string Label(const search::State& state, const search::Node& node) {
  std::string label = fmt::format("{} {}", NodeName(node.attempt),
                                  OperatorWord(state, node.attempt));
  if (auto value = ComparableValue(state, node.attempt)) {
    label +=
        fmt::format(" {} {}", FormatShort(*value), ChangeText(state, value));
  } else {
    label += fmt::format(" {}", OutcomeWord(state, node.attempt));
  }
  return label;
}

// A property of every vertex as text.
template <class TextOf>
auto Column(const search::State& state, TextOf text_of) {
  auto at = [&state, text_of](Vertex v) -> std::string {
    return text_of(state.tree()[NodeId(static_cast<std::uint32_t>(v))]);
  };
  return boost::make_function_property_map<Vertex, std::string>(at);
}

}  // namespace

std::string TreeDot(const search::State& state) {
  auto write_vertex = [&](std::ostream& out, Vertex v) {
    const search::Node& node =
        state.tree()[NodeId(static_cast<std::uint32_t>(v))];
    out << fmt::format("[label={}, tooltip={}, fillcolor={}]",
                       DotQuoted(Label(state, node)),
                       DotQuoted(Safe(IdeaOf(state, node.attempt))),
                       DotQuoted(FillOf(state, node)));
  };
  auto write_edge = [](std::ostream&, const auto&) {};
  auto write_graph = [&](std::ostream& out) {
    out << fmt::format(
        "label={};\nnode [shape=box, style=filled, fontname=\"sans-serif\"];\n",
        DotQuoted(state.spec().name + " " + state.run()));
  };
  std::ostringstream out;
  boost::write_graphviz(out, state.tree().graph(), write_vertex, write_edge,
                        write_graph);
  return out.str();
}

std::string TreeGraphMl(const search::State& state) {
  using Node = search::Node;
  boost::dynamic_properties properties;
  auto add = [&](const char* name, auto text_of) {
    properties.property(name, Column(state, text_of));
  };
  add("node", [](const Node& n) { return std::to_string(n.attempt.value()); });
  add("commit", [](const Node& n) { return n.commit.Hex(); });
  add("op", [&state](const Node& n) {
    return std::string(OperatorWord(state, n.attempt));
  });
  add("outcome", [&state](const Node& n) {
    return std::string(OutcomeWord(state, n.attempt));
  });
  add("value",
      [](const Node& n) { return n.value ? FormatNumber(*n.value) : ""; });
  add("best", [&state](const Node& n) {
    return std::string(n.attempt == BestAttempt(state) ? "true" : "false");
  });
  add("idea",
      [&state](const Node& n) { return Safe(IdeaOf(state, n.attempt)); });
  std::ostringstream out;
  boost::write_graphml(out, state.tree().graph(), properties, true);
  return out.str();
}

}  // namespace coppice::report
