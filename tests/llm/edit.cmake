coppice_test(llm_edit
  SOURCES
    ../support/golden.cc
    edit_cases_test.cc
    edit_place_test.cc
    edit_property_test.cc
    edit_reader_test.cc
    edit_session_test.cc
    edit_similar_test.cc
    header_test.cc
  LIBS coppice_llm_edit)

if(COPPICE_FUZZ)
  add_executable(fuzz_edit_answers fuzz_edit_answers.cc)
  target_link_libraries(fuzz_edit_answers
    PRIVATE coppice_llm_edit -fsanitize=fuzzer)
endif()
