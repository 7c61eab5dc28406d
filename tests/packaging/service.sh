#!/usr/bin/env bash
# Proves the service under a real systemd: a bare Debian 12 (debootstrap) with the packages of the daemon
# and of inferencectl is booted in a container (systemd-nspawn), and what operators do is done there.
#
#   tests/packaging/service.sh          builds the packages first
#   --packages DIR                      try those that are there
#
# Needs root, debootstrap, systemd-container and 2 GB.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
suite=bookworm
# shellcheck source-path=SCRIPTDIR source=../debian/system.sh
source "$root/tests/debian/system.sh"
# shellcheck source-path=SCRIPTDIR source=scratch.sh
source "$root/tests/packaging/scratch.sh"
read_packages_option "$@"
begin_in_scratch systemd-container systemd-nspawn
folder=$scratch/$suite

if [[ -z $packages ]]; then
  say "building the packages"
  packages=$scratch/packages
  "$root/manifests/packaging/debs.sh" --out "$packages"
fi
debs=()
for name in libinference0 inferenced inferencectl; do
  deb=$(find "$packages" -name "${name}_*.deb" -print -quit)
  [[ -n $deb ]] || wrong "no package $name in $packages"
  debs+=("$deb")
done

mkdir -m 755 "$folder"
make_system
say "systemd and the packages"
mkdir "$folder/try"
cp "${debs[@]}" "$root/tests/packaging/service_inside.sh" "$folder/try/"
inside DEBIAN_FRONTEND=noninteractive sh -euc 'apt-get update -q
  apt-get install -y -q --no-install-recommends systemd-sysv dbus procps /try/*.deb' >"$folder.log" 2>&1 ||
  { tail -n 30 "$folder.log" >&2; wrong "the packages can't be installed"; }
cat >"$folder/etc/systemd/system/try.service" <<'UNIT'
[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/try/service_inside.sh
ExecStopPost=/bin/sh -c 'echo "$SERVICE_RESULT $EXIT_STATUS" >/try/result; systemctl --no-block poweroff'
StandardOutput=append:/try/log
StandardError=append:/try/log
TimeoutStartSec=300
UNIT
mkdir -p "$folder/etc/systemd/system/default.target.wants"
ln -s ../try.service "$folder/etc/systemd/system/default.target.wants/"

say "boot"
: >"$folder/try/log"
tail -F -q "$folder/try/log" 2>/dev/null & shown=$!
# Its own network: nothing of this machine's is reached, and every port is free.
timeout 400 setpriv --pdeathsig KILL systemd-nspawn --quiet --directory="$folder" --machine=inferenced-service-test \
  --register=no --keep-unit --private-network --boot >"$folder.boot" 2>&1 </dev/null ||
  { tail -n 20 "$folder.boot" >&2; echo "-- the system did not run to its end" >&2; }
sleep 0.3
kill "$shown" 2>/dev/null || true
result=$(cat "$folder/try/result" 2>/dev/null || echo "none")
[[ $result == "success 0" ]] || wrong "failed: $result"
say "all hold"
