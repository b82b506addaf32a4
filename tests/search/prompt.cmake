coppice_test(prompt
  SOURCES
    prompt_caps_test.cc
    prompt_fences_test.cc
    prompt_golden_test.cc
    prompt_sections_test.cc
    prompt_templates_test.cc
    prompt_words_test.cc
    prompt_world.cc
    ${CMAKE_SOURCE_DIR}/tests/support/golden.cc
    ${CMAKE_SOURCE_DIR}/tests/support/sample_run.cc
  LIBS coppice_search)
