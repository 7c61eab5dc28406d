#!/usr/bin/env bash
# Proves the Debian packages of the daemon and the library: lintian, then install, run and purge in a bare
# Debian 12 (debootstrap). They depend on Debian 12's libraries, so Debian 13 can't install them.
#
#   tests/packaging/debs.sh             builds the packages first
#   --packages DIR                      try those that are there
#
# Needs root, debootstrap, lintian and 2 GB.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
suite=bookworm
# shellcheck source-path=SCRIPTDIR source=../debian/system.sh
source "$root/tests/debian/system.sh"
# shellcheck source-path=SCRIPTDIR source=scratch.sh
source "$root/tests/packaging/scratch.sh"
read_packages_option "$@"
begin_in_scratch "lintian dpkg" lintian dpkg-deb
folder=$scratch/$suite

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
inside /try/debs_inside.sh
say "all hold"
