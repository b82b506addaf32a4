# Commands and agents: programs that change the files of a slot.
coppice_room(llm_programs
  SOURCES
    agent.cc
    agent_program.cc
    agent_report.cc
    agent_script.cc
    command.cc
    keys.cc
    slot_program.cc
  LIBS coppice_spec coppice_llm_codec coppice_llm_edit
       nlohmann_json::nlohmann_json fmt::fmt)
