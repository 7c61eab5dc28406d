#!/usr/bin/env bash
# Proves that a bare Debian 12 is enough. Makes one in a folder (debootstrap), clones this checkout's
# last commit into it and runs there, as an ordinary user with sudo, what a newcomer would run.
#
#   tests/debian/run.sh             legs checks, quickstart, lint, release and system
#   tests/debian/run.sh LEG...      these: checks, quickstart or a leg of tests/run.sh (--help there)
#   --root                          run them as root instead
#   --ccache DIR                    begin with a copy of this compiler cache
#   --keep                          keep the folder and say where it is
#   --folder DIR                    make it here, or use the one that is here; it is kept
#
# Needs root, debootstrap, git and 12 GB. Mirrors, proxies and certificates that apt and pip use on this
# machine hold in there too; the network is this machine's, so the quickstart's ports must be free.
# shellcheck disable=SC2317  # what only a trap calls
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
suite=bookworm
all_legs=(checks quickstart lint release system asan tsan fuzz)
legs=()
user=newcomer
keep=false
ccache=
folder=

usage() { sed -n '2,13s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }
fail_usage() { echo "tests/debian/run.sh: $1; see --help" >&2; exit 2; }
while (($#)); do
  case $1 in
    --root) user=root ;;
    --keep) keep=true ;;
    --ccache)
      [[ -d ${2:-} ]] || fail_usage "--ccache wants a folder"
      ccache=$2; shift ;;
    --folder)
      [[ -n ${2:-} ]] || fail_usage "--folder wants a path"
      folder=$(realpath -m "$2"); keep=true; shift ;;
    -h | --help) usage; exit 0 ;;
    *)
      [[ " ${all_legs[*]} " == *" $1 "* ]] || fail_usage "'$1' is no leg: ${all_legs[*]}"
      legs+=("$1") ;;
  esac
  shift
