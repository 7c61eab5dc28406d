# Debian packages of the daemon and the library: components of the install rules of a build with
# INFERENCE_DEBS and the prefix /usr. debs.sh makes them.
if(NOT CMAKE_INSTALL_PREFIX STREQUAL "/usr")
  message(FATAL_ERROR "INFERENCE_DEBS needs -DCMAKE_INSTALL_PREFIX=/usr: manifests/packaging/debs.sh sets it")
endif()
set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON)  # debs.sh builds what is packed

foreach(package libinference0 library inferenced)
  set(name ${package})
  if(package STREQUAL "library")
    set(name libinference-dev)
  endif()
  set(changelog ${CMAKE_BINARY_DIR}/packaging/${name}/changelog)
  file(READ manifests/packaging/debian/changelog text)
  string(REGEX REPLACE "^inferencectl " "${name} " text "${text}")
  string(REPLACE "  * First package: the command line alone, all but glibc linked in." "  * First package." text "${text}")
  file(WRITE ${changelog} "${text}")
  file(READ manifests/packaging/debian/copyright text)
  string(REGEX REPLACE "Comment:.*third-party-notices.gz.\n" "" text "${text}")
  file(WRITE ${CMAKE_BINARY_DIR}/packaging/${name}/copyright "${text}")
  install(FILES ${changelog} ${CMAKE_BINARY_DIR}/packaging/${name}/copyright
    DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${name} COMPONENT ${package})
endforeach()

set(debian ${CMAKE_CURRENT_LIST_DIR}/debian)
set(units ${CMAKE_CURRENT_LIST_DIR}/../systemd)
install(FILES ${debian}/inferenced.yaml DESTINATION /etc/inferenced COMPONENT inferenced)
install(DIRECTORY DESTINATION /etc/inferenced/manifests.d COMPONENT inferenced)
install(FILES ${units}/inferenced.service ${units}/inferenced.socket ${units}/inferenced-admin.socket
  DESTINATION lib/systemd/system COMPONENT inferenced)
install(FILES ${units}/sysusers.conf RENAME inferenced.conf DESTINATION lib/sysusers.d COMPONENT inferenced)
install(FILES ${units}/tmpfiles.conf RENAME inferenced.conf DESTINATION lib/tmpfiles.d COMPONENT inferenced)

# Control files go by their names in the package.
set(control ${CMAKE_BINARY_DIR}/packaging/control)
foreach(file postinst prerm postrm conffiles)
  configure_file(${debian}/inferenced.${file} ${control}/${file} COPYONLY)
endforeach()
file(WRITE ${control}/triggers "activate-noawait ldconfig\n")

set(CPACK_GENERATOR DEB)
set(CPACK_COMPONENTS_ALL libinference0 library inferenced)
set(CPACK_PACKAGE_NAME inference)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_LIST_DIR}/compress_documents.cmake)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS OFF)
set(CPACK_DEBIAN_PACKAGE_MAINTAINER "The inferenced authors <authors@inferenced.dev>")

set(CPACK_DEBIAN_LIBINFERENCE0_PACKAGE_NAME libinference0)
set(CPACK_DEBIAN_LIBINFERENCE0_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_LIBINFERENCE0_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_LIBINFERENCE0_PACKAGE_CONTROL_EXTRA ${control}/triggers)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY "=")  # the programs use its private symbols
set(CPACK_COMPONENT_LIBINFERENCE0_DESCRIPTION "endpoint picker for LLM inference, as a library
Which of several replicas of a model server should have a request: by queue
length, cache use, cached prefixes and LoRA adapters. The daemon inferenced
uses it; so may a proxy of your own.")

set(CPACK_DEBIAN_LIBRARY_PACKAGE_NAME libinference-dev)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_DEPENDS "libinference0 (= ${PROJECT_VERSION})")
set(CPACK_COMPONENT_LIBRARY_DESCRIPTION "endpoint picker for LLM inference, for development
Headers, the CMake package inference and inference.pc.")

set(CPACK_DEBIAN_INFERENCED_PACKAGE_NAME inferenced)
set(CPACK_DEBIAN_INFERENCED_PACKAGE_SECTION net)
set(CPACK_DEBIAN_INFERENCED_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${CMAKE_BINARY_DIR}/lib)
set(CPACK_DEBIAN_INFERENCED_PACKAGE_DEPENDS "libinference0 (= ${PROJECT_VERSION}), systemd")
set(CPACK_DEBIAN_INFERENCED_PACKAGE_RECOMMENDS inferencectl)
set(CPACK_DEBIAN_INFERENCED_PACKAGE_CONTROL_EXTRA
  ${control}/postinst ${control}/prerm ${control}/postrm ${control}/conffiles)
set(CPACK_DEBIAN_INFERENCED_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_COMPONENT_INFERENCED_DESCRIPTION "endpoint picker for LLM inference behind Envoy
Answers Envoy's external processing protocol: which replica of a model server
should have a request. Implements the Gateway API Inference Extension, with
manifests from files. Not started before it has a pool to serve.")
include(CPack)
