#!/usr/bin/env bash
# Proves the Debian packages of the daemon and the library: lintian, then install, run and purge in a bare
# Debian 12 (debootstrap). They depend on Debian 12's libraries, so Debian 13 can't install them.
#
#   tests/packaging/debs.sh             builds the packages first
#   --packages DIR                      try those that are there
#
# Needs root, debootstrap, lintian and 2 GB.
# shellcheck disable=SC2317  # what only a trap calls
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
packages=
suite=bookworm
while (($#)); do
  case $1 in
    --packages)
      [[ -d ${2:-} ]] || { echo "tests/packaging/debs.sh: --packages wants a folder" >&2; exit 2; }
      packages=$(realpath "$2"); shift ;;
    -h | --help) sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;;
    *) echo "tests/packaging/debs.sh: unknown option '$1'; see --help" >&2; exit 2 ;;
  esac
  shift
done
((EUID == 0)) || { echo "tests/packaging/debs.sh: only root can make a system and change into it" >&2; exit 1; }
for tool in debootstrap lintian unshare setpriv dpkg-deb; do
  command -v "$tool" >/dev/null ||
    { echo "tests/packaging/debs.sh: no $tool here: apt-get install debootstrap lintian util-linux" >&2; exit 1; }
done

begin=$SECONDS
say() { printf '\n=== %s  [%d:%02d]\n' "$*" $(((SECONDS - begin) / 60)) $(((SECONDS - begin) % 60)); }
scratch=$(mktemp -d "${TMPDIR:-/tmp}/inference-debs.XXXXXX")
folder=$scratch/$suite
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

if [[ -z $packages ]]; then
  say "building the packages"
  packages=$scratch/packages
  "$root/manifests/packaging/debs.sh" --out "$packages"
fi
debs=("$packages"/libinference0_*.deb "$packages"/libinference-dev_*.deb "$packages"/inferenced_*.deb)
for deb in "${debs[@]}"; do
  [[ -f $deb ]] || { echo "-- there is no $deb" >&2; exit 1; }
done

say "what lintian says"
# initial-upload-closes-no-bugs, bad-distribution-in-changes-file: not for Debian's archive.
# no-symbols-control-file: mangled names of C++ change with the compiler; shlibs asks for this version.
# maintscript-calls-ldconfig: CPack writes these scripts.
# maintainer-script-calls-systemctl: what debhelper would write instead is not at hand for CPack.
lintian --allow-root --fail-on error,warning --suppress-tags initial-upload-closes-no-bugs \
  --suppress-tags bad-distribution-in-changes-file,no-symbols-control-file \
  --suppress-tags maintscript-calls-ldconfig,maintainer-script-calls-systemctl "${debs[@]}"

mkdir -m 755 "$folder"
make_system
say "install, run, purge on Debian $suite"
mkdir "$folder/try"
cp "${debs[@]}" "$root/tests/packaging/debs_inside.sh" "$folder/try/"
for deb in "$packages"/inferencectl_*.deb; do
  if [[ -f $deb ]]; then cp "$deb" "$folder/try/"; fi
done
# shellcheck disable=SC2016  # expanded by the inner shell
confined bash -euc 'mount -t proc proc "$0/proc"; mount --rbind /dev "$0/dev"
  exec chroot "$0" /usr/bin/env -i HOME=/root LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin /try/debs_inside.sh' "$folder"
say "all hold"
