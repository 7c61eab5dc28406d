#!/bin/bash
# What an administrator does with the Debian packages, in a bare system; debs.sh starts it there.
set -euo pipefail
cd "$(dirname "$0")"

wrong() { echo "-- $*" >&2; exit 1; }
quiet() { "$@" >log 2>&1 || { cat log >&2; wrong "$* failed"; }; }
files() { find / -xdev -path /try -prune -o -path /proc -prune -o -path /dev -prune -o -path /var/log -prune \
  -o -path /var/lib/dpkg -prune -o -path /var/cache -prune -o -path /tmp -prune -o -print | sort; }

export DEBIAN_FRONTEND=noninteractive
quiet apt-get update
# What they depend on first, so that what is left after the purge is ours.
mapfile -t needed < <(for deb in ./*.deb; do dpkg-deb -f "$deb" Depends; done |
  tr ',' '\n' | sed 's/[(|].*//; s/ //g' | grep -v inference | sort -u)
quiet apt-get install -y --no-install-recommends g++ pkg-config "${needed[@]}"
files >before

try_library() {
  quiet apt-get install -y ./libinference0_*.deb ./libinference-dev_*.deb
  cat >try.cc <<'CC'
#include <inference/inference.h>
int main() { return inference::Picker::FromConfig("kind: Nonsense").ok() ? 1 : 0; }
CC
  # shellcheck disable=SC2046  # a word for each
  quiet g++ try.cc $(pkg-config --cflags --libs inference) -o try
  ./try || wrong "a program with the library doesn't run"
  echo "-- libinference: builds and runs"
}

try_daemon() {
  quiet apt-get install -y ./libinference0_*.deb ./inferenced_*.deb
  [[ $(inferenced --version) == "inferenced "* ]] || wrong "no version"
  getent group inferenced-admin >/dev/null || wrong "the group isn't made"
  quiet inferenced --check-config --config /etc/inferenced/inferenced.yaml
  inferenced --config /etc/inferenced/inferenced.yaml >daemon.log 2>&1 &
  local pid=$!
  for _ in $(seq 100); do grep -q "is ready" daemon.log && break; sleep 0.1; done
  grep -q "is ready" daemon.log || { cat daemon.log >&2; wrong "the daemon isn't ready"; }
  kill -TERM $pid
  wait $pid || wrong "the daemon ended with $?"
  echo "-- inferenced: starts, stops"
  # A changed conffile survives a removal, not a purge.
  echo "# mine" >>/etc/inferenced/inferenced.yaml
  quiet dpkg --remove inferenced
  grep -q mine /etc/inferenced/inferenced.yaml || wrong "the removal took the configuration"
}

try_library
try_daemon
for deb in ./inferencectl_*.deb; do
  [[ -f $deb ]] || continue
  quiet apt-get install -y "$deb"
  [[ $(inferencectl version) == *inferencectl* ]] || wrong "no version of inferencectl"
done
mapfile -t ours < <(dpkg-query -W -f '${Package}\n' | grep -xE 'inference(d|ctl)|libinference(0|-dev)')
quiet dpkg --purge "${ours[@]}"
files >after
diff before after || wrong "files are left after the purge"
echo "-- purged, and nothing is left"
