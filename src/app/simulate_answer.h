#pragma once

#include <string>

#include "app/simulate_question.h"

namespace coppice::app {

// Tables and, if asked for, curves.
std::string AnswerText(const Asked& asked, const study::Answer& answer,
                       bool plot);
std::string AnswerJson(const Asked& asked, const study::Answer& answer);
// Best-so-far curves of each landscape and, of splits, the score over K.
std::string AnswerSvg(const Asked& asked, const study::Answer& answer);

}  // namespace coppice::app
