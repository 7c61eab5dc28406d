# Every imported library that has a static archive beside its shared object is linked from that archive.
# Included after all find_package() calls of a build with INFERENCE_STATIC_CTL.
#
# Debian has no archive of simdjson and fmt: theirs are made from their sources (inferencectl.sh fetches
# them), so that everything else is compiled exactly as for the release preset, and its compiler cache
# serves. What is left as a shared object isn't used by inferencectl: the linker drops it, and
# inferencectl.sh looks at the result.
set(INFERENCE_STATIC_SOURCES "" CACHE PATH "Sources of the installed versions of simdjson and fmt: simdjson/, fmt/")
if(NOT IS_DIRECTORY "${INFERENCE_STATIC_SOURCES}")
  message(FATAL_ERROR "INFERENCE_STATIC_CTL needs INFERENCE_STATIC_SOURCES: manifests/packaging/inferencectl.sh sets it")
endif()

function(inference_archive_of shared out)
  string(REGEX REPLACE "\\.so[.0-9]*$" ".a" archive "${shared}")
  if(shared MATCHES "^-l(.+)$")
    find_library(INFERENCE_ARCHIVE_${CMAKE_MATCH_1} lib${CMAKE_MATCH_1}.a)
    set(archive ${INFERENCE_ARCHIVE_${CMAKE_MATCH_1}})
  endif()
  if(EXISTS "${archive}")
    set(${out} "${archive}" PARENT_SCOPE)
  else()
    set(${out} "${shared}" PARENT_SCOPE)
  endif()
endfunction()

get_property(imported_targets DIRECTORY PROPERTY IMPORTED_TARGETS)
foreach(target IN LISTS imported_targets)
  get_target_property(configurations ${target} IMPORTED_CONFIGURATIONS)
  if(NOT configurations)
    set(configurations "")
  endif()
  list(TRANSFORM configurations PREPEND _)
  foreach(configuration IN LISTS configurations ITEMS "")
    get_target_property(location ${target} IMPORTED_LOCATION${configuration})
    if(location)
      inference_archive_of("${location}" archive)
      set_target_properties(${target} PROPERTIES IMPORTED_LOCATION${configuration} "${archive}")
    endif()
  endforeach()
  # pkg-config's targets name the files themselves, or -lNAME.
  get_target_property(libraries ${target} INTERFACE_LINK_LIBRARIES)
  if(libraries)
    set(archives "")
    foreach(library IN LISTS libraries)
      inference_archive_of("${library}" archive)
      list(APPEND archives "${archive}")
    endforeach()
    set_target_properties(${target} PROPERTIES INTERFACE_LINK_LIBRARIES "${archives}")
  endif()
endforeach()

# inferencectl talks to Unix sockets only: gRPC's build without TLS does, at two thirds of the size, and no
# OpenSSL in the binary waits for security updates.
foreach(library grpc grpc++)
  get_target_property(configurations gRPC::${library} IMPORTED_CONFIGURATIONS)
  list(TRANSFORM configurations PREPEND IMPORTED_LOCATION_)
  foreach(property IN LISTS configurations ITEMS INTERFACE_LINK_LIBRARIES)
    get_target_property(value gRPC::${library}_unsecure ${property})
    set_target_properties(gRPC::${library} PROPERTIES ${property} "${value}")
  endforeach()
endforeach()

# Makes the archive that an imported target is linked from.
function(inference_make_archive target name)
  set(folder ${CMAKE_BINARY_DIR}/packaging)
  add_library(${name}_archive STATIC ${ARGN})
  set_target_properties(${name}_archive PROPERTIES ARCHIVE_OUTPUT_DIRECTORY ${folder} OUTPUT_NAME ${name})
  target_compile_options(${name}_archive PRIVATE -w)
  get_target_property(configurations ${target} IMPORTED_CONFIGURATIONS)
  foreach(configuration IN LISTS configurations)
    set_target_properties(${target} PROPERTIES IMPORTED_LOCATION_${configuration} ${folder}/lib${name}.a)
  endforeach()
  add_dependencies(${target} ${name}_archive)
endfunction()
inference_make_archive(simdjson::simdjson simdjson ${INFERENCE_STATIC_SOURCES}/simdjson/singleheader/simdjson.cpp)
inference_make_archive(fmt::fmt fmt
  ${INFERENCE_STATIC_SOURCES}/fmt/src/format.cc ${INFERENCE_STATIC_SOURCES}/fmt/src/os.cc)
