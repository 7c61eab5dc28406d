#!/usr/bin/env bash
# Makes packages of inferencectl for other machines: everything but glibc (2.36 or later) is linked in.
#
#   manifests/packaging/inferencectl.sh           a tarball and a Debian package, in build/packages
#   --tarball, --deb                    only this one (both: the same as neither)
#   --out DIR                           put them there
#   --jobs N                            compile with so many jobs; default: as many as there are cores
#   --sources DIR                       take the sources of simdjson and fmt from its folders of these names,
#                                       in place of fetching Debian's source packages
#
# Needs Debian 12 with the packages of `tests/setup.sh --group build`. A package built on a newer system
# would need that system's glibc, and is refused. The same commit gives the same bytes.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=$root/build/static-ctl
out=$root/build/packages
jobs=$(nproc)
sources=
wanted=()
max_glibc=2.36
max_bytes=20000000

usage() { sed -n '2,12s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }
fail() { echo "packaging: $*" >&2; exit 1; }
fail_usage() { echo "packaging: $1; see --help" >&2; exit 2; }
say() { echo "packaging: $*" >&2; }

while (($#)); do
  case $1 in
    --tarball | --deb) wanted+=("${1#--}") ;;
    --out)
      [[ -n ${2:-} ]] || fail_usage "--out wants a folder"
      out=$(realpath -m "$2"); shift ;;
    --jobs)
      [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || fail_usage "--jobs wants a number from 1"
      jobs=$2; shift ;;
    --sources)
      [[ -d ${2:-}/simdjson && -d ${2:-}/fmt ]] || fail_usage "--sources wants a folder with simdjson/ and fmt/ in it"
      sources=$(realpath "$2"); shift ;;
    -h | --help) usage; exit 0 ;;
    *) fail_usage "unknown option '$1'" ;;
  esac
  shift
