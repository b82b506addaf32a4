coppice_test(llm_faults
  SOURCES
    codec_fixture.cc
    fault_arm.cc
    faults_streams_test.cc
    faults_test.cc
  LIBS coppice_llm coppice_call_log coppice_net_fakes)
