#!/bin/sh
# Usage: check_embed.sh BUILD_DIR EMBED_DIR CXX
# Installs the library into a fresh folder, builds examples/embed against it twice, through CMake's
# package and through pkg-config, and runs both.
set -eu
build=$1
embed=$2
cxx=$3

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix
cmake --install "$build" --component library --prefix "$prefix" > "$work/install.log" ||
  { cat "$work/install.log"; exit 1; }

run() {
  output=$("$1")
  echo "$output"
  case $output in
    *"picked 10.2.0.12:8000"*) ;;
    *) echo "$1 picked another endpoint"; exit 1 ;;
  esac
}

cmake -S "$embed" -B "$work/cmake" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_CXX_COMPILER="$cxx" \
  > "$work/configure.log" || { cat "$work/configure.log"; exit 1; }
cmake --build "$work/cmake"
run "$work/cmake/embed"

PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name inference.pc)")
export PKG_CONFIG_PATH
# The folder's own name may hold no blanks: pkg-config's output is split into words on purpose.
# shellcheck disable=SC2046
"$cxx" "$embed/embed.cc" $(pkg-config --cflags --libs inference) \
  "-Wl,-rpath,$(pkg-config --variable=libdir inference)" -o "$work/embed"
run "$work/embed"
