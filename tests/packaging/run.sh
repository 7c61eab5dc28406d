#!/usr/bin/env bash
# Proves that packages of inferencectl run on machines that have nothing but a C library. Makes bare
# systems in folders (debootstrap), takes the tarball and the Debian package there, and uses them.
#
#   tests/packaging/run.sh              on Debian 12 and 13
#   tests/packaging/run.sh SUITE...     on these: bookworm, trixie
#   --packages DIR                      try the packages that are there, in place of building them
#
# Needs root, debootstrap, 1 GB and tests/setup.sh, for the program is tried with inferenced too. Mirrors
# and proxies that apt uses on this machine hold for the systems too.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
suites=()
packages=
# shellcheck source-path=SCRIPTDIR source=../debian/system.sh
source "$root/tests/debian/system.sh"
# shellcheck source-path=SCRIPTDIR source=scratch.sh
source "$root/tests/packaging/scratch.sh"
while (($#)); do
  case $1 in
    --packages) packages_folder "${2:-}"; shift ;;
    -h | --help) usage; exit 0 ;;
    bookworm | trixie) suites+=("$1") ;;
    *) fail_usage "'$1' is no suite: bookworm, trixie" ;;
  esac
  shift
done
((${#suites[@]})) || suites=(bookworm trixie)
begin_in_scratch dpkg dpkg-deb

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
  inside /try/inside.sh
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
