#!/usr/bin/env bash
# A rollout from end to end, by exit codes alone, while clients go on sending:
#
#   1. every model server of a pool is drained, replaced and taken back, one after the other
#   2. a model moves from one version to the next: 100/0, 90/10, 50/50, 0/100, each step verified
#   3. the picker is upgraded
#   4. a route moves to a second pool and back, each step verified
#
# What it needs comes from the environment:
#
#   PICKERS    admin addresses of all daemons, separated by spaces
#   POOL       pool whose servers are replaced, as namespace/name
#   REPLACE    shell command that replaces the server $INFERENCE_ENDPOINT and returns when the new one
#              answers
#   RULES      file with the rewrite and the route that all daemons read
#   REWRITE    rewrite that names the model, as rewrite/llm/chat
#   OLD, NEW   its targets
#   ROUTE      route over both pools, as route/llm/chat
#   BLUE, GREEN  the pools, as the route names them
#   UPGRADE    shell command that upgrades a picker (optional)
#   MIN_REQUESTS  that a step is judged by (500)
#
# Parts whose variables are missing are left out. Exit codes are those of inferencectl: 1 a share is
# off, 5 a drain took too long, 6 somebody else changed something, 7 not every daemon agreed.
set -euo pipefail
: "${PICKERS:?admin addresses of the daemons, separated by spaces}"
MIN_REQUESTS=${MIN_REQUESTS:-500}
read -ra pickers <<<"$PICKERS"

ctl() { inferencectl --server "${pickers[0]}" "$@"; }
say() { printf '== %s\n' "$*"; }

# All daemons together: a drain is true when each of them says so, and so are weights.
servers=()
for picker in "${pickers[@]}"; do servers+=(--server "$picker"); done
together() { inferencectl "${servers[@]}" "$@"; }

replace_all() {
  local names name
  names=$(ctl get endpoints --pool "$POOL" -o name)
  for name in $names; do
    name=${name#endpoint/}
    say "replacing $name"
    together drain "$name" --reason "rolling upgrade" --timeout 10m --exec "$REPLACE"
    together undrain "$name" --ramp 2s
  done
}

# Weights are written into the file that every daemon reads; each must draw by them.
shift_to() {  # TARGET NAME=WEIGHT...
  say "traffic of $1: ${*:2}"
  together traffic set "$@" --allow-new --write "$RULES" --wait
  verify "$1"
}

# Waits for enough requests. A share that is off is looked at once more with twice as many: one of
# some 400 good ones is off by chance.
verify() {  # TARGET
  local code tries=0 least=$MIN_REQUESTS
  while true; do
    code=0
    together traffic verify "$1" --min-requests "$least" --no-headers || code=$?
    case $code in
      0) return 0 ;;
      8) sleep 0.5 ;;
      1) ((++tries < 2)) || return 1
         least=$((least * 2)) ;;
      *) return "$code" ;;
    esac
  done
}

if [[ -n ${POOL:-} && -n ${REPLACE:-} ]]; then replace_all; fi
if [[ -n ${REWRITE:-} ]]; then
  shift_to "$REWRITE" "$OLD=100" "$NEW=0"
  shift_to "$REWRITE" "$OLD=90" "$NEW=10"
fi
if [[ -n ${UPGRADE:-} ]]; then
  say "upgrading a picker"
  sh -c "$UPGRADE"
fi
if [[ -n ${REWRITE:-} ]]; then
  shift_to "$REWRITE" "$OLD=50" "$NEW=50"
  shift_to "$REWRITE" "$OLD=0" "$NEW=100"
fi
if [[ -n ${ROUTE:-} ]]; then
  shift_to "$ROUTE" "$BLUE=50" "$GREEN=50"
  shift_to "$ROUTE" "$BLUE=0" "$GREEN=100"
  shift_to "$ROUTE" "$BLUE=100" "$GREEN=0"
fi
say "done"
