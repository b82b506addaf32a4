# Commands and agents: in plain slots; in the real sandboxes; in real slots.
add_library(coppice_program_fakes STATIC
  ${CMAKE_SOURCE_DIR}/tests/support/agent_world.cc)
target_link_libraries(coppice_program_fakes PUBLIC
  coppice_llm_programs coppice_call_log coppice_plain_fakes)

coppice_test(llm_programs
  SOURCES
    agent_lines_test.cc
    agent_program_test.cc
    agent_report_test.cc
    agent_table_test.cc
    command_test.cc
  LIBS coppice_program_fakes)

# The independent mock of model servers (tests/external).
add_library(coppice_aimock STATIC ${CMAKE_SOURCE_DIR}/tests/support/aimock.cc)
target_include_directories(coppice_aimock PUBLIC ${CMAKE_SOURCE_DIR}/tests)
target_compile_definitions(coppice_aimock PRIVATE
  COPPICE_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
target_link_libraries(coppice_aimock PUBLIC
  coppice_settings coppice_test_main nlohmann_json::nlohmann_json fmt::fmt)

coppice_test(aimock SOURCES aimock_test.cc LIBS coppice_aimock)

coppice_test(agents
  SOURCES
    agent_git_test.cc
    agent_test.cc
    real_agents_test.cc
  LIBS coppice_program_fakes coppice_aimock coppice_eval coppice_vcs)
target_sources(agents_test PRIVATE
  ${CMAKE_SOURCE_DIR}/tests/vcs/git_fixture.cc
  ${CMAKE_SOURCE_DIR}/tests/vcs/slot_world.cc)
add_dependencies(agents_test coppice-sandbox)
