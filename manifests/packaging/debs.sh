#!/usr/bin/env bash
# Makes the Debian packages: libinference0, libinference-dev, inferenced and, by inferencectl.sh, inferencectl.
#
#   manifests/packaging/debs.sh         all, in build/packages
#   --out DIR                           put them there
#   --build DIR                         build the daemon and the library there; default: build/debs
#   --jobs N                            compile with so many jobs; default: as many as there are cores
#   --without-ctl                       not inferencectl
#
# Needs Debian 12 with the packages of `tests/setup.sh --group build`; the daemon's package depends on Debian
# 12's libraries. The packages are for this machine's architecture.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
out=$root/build/packages
build=$root/build/debs
jobs=$(nproc)
ctl=yes

usage() { sed -n '2,11s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }
fail() { echo "packaging: $*" >&2; exit 1; }
fail_usage() { echo "packaging: $1; see --help" >&2; exit 2; }

while (($#)); do
  case $1 in
    --out | --build)
      [[ -n ${2:-} ]] || fail_usage "$1 wants a folder"
      declare "${1#--}=$(realpath -m "$2")"; shift ;;
    --jobs)
      [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || fail_usage "--jobs wants a number from 1"
      jobs=$2; shift ;;
    --without-ctl) ctl= ;;
    -h | --help) usage; exit 0 ;;
    *) fail_usage "unknown option '$1'" ;;
  esac
  shift
done
command -v dpkg-shlibdeps >/dev/null || fail "no dpkg-shlibdeps here: apt-get install dpkg-dev"

cd "$root"
mkdir -p "$out" "$build"
export CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=true
cmake --preset release -B "$build" -DINFERENCE_DEBS=ON -DCMAKE_INSTALL_PREFIX=/usr >"$build/debs.log" ||
  { cat "$build/debs.log" >&2; fail "cmake failed"; }
cmake --build "$build" -j "$jobs" --target inference inferenced >"$build/debs.log" ||
  { tail -n 40 "$build/debs.log" >&2; fail "the build failed: $build/debs.log"; }
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
work=$build/packaging/deb
rm -rf "$work"
(cd "$build" && cpack -G DEB -B "$work") >"$build/debs.log" 2>&1 ||
  { tail -n 40 "$build/debs.log" >&2; fail "cpack failed: $build/debs.log"; }
for deb in "$work"/*.deb; do
  mv "$deb" "$out/"
  (cd "$out" && sha256sum "$(basename "$deb")" >"$(basename "$deb").sha256")
  echo "packaging: made $out/$(basename "$deb")" >&2
done
rm -rf "$work"
[[ -z $ctl ]] || manifests/packaging/inferencectl.sh --deb --out "$out" --jobs "$jobs"