done
((${#legs[@]})) || legs=(checks quickstart lint release system)

((EUID == 0)) || { echo "tests/debian/run.sh: only root can make a system and change into it" >&2; exit 1; }
for tool in debootstrap git unshare setpriv; do
  command -v "$tool" >/dev/null ||
    { echo "tests/debian/run.sh: no $tool here: apt-get install debootstrap git util-linux" >&2; exit 1; }
done

begin=$SECONDS
clock() { printf '%d:%02d' $((($1) / 60)) $((($1) % 60)); }
say() { printf '\n=== %s  [%s]\n' "$*" "$(clock $((SECONDS - begin)))"; }

# shellcheck source-path=SCRIPTDIR source=system.sh
source "$root/tests/debian/system.sh"
finish() {
  local code=$?
  trap - EXIT INT TERM HUP
  if [[ -n $child ]]; then
    kill -KILL "$child" 2>/dev/null || true
    wait "$child" 2>/dev/null || true
  fi
  if $keep; then
    echo "The system is in $folder"
  else
    rm -rf --one-file-system "$folder" "$folder.log"
  fi
  exit "$code"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP
if [[ -z $folder ]]; then folder=$(mktemp -d "${TMPDIR:-/tmp}/debian-12.XXXXXX"); fi
# mktemp makes it for root alone; users in there must be able to look at their /.
mkdir -p "$folder"
chmod 755 "$folder"

# --- the system -------------------------------------------------------------------------------------

make_newcomers_system() {
  make_system
  chroot "$folder" useradd --create-home --shell /bin/bash newcomer
  mkdir -p "$folder/etc/sudoers.d"
  printf '%s\n' 'newcomer ALL=(ALL) NOPASSWD: ALL' \
    'Defaults env_keep += "http_proxy https_proxy no_proxy"' >"$folder/etc/sudoers.d/newcomer"
}

home() { if [[ $1 == root ]]; then echo /root; else echo "/home/$1"; fi; }

clone_checkout() {
  local clone
  clone=$folder$(home "$user")/inference
  if [[ -d $clone ]]; then
    git -c safe.directory='*' -C "$clone" fetch --quiet "$root" HEAD
    git -c safe.directory='*' -C "$clone" reset --quiet --hard FETCH_HEAD
  else
    git clone --quiet --no-hardlinks "$root" "$clone"
  fi
  if [[ -n $ccache ]]; then
    mkdir -p "$clone/../.cache/ccache"
    cp -r --reflink=auto "$ccache/." "$clone/../.cache/ccache/"
  fi
  chroot "$folder" chown -R "$user:$user" "$(home "$user")"
}

# A command inside, in the clone, as a user.
inside() {
  local as=$1 name kept=()
  shift
  for name in http_proxy https_proxy no_proxy PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_TRUSTED_HOST \
    PIP_CERT PIP_DEFAULT_TIMEOUT npm_config_registry; do
    [[ -n ${!name:-} ]] && kept+=("$name=${!name}")
  done
  local path=/usr/local/bin:/usr/bin:/bin
  [[ $as == root ]] && path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  # shellcheck disable=SC2016  # expanded by the inner shells
  confined bash -euc '
    folder=$1 as=$2
    shift 2
    mount -t proc proc "$folder/proc"
    mount -t sysfs -o ro sysfs "$folder/sys"
    mount --rbind /dev "$folder/dev"
    chroot --userspec="$as:$as" "$folder" "$@" || exit $?
    ' in-debian "$folder" "$as" \
    /usr/bin/env -i "HOME=$(home "$as")" USER="$as" LOGNAME="$as" LANG=C.UTF-8 PATH="$path" \
    CCACHE_BASEDIR="$(home "$user")/inference" CCACHE_NOHASHDIR=true "${kept[@]}" \
    sh -c 'cd "$0" && exec "$@"' "$(home "$user")/inference" "$@"
}

# --- legs -------------------------------------------------------------------------------------------

refused() {  # as whom, what must be said, command...: it fails, says so, and has made nothing
  local as=$1 expected=$2 output code=0 left
  shift 2
  output=$folder.log
  inside "$as" "$@" >"$output" 2>&1 || code=$?
  left=$(git -c safe.directory='*' -C "$folder$(home "$user")/inference" status --short --ignored)
  if ((code == 0)) || ! grep -qF "$expected" "$output" || [[ -n $left ]]; then
    echo "-- $*: exit code $code, want a refusal with '$expected'; left behind: ${left:-nothing}"
    cat "$output"
    return 1
  fi
  echo "-- refused as it should be: $expected"
}

leg_checks() {
  if [[ -e $folder/usr/bin/sudo ]]; then
    echo "-- checks: only a new system shows what is said when things are missing: leave --folder off"
    return 1
  fi
  # Perl is the one thing in a bare system that can listen.
  # shellcheck disable=SC2016  # its variables
  local take_9002='use IO::Socket::INET;
    $taken = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1:9002") or die "9002: $!";
    exit(system("examples/quickstart/run.sh", "--once") >> 8)'
  # Nobody has installed sudo yet.
  refused newcomer "neither root nor is sudo installed" tests/setup.sh &&
    refused newcomer "neither root nor is sudo installed" tests/run.sh --only lint &&
    refused newcomer "neither root nor is sudo installed" examples/quickstart/run.sh --once &&
    refused newcomer "run without --no-setup" examples/quickstart/run.sh --once --no-setup &&
    refused newcomer "port 9002 for inferenced, ext_proc is taken by process" perl -e "$take_9002"
}

run_leg() {
  case $1 in
    checks) leg_checks ;;
    quickstart) inside "$user" examples/quickstart/run.sh --once ;;
    *) inside "$user" tests/run.sh --only "$1" ;;
  esac
}

[[ -e $folder/etc/debian_version ]] || make_newcomers_system
say "a clone of $(git -C "$root" log -1 --format='%h %s')"
clone_checkout

summary=()
failed=0
for leg in "${legs[@]}"; do
  say "leg $leg"
  from=$SECONDS
  if [[ $leg != checks && $user != root && ! -e $folder/usr/bin/sudo ]]; then
    inside root sh -c 'apt-get update -qq && apt-get install -qq --no-install-recommends sudo' \
      >"$folder.log" 2>&1 || { cat "$folder.log"; exit 1; }
  fi
  result=passed
  run_leg "$leg" || { result=FAILED failed=$((failed + 1)); }
  summary+=("$(printf '  %-10s %s  %s' "$leg" "$result" "$(clock $((SECONDS - from)))")")
done
say "summary"
printf '%s\n' "${summary[@]}"
exit $((failed > 0))
