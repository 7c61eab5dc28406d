#!/usr/bin/env bash
# Proves the service under a real systemd: a bare Debian 12 (debootstrap) with the packages of the daemon
# and of inferencectl is booted in a container (systemd-nspawn), and what operators do is done there.
#
#   tests/packaging/service.sh          builds the packages first
#   --packages DIR                      try those that are there
#
# Needs root, debootstrap, systemd-container and 2 GB.
# shellcheck disable=SC2317  # what only a trap calls
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
packages=
suite=bookworm
while (($#)); do
  case $1 in
    --packages)
      [[ -d ${2:-} ]] || { echo "tests/packaging/service.sh: --packages wants a folder" >&2; exit 2; }
      packages=$(realpath "$2"); shift ;;
    -h | --help) sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;;
    *) echo "tests/packaging/service.sh: unknown option '$1'; see --help" >&2; exit 2 ;;
  esac
  shift
done
((EUID == 0)) || { echo "tests/packaging/service.sh: only root can make a system and boot it" >&2; exit 1; }
for tool in debootstrap systemd-nspawn unshare setpriv; do
  command -v "$tool" >/dev/null ||
    { echo "tests/packaging/service.sh: no $tool here: apt-get install debootstrap systemd-container" >&2; exit 1; }
done

begin=$SECONDS
say() { printf '\n=== %s  [%d:%02d]\n' "$*" $(((SECONDS - begin) / 60)) $(((SECONDS - begin) % 60)); }
scratch=$(mktemp -d "${TMPDIR:-/tmp}/inference-service.XXXXXX")
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
debs=()
for name in libinference0 inferenced inferencectl; do
  deb=$(find "$packages" -name "${name}_*.deb" -print -quit)
  [[ -n $deb ]] || { echo "-- no package $name in $packages" >&2; exit 1; }
  debs+=("$deb")
done

mkdir -m 755 "$folder"
make_system
say "systemd and the packages"
mkdir "$folder/try"
cp "${debs[@]}" "$root/tests/packaging/service_inside.sh" "$folder/try/"
# shellcheck disable=SC2016  # expanded by the inner shell
confined bash -euc 'mount -t proc proc "$0/proc"; mount --rbind /dev "$0/dev"
  exec chroot "$0" /usr/bin/env -i HOME=/root LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    DEBIAN_FRONTEND=noninteractive sh -euc "apt-get update -q
      apt-get install -y -q --no-install-recommends systemd-sysv dbus /try/*.deb"' "$folder" >"$folder.log" 2>&1 ||
  { tail -n 30 "$folder.log" >&2; echo "-- the packages can't be installed" >&2; exit 1; }
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
[[ $result == "success 0" ]] || { echo "-- failed: $result" >&2; exit 1; }
say "all hold"
