#!/bin/sh
# Usage: check_headers.sh CXX SOURCE_INCLUDES BUILT_INCLUDES
# Each public header compiles alone, without warnings, and names no type of another library.
set -eu
cxx=$1
source_includes=$2
built_includes=$3

fail=0
for header in "$source_includes"/inference/*.h "$built_includes"/inference/*.h; do
  name=inference/$(basename "$header")
  if ! echo "#include \"$name\"" | "$cxx" -std=c++20 -Wall -Wextra -Wpedantic -Werror \
      -I"$source_includes" -I"$built_includes" -x c++ -fsyntax-only -; then
    echo "$name does not compile alone"
    fail=1
  fi
  if grep -n -E 'YAML|grpc|google::|protobuf|spdlog|fmt::|simdjson|nghttp2' "$header"; then
    echo "$name names a type of another library"
    fail=1
  fi
  if grep -E '^#include "' "$header" | grep -v '"inference/'; then
    echo "$name includes a header that is not installed"
    fail=1
  fi
done
exit $fail
