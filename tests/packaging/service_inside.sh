#!/usr/bin/env bash
# Runs as a unit of a booted Debian with the packages: what an operator does with the service. By service.sh.
set -euo pipefail
export LANG=C.UTF-8 HOME=/root

check() { echo "-- $*"; }
fail() {
  echo "-- FAILED: $*"
  systemctl --no-pager status inferenced.service inferenced-admin.socket || true
  journalctl --no-pager -n 40 -u inferenced.service -u inferenced-admin.socket || true
  exit 1
}
want() { # "what", command...
  local what=$1
  shift
  local output
  output=$("$@" 2>&1) || fail "$what: $* ended with $?: $output"
}
refuse() { # "what", code, command...
  local what=$1 code=$2 got=0
  shift 2
  "$@" >/try/refused 2>&1 || got=$?
  ((got == code)) || fail "$what: $* ended with $got, not $code: $(cat /try/refused)"
}
until_true() { # "what", seconds, command...
  local what=$1 end=$((SECONDS + $2))
  shift 2
  until "$@" >/try/until 2>&1; do
    ((SECONDS < end)) || fail "$what did not come about: $(cat /try/until)"
    sleep 0.1
  done
}
property() { systemctl show --value --property "$1" inferenced.service; }
main_pid() { property MainPID; }
generation() { inferencectl status -o json | sed -n 's/.*"generation": *\([0-9]*\).*/\1/p' | head -n 1; }

check "installed, nothing runs until somebody says so"
want "the group" getent group inferenced-admin
refuse "the service" 3 systemctl is-active inferenced.service

check "a pool; enable and start; active means ready"
cat >/etc/inferenced/manifests.d/pool.yaml <<'YAML'
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: qwen3, namespace: llm}
spec:
  selector: {matchLabels: {app: vllm}}
  targetPorts: [{number: 8000}]
  endpointPickerRef: {name: inferenced, port: {number: 9002}}
---
apiVersion: inferenced.dev/v1alpha1
kind: EndpointSet
metadata: {name: gpus, namespace: llm, labels: {app: vllm}}
spec: {endpoints: [{name: gpu-1, address: 127.0.0.1, ports: [8001]}, {name: gpu-2, address: 127.0.0.1, ports: [8002]}]}
YAML
want "start" systemctl enable --now inferenced.service
want "the admin socket" systemctl is-active inferenced-admin.socket
want "it answers" inferencectl status
[[ $(property StatusText) == *"generation"* ]] || fail "no status text: $(property StatusText)"
[[ $(property User) != root && $(ps -o uid= -p "$(main_pid)" | tr -d ' ') != 0 ]] || fail "it runs as root"
until_true "the second endpoint is known" 5 sh -c 'inferencectl get endpoints -o name | grep -q gpu-2'

check "the socket is root's and the group's"
[[ $(stat -c '%a %U %G' /run/inferenced/admin.sock) == "660 root inferenced-admin" ]] ||
  fail "$(stat -c '%a %U %G' /run/inferenced/admin.sock)"
useradd --no-create-home outsider
useradd --no-create-home --groups inferenced-admin insider
refuse "a user outside of the group" 4 setpriv --reuid outsider --regid outsider --init-groups inferencectl status
want "a user in the group" setpriv --reuid insider --regid insider --init-groups inferencectl status

check "what is set lives in the state directory, over a restart"
want "a weight" setpriv --reuid insider --regid insider --init-groups \
  inferencectl endpoint weight gpu-2 50% --reason "a fan is broken"
inferencectl history | grep -q "insider (uid" || fail "the history doesn't name who: $(inferencectl history)"
want "a drain" inferencectl cordon gpu-1 --force-capacity --reason "kernel upgrade"
want "restart" systemctl restart inferenced.service
inferencectl get endpoints | grep -q "a fan is broken" || fail "the weight is gone: $(inferencectl get endpoints)"
{ inferencectl drain status || true; } | grep -q "kernel upgrade" || fail "the drain is gone: $(inferencectl drain status)"
want "undrain" inferencectl undrain gpu-1 --all-owners --yes

check "reload is synchronous: in force, or refused with the place, when it returns"
before=$(generation)
sed -i 's/gpu-2/gpu-3/' /etc/inferenced/manifests.d/pool.yaml
want "reload" systemctl reload inferenced.service
(($(generation) > before)) || fail "reload returned before the files were in force"
inferencectl get endpoints -o name | grep -q gpu-3 || fail "the new endpoint is not there"
pid=$(main_pid)
echo "nonsense: true" >/etc/inferenced/manifests.d/bad.yaml
refuse "a reload of files that are wrong" 1 systemctl reload inferenced.service
[[ $(main_pid) == "$pid" ]] || fail "it was restarted"
journalctl --no-pager -u inferenced.service | grep -q "bad.yaml:1:1" || fail "the journal doesn't say where"
want "it goes on" inferencectl get endpoints gpu-3
rm /etc/inferenced/manifests.d/bad.yaml
want "reload again" systemctl reload inferenced.service

check "a restart refuses no connection"
want "the data socket" systemctl stop inferenced.service
want "the data socket" systemctl start inferenced.socket
want "start" systemctl start inferenced.service
touch /try/go
(
  refused=0 n=0
  while [[ -e /try/go ]]; do
    (exec 3<>/dev/tcp/127.0.0.1/9002) 2>/dev/null || refused=$((refused + 1))
    n=$((n + 1))
  done
  echo "$refused $n" >/try/connects
) &
loop=$!
for _ in 1 2 3; do want "restart under load" systemctl restart inferenced.service; done
rm /try/go
wait "$loop"
read -r refused n </try/connects
((refused == 0 && n > 100)) || fail "$refused of $n connections were refused"
echo "   $n connections, none refused"

check "killed, it comes back; hung, the watchdog has it started again"
pid=$(main_pid)
kill -KILL "$pid"
until_true "another process" 20 sh -c "[ \"\$(systemctl show --value -p MainPID inferenced)\" != $pid ] && inferencectl status"
mkdir -p /run/systemd/system/inferenced.service.d
printf '[Service]\nWatchdogSec=2s\n' >/run/systemd/system/inferenced.service.d/watchdog.conf
want "daemon-reload" systemctl daemon-reload
want "restart with a short watchdog" systemctl restart inferenced.service
sleep 5
pid=$(main_pid)
want "fed, it lives" inferencectl status
kill -STOP "$pid"
until_true "the watchdog's restart" 30 sh -c "[ \"\$(systemctl show --value -p MainPID inferenced)\" != $pid ] && inferencectl status"
[[ $(property NRestarts) -ge 1 ]] || fail "systemd counts no restart"

check "stop is clean, and what is left is not in the way"
want "stop" systemctl stop inferenced.service
[[ $(property Result) == success ]] || fail "stop: $(property Result)"
[[ -S /run/inferenced/admin.sock ]] || fail "the admin socket is gone"
want "a client starts it" inferencectl status
want "active" systemctl is-active inferenced.service