done
((${#wanted[@]})) || wanted=(tarball deb)

cd "$root"
for tool in cmake ninja strip readelf dpkg-query apt-get; do
  command -v "$tool" >/dev/null || fail "no $tool here: run tests/setup.sh --group build on Debian 12"
done

# Debian has simdjson and fmt as shared objects only. Their source packages, of the very versions that are
# installed, come from the mirror that apt uses here; apt checks the signatures.
fetch_sources() {
  local versions apt
  versions=$(dpkg-query -W -f '${source:Package}=${source:Version}\n' libsimdjson-dev libfmt-dev) ||
    fail "libsimdjson-dev or libfmt-dev is missing: run tests/setup.sh --group build"
  sources=$root/build/static-sources
  [[ $(cat "$sources/versions" 2>/dev/null) == "$versions" ]] && return
  say "fetching the sources of ${versions//$'\n'/, }"
  rm -rf "$sources"
  mkdir -p "$sources/apt/lists/partial" "$sources/apt/cache/archives/partial"
  # shellcheck disable=SC2016  # apt's own variables
  apt-get indextargets --format 'deb-src $(REPO_URI) $(RELEASE) $(COMPONENT)' \
    'Created-By: Packages' 'Origin: Debian' | sort -u >"$sources/apt/sources.list"
  [[ -s $sources/apt/sources.list ]] || fail "apt knows no Debian archive here: apt-get update, or --sources DIR"
  apt=(apt-get -q -o "Dir::Etc::sourcelist=$sources/apt/sources.list" -o Dir::Etc::sourceparts=-
    -o "Dir::State::lists=$sources/apt/lists" -o "Dir::Cache=$sources/apt/cache"
    -o APT::Sandbox::User="$(id -un)" -o APT::Update::Error-Mode=any)
  # shellcheck disable=SC2086  # a word for each
  if ! { "${apt[@]}" update && cd "$sources/apt" && "${apt[@]}" source --download-only $versions; } \
    >"$root/build/static-sources.log" 2>&1; then
    tail -n 20 "$root/build/static-sources.log" >&2
    fail "the sources could not be fetched (build/static-sources.log); --sources DIR takes a copy"
  fi
  mkdir "$sources/simdjson" "$sources/fmt"
  tar -xf "$sources"/apt/simdjson_*.orig.tar.* -C "$sources/simdjson" --strip-components=1
  tar -xf "$sources"/apt/fmtlib_*.orig.tar.* -C "$sources/fmt" --strip-components=1
  cd "$root"
  rm -rf "$sources/apt"
  echo "$versions" >"$sources/versions"
}

# The binary runs wherever glibc is new enough, or nothing is made of it.
check_binary() {
  local needed foreign newest bytes
  needed=$(readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
  foreign=$(grep -vxE 'lib(c|m)\.so\.6|ld-linux-[a-z0-9_-]+\.so\.[0-9]' <<<"$needed" || true)
  [[ -z $foreign ]] || fail "$1 needs more than glibc: ${foreign//$'\n'/, }"
  newest=$(readelf -V "$1" | grep -o 'GLIBC_[0-9.]*' | sed 's/GLIBC_//' | sort -Vu | tail -n 1)
  [[ $(printf '%s\n' "$newest" $max_glibc | sort -V | tail -n 1) == "$max_glibc" ]] ||
    fail "$1 needs glibc $newest, more than $max_glibc: build it on Debian 12"
  bytes=$(stat -c %s "$1")
  ((bytes <= max_bytes)) || fail "$1 has $bytes bytes, more than $max_bytes"
  say "inferencectl: $bytes bytes, glibc $newest, needs $(paste -sd ' ' <<<"$needed")"
}

# The licence notices of all that is linked in, from the packages that it comes from.
write_notices() {
  local archives packages package
  archives=$(ninja -C "$build" -t commands inferencectl | tail -n 1 | tr ' ' '\n' | grep -E '^/usr/.*\.a$' | sort -u)
  # Header-only, made here (simdjson, fmt), or not named by a path (gcc's runtime).
  packages=$({
    xargs dpkg-query -S <<<"$archives" | cut -d: -f1
    printf '%s\n' libcli11-dev libfmt-dev libsimdjson-dev nlohmann-json3-dev \
      "libstdc++-$(g++ -dumpversion)-dev"
  } | sort -u)
  echo "inferencectl has the code of these libraries in it, as Debian ships them."
  for package in $packages; do
    printf '\n\n==== %s\n\n' "$(dpkg-query -W -f '${Package} ${Version}' "$package")"
    cat "/usr/share/doc/$package/copyright"
  done
}

reproducible_tar() {  # folder, name in it, file
  tar -C "$1" --sort=name --format=gnu --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner \
    --mode=u=rwX,go=rX -cf - "$2" | gzip -9n >"$3.new"
  mv "$3.new" "$3"
}
with_checksum() {
  (cd "$(dirname "$1")" && sha256sum "$(basename "$1")" >"$(basename "$1").sha256")
  say "made $1"
}

make_tarball() {
  local name=inferencectl-$version-linux-$architecture stage folder
  stage=$build/packaging/tarball
  folder=$stage/$name
  rm -rf "$stage"
  mkdir -p "$folder/completions"
  DESTDIR=$stage/root cmake --install "$build" --component inferencectl --prefix /usr --strip >/dev/null
  check_binary "$stage/root/usr/bin/inferencectl"
  mv "$stage/root/usr/bin/"* "$folder/"
  mv "$stage/root/usr/share/man" "$folder/"
  mv "$stage/root/usr/share/bash-completion/completions/inferencectl" "$folder/completions/inferencectl.bash"
  mv "$stage/root/usr/share/zsh/vendor-completions/_inferencectl" "$folder/completions/"
  mv "$stage/root/usr/share/fish/vendor_completions.d/inferencectl.fish" "$folder/completions/"
  mv "$stage/root/usr/share/doc/inferencectl/third-party-notices" "$folder/"
  cp LICENSE "$folder/"
  sed "s/@VERSION@/$version/" manifests/packaging/tarball-readme >"$folder/README"
  reproducible_tar "$stage" "$name" "$out/$name.tar.gz"
  rm -rf "$stage"
  with_checksum "$out/$name.tar.gz"
}

make_deb() {
  local name=inferencectl_${version}_$architecture.deb work=$build/packaging/deb
  rm -rf "$work"
  (cd "$build" && cpack -G DEB -D CPACK_COMPONENTS_ALL=inferencectl -B "$work") >"$build/packaging/cpack.log" 2>&1 ||
    { cat "$build/packaging/cpack.log" >&2; fail "cpack failed"; }
  check_binary "$(find "$work" -path '*/usr/bin/inferencectl')"
  mv "$work/$name" "$out/$name"
  rm -rf "$work"
  with_checksum "$out/$name"
}

mkdir -p "$root/build"
[[ -n $sources ]] || fetch_sources
export CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=true
cmake --preset static-ctl -DINFERENCE_STATIC_SOURCES="$sources" >"$root/build/static-ctl.log" ||
  { cat "$root/build/static-ctl.log" >&2; fail "cmake failed"; }
say "building inferencectl with $jobs jobs"
cmake --build --preset static-ctl -j "$jobs" >"$root/build/static-ctl.log" ||
  { grep -n -m 20 -A 6 -E 'error|FAILED' "$root/build/static-ctl.log" >&2; fail "the build failed: build/static-ctl.log"; }

version=$(sed -n 's/^CMAKE_PROJECT_VERSION:STATIC=//p' "$build/CMakeCache.txt")
architecture=$(dpkg --print-architecture)
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
mkdir -p "$out" "$build/packaging"
write_notices >"$build/packaging/third-party-notices"
for package in "${wanted[@]}"; do
  "make_$package"
done
