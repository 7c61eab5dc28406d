# Debian packages: `cpack -G DEB` in a build folder. Each is a component of the install rules; so far
# inferencectl, of a build with INFERENCE_STATIC_CTL (inferencectl.sh makes it).
set(doc_dir ${CMAKE_INSTALL_DATADIR}/doc/inferencectl)
file(STRINGS manifests/packaging/debian/changelog newest_version LIMIT_COUNT 1)
if(NOT newest_version MATCHES "^inferencectl \\(${PROJECT_VERSION}\\) ")
  message(FATAL_ERROR "manifests/packaging/debian/changelog begins with '${newest_version}', "
    "but this is version ${PROJECT_VERSION}")
endif()
install(FILES manifests/packaging/debian/changelog manifests/packaging/debian/copyright
  ${CMAKE_BINARY_DIR}/packaging/third-party-notices  # inferencectl.sh writes it
  DESTINATION ${doc_dir} COMPONENT inferencectl)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME inference)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")  # each package has its own
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
# What Debian wants compressed.
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_LIST_DIR}/compress_documents.cmake)

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_MAINTAINER "The inferenced authors <authors@inferenced.dev>")
set(CPACK_DEBIAN_INFERENCECTL_PACKAGE_NAME inferencectl)
set(CPACK_DEBIAN_INFERENCECTL_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_INFERENCECTL_PACKAGE_DEPENDS "libc6 (>= 2.36)")
set(CPACK_COMPONENT_INFERENCECTL_DESCRIPTION "command line of the inferenced endpoint picker
Checks manifests of the Gateway API Inference Extension and the configuration
of inferenced, with the place and the reason of every mistake, for people and
for CI; shows what a running inferenced knows, and why it picks what it picks.

All libraries but the C library are linked in.")
include(CPack)
