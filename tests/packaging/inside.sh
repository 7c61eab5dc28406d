#!/bin/bash
# What a newcomer does with the packages, in a bare system; run.sh starts it there, with them in its folder.
set -euo pipefail
cd "$(dirname "$0")"

wrong() { echo "-- $*" >&2; exit 1; }
must() {  # exit code, text that must be in the output, command...
  local code=0 output expected=$1 text=$2
  shift 2
  output=$("$@" 2>&1) || code=$?
  [[ $code == "$expected" ]] || wrong "$*: exit code $code, want $expected: $output"
  [[ $output == *"$text"* ]] || wrong "$*: no '$text' in: $output"
  echo "-- $* ($code)"
}
milliseconds() { echo $(($(date +%s%N) / 1000000)); }

use() {  # the program
  must 0 "inferencectl" "$1" version
  must 0 "" "$1" validate fixture/good.yaml
  must 1 "fixture/bad.yaml:" "$1" validate -o short fixture/bad.yaml
  must 1 "INF0104" "$1" validate -o sarif fixture/bad.yaml
  must 0 "INF0104" "$1" explain INF0104
  must 0 "_inferencectl" "$1" completion bash
  # gRPC is linked in and works: it says that nobody answers.
  must 4 "unix:///nowhere" "$1" --server unix:///nowhere status
}

from=$(milliseconds)
tar -xzf inferencectl-*.tar.gz
inferencectl=$(echo inferencectl-*/inferencectl)
"$inferencectl" validate fixture/good.yaml
took=$(($(milliseconds) - from))
echo "-- from the tarball to the first answer: $took ms"
((took <= 5000)) || wrong "that is more than 5 s"

foreign=$(ldd "$inferencectl" | grep -vE '^\s*(linux-vdso\.so\.1|libc\.so\.6|libm\.so\.6|/lib64/ld-linux-x86-64\.so\.2|/lib/ld-linux-aarch64\.so\.1)\s' || true)
[[ -z $foreign ]] || wrong "it needs more than glibc: $foreign"
use "$inferencectl"
must 0 "inferencectl" "$(dirname "$inferencectl")/kubectl-inference" version

files() { find / -xdev -path /try -prune -o -path /proc -prune -o -path /dev -prune -o -path /var/log -prune \
  -o -path /var/lib/dpkg -prune -o -print | sort; }
files >before
dpkg -i inferencectl_*.deb
use /usr/bin/inferencectl
must 0 "validate" kubectl_complete-inference val
[[ -z $(dpkg --verify inferencectl) ]] || wrong "installed files differ from the package's"
dpkg --purge inferencectl
files >after
diff before after || wrong "files are left after the purge"
[[ -z $(dpkg-query -W inferencectl 2>/dev/null) ]] || wrong "dpkg still knows the package"
