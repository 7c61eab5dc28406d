#!/usr/bin/env bash
# Proves that packages of inferencectl run on machines that have nothing but a C library. Makes bare
# systems in folders (debootstrap), takes the tarball and the Debian package there, and uses them.
#
#   tests/packaging/run.sh              on Debian 12 and 13
#   tests/packaging/run.sh SUITE...     on these: bookworm, trixie
#   --packages DIR                      try the packages that are there, in place of building them
#
# Needs root, debootstrap, 1 GB and tests/setup.sh, for the program is tried with inferenced too. Mirrors and proxies that apt uses on
# this machine hold for the systems too.
# shellcheck disable=SC2317  # what only a trap calls
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
suites=()
packages=

usage() { sed -n '2,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }
fail_usage() { echo "tests/packaging/run.sh: $1; see --help" >&2; exit 2; }
while (($#)); do
  case $1 in
    --packages)
      [[ -d ${2:-} ]] || fail_usage "--packages wants a folder"
      packages=$(realpath "$2"); shift ;;
    -h | --help) usage; exit 0 ;;
    bookworm | trixie) suites+=("$1") ;;
    *) fail_usage "'$1' is no suite: bookworm, trixie" ;;
  esac
  shift
done
((${#suites[@]})) || suites=(bookworm trixie)
((EUID == 0)) || { echo "tests/packaging/run.sh: only root can make a system and change into it" >&2; exit 1; }
for tool in debootstrap unshare setpriv dpkg-deb; do
  command -v "$tool" >/dev/null ||
    { echo "tests/packaging/run.sh: no $tool here: apt-get install debootstrap util-linux" >&2; exit 1; }
done

begin=$SECONDS
say() { printf '\n=== %s  [%d:%02d]\n' "$*" $(((SECONDS - begin) / 60)) $(((SECONDS - begin) % 60)); }
wrong() { echo "-- $*" >&2; exit 1; }

scratch=$(mktemp -d "${TMPDIR:-/tmp}/inferencectl-packages.XXXXXX")
# shellcheck source-path=SCRIPTDIR source=../debian/system.sh
source "$root/tests/debian/system.sh"
finish() {
  local code=$?
  trap - EXIT INT TERM HUP
  if [[ -n $child ]]; then
    kill -KILL "$child" 2>/dev/null || true
    wait "$child" 2>/dev/null || true
  fi
  rm -rf --one-file-system "$scratch"
  exit "$code"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

check_tarball() {
  (cd "$packages" && sha256sum --quiet --check "$(basename "$tarball").sha256")
  local owners
  owners=$(tar --numeric-owner -tvzf "$tarball" | awk '{ print $2, $4, $5 }' | sort -u)
  [[ $(wc -l <<<"$owners") == 1 && $owners == 0/0\ * ]] ||
    wrong "owners and times differ within the tarball: $owners"
  diff <(tar -tzf "$tarball") - <<FILES
$name/
$name/LICENSE
$name/README
$name/completions/
$name/completions/_inferencectl
$name/completions/inferencectl.bash
$name/completions/inferencectl.fish
$name/inferencectl
$name/kubectl-inference
$name/kubectl_complete-inference
$name/man/
$name/man/man1/
$name/man/man1/inferencectl.1
$name/man/man7/
$name/man/man7/inferencectl-codes.7
$name/third-party-notices
FILES
}

check_deb() {
  (cd "$packages" && sha256sum --quiet --check "$(basename "$deb").sha256")
  [[ $(dpkg-deb -f "$deb" Depends) == "libc6 (>= 2.36)" ]] || wrong "$deb depends on: $(dpkg-deb -f "$deb" Depends)"
  diff <(dpkg-deb --fsys-tarfile "$deb" | tar -t | grep -v '/$' | sort) - <<'FILES'
./usr/bin/inferencectl
./usr/bin/kubectl-inference
./usr/bin/kubectl_complete-inference
./usr/share/bash-completion/completions/inferencectl
./usr/share/doc/inferencectl/changelog.gz
./usr/share/doc/inferencectl/copyright
./usr/share/doc/inferencectl/third-party-notices.gz
./usr/share/fish/vendor_completions.d/inferencectl.fish
./usr/share/man/man1/inferencectl.1.gz
./usr/share/man/man7/inferencectl-codes.7.gz
./usr/share/zsh/vendor-completions/_inferencectl
FILES
  if command -v lintian >/dev/null; then
    lintian --allow-root --fail-on error --suppress-tags embedded-library "$deb"  # it is the point
  fi
}

# The program of the tarball instead of the build's, against a daemon, over its Unix socket.
check_with_daemon() {
  local python=$root/.venv/bin/python
  [[ -x $python ]] || wrong "no $python: run tests/setup.sh"
  cmake --preset release -S "$root" -B "$root/build/release" >"$scratch/cmake.log" 2>&1 ||
    { cat "$scratch/cmake.log" >&2; wrong "cannot configure inferenced"; }
  cmake --build "$root/build/release" --target inferenced >"$scratch/cmake.log" 2>&1 ||
    { tail -n 40 "$scratch/cmake.log" >&2; wrong "cannot build inferenced"; }
  mkdir "$scratch/unpacked"
  tar -C "$scratch/unpacked" -xzf "$tarball"
  INFERENCE_CTL=$scratch/unpacked/$name/inferencectl "$python" -m pytest -q -p no:cacheprovider \
    "$root/tests/system/test_apply.py" "$root/tests/system/test_output_schemas.py" \
    -k 'not every_kind and not kill_at_any_moment'
}

try_in() {
  folder=$scratch/$1 suite=$1
  mkdir -m 755 "$folder"
  make_system
  say "the packages in a bare Debian $suite: $(du -sm "$folder" | cut -f1) MB, $(chroot "$folder" ldd --version | head -n 1)"
  mkdir "$folder/try"
  cp "$tarball" "$deb" "$root/tests/packaging/inside.sh" "$folder/try/"
  cp -r "$root/tests/fixtures/codes/INF0104" "$folder/try/fixture"
  # shellcheck disable=SC2016  # expanded by the inner shell
  confined bash -euc 'mount -t proc proc "$0/proc"; mount --rbind /dev "$0/dev"
    exec chroot "$0" /usr/bin/env -i HOME=/root LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin /try/inside.sh' "$folder"
  rm -rf --one-file-system "$folder"
}

if [[ -z $packages ]]; then
  say "building the packages, and the tarball a second time"
  packages=$scratch/packages
  "$root/manifests/packaging/inferencectl.sh" --out "$packages"
  "$root/manifests/packaging/inferencectl.sh" --tarball --out "$scratch/again"
  cmp "$packages"/*.tar.gz "$scratch/again"/*.tar.gz
fi
tarball=$(echo "$packages"/inferencectl-*.tar.gz)
deb=$(echo "$packages"/inferencectl_*.deb)
[[ -f $tarball && -f $deb ]] || wrong "not one tarball and one Debian package in $packages"
name=$(basename "$tarball" .tar.gz)
say "what is in them"
check_tarball
check_deb
say "the tarball's program and a daemon"
check_with_daemon
for suite in "${suites[@]}"; do
  try_in "$suite"
done
say "all hold on: ${suites[*]}"
