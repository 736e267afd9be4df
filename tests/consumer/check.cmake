# Installs Headlight into a folder of its own, moves it, and builds and runs the consumer against it: by find_package, and
# by pkg-config with a plain compiler line where pkg-config is. Names: BUILD, SOURCE, WORK, CXX, VERSION.
cmake_minimum_required(VERSION 3.18)

function(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE code OUTPUT_VARIABLE out ERROR_VARIABLE out)
  string(REPLACE ";" " " shown "${ARGV}")
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "${shown}\nended with ${code}:\n${out}")
  endif()
  set(out "${out}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE "${WORK}")
file(MAKE_DIRECTORY "${WORK}")
run("${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${WORK}/first")
# A space in the new name, as folders have them.
file(RENAME "${WORK}/first" "${WORK}/the prefix")
set(prefix "${WORK}/the prefix")
run("${prefix}/bin/headlight" --version)
foreach(made "man;man/man1/headlight.1" "completion bash;bash-completion/completions/headlight"
             "completion zsh;zsh/site-functions/_headlight" "completion fish;fish/vendor_completions.d/headlight.fish")
  list(GET made 0 words)
  list(GET made 1 place)
  separate_arguments(words)
  run("${prefix}/bin/headlight" ${words})
  file(READ "${prefix}/share/${place}" installed)
  if(NOT installed STREQUAL out)
    message(FATAL_ERROR "${place} is not what headlight ${words} prints")
  endif()
endforeach()
if(NOT EXISTS "${prefix}/share/doc/headlight/LICENSE")
  message(FATAL_ERROR "the license was not installed")
endif()

# Nothing that is installed knows where it was built.
file(GLOB_RECURSE descriptions "${prefix}/*.cmake" "${prefix}/*.pc")
foreach(description ${descriptions})
  file(READ "${description}" text)
  foreach(place "${SOURCE}" "${BUILD}" "${WORK}")
    string(FIND "${text}" "${place}" at)
    if(NOT at EQUAL -1)
      message(FATAL_ERROR "${description} names ${place}")
    endif()
  endforeach()
endforeach()

set(configure "${CMAKE_COMMAND}" -S "${SOURCE}/tests/consumer" "-DCMAKE_CXX_COMPILER=${CXX}" -DCMAKE_BUILD_TYPE=Debug)
run(${configure} -B "${WORK}/package" "-DCMAKE_PREFIX_PATH=${prefix}")
run("${CMAKE_COMMAND}" --build "${WORK}/package")
run("${CMAKE_COMMAND}" -E chdir "${WORK}" "${WORK}/package/consumer")
message(STATUS "by find_package:\n${out}")

# The sources as a part of another project: that they are configured without a clash; they are not built once more.
foreach(from subdirectory fetch)
  run(${configure} -B "${WORK}/${from}" "-DHEADLIGHT_FROM=${from}" "-DHEADLIGHT_SOURCE=${SOURCE}")
endforeach()

# A version that this is not is refused.
file(WRITE "${WORK}/later/CMakeLists.txt"
     "cmake_minimum_required(VERSION 3.18)\nproject(later CXX)\nfind_package(Headlight 99 QUIET)\n"
     "if(Headlight_FOUND)\n  message(FATAL_ERROR \"found as version 99\")\nendif()\n"
     "find_package(Headlight ${VERSION} EXACT REQUIRED)\n")
run("${CMAKE_COMMAND}" -S "${WORK}/later" -B "${WORK}/later/build" "-DCMAKE_CXX_COMPILER=${CXX}"
    "-DCMAKE_PREFIX_PATH=${prefix}")

find_program(pkg_config pkg-config)
if(NOT pkg_config)
  message(STATUS "pkg-config is not installed: not tried")
  return()
endif()
file(GLOB_RECURSE pc "${prefix}/headlight.pc")
get_filename_component(pc_folder "${pc}" DIRECTORY)
run("${CMAKE_COMMAND}" -E env "PKG_CONFIG_PATH=${pc_folder}" "${pkg_config}" --modversion headlight)
string(STRIP "${out}" out)
if(NOT out STREQUAL VERSION)
  message(FATAL_ERROR "pkg-config says version ${out}, not ${VERSION}")
endif()
run("${CMAKE_COMMAND}" -E env "PKG_CONFIG_PATH=${pc_folder}" "${pkg_config}" --cflags --libs headlight)
string(STRIP "${out}" out)
separate_arguments(flags UNIX_COMMAND "${out}")
run("${CXX}" -std=c++20 "${SOURCE}/tests/consumer/main.cpp" "${SOURCE}/tests/consumer/cosine_gate.cpp" ${flags} -o
    "${WORK}/plain")
run("${CMAKE_COMMAND}" -E chdir "${WORK}" "${WORK}/plain")
message(STATUS "by pkg-config:\n${out}")
