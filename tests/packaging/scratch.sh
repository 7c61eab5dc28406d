# What the scripts that try packages have in common; they source it. `root` is the checkout.
# shellcheck shell=bash disable=SC2034,SC2154,SC2317  # theirs; what only a trap calls

script=tests/packaging/$(basename "$0")
usage() { awk 'NR > 1 && /^# shellcheck/ { exit } NR > 1 && /^#/ { sub(/^# ?/, ""); print; next } NR > 1 { exit }' "$0"; }
fail_usage() { echo "$script: $1; see --help" >&2; exit 2; }
wrong() { echo "-- $*" >&2; exit 1; }
begin=$SECONDS
say() { printf '\n=== %s  [%d:%02d]\n' "$*" $(((SECONDS - begin) / 60)) $(((SECONDS - begin) % 60)); }

# A folder to be named after --packages.
packages_folder() {
  [[ -d ${1:-} ]] || fail_usage "--packages wants a folder"
  packages=$(realpath "$1")
}

# The command line of a script that takes --packages alone.
read_packages_option() {
  packages=
  while (($#)); do
    case $1 in
      --packages) packages_folder "${2:-}"; shift ;;
      -h | --help) usage; exit 0 ;;
      *) fail_usage "unknown option '$1'" ;;
    esac
    shift
  done
}

# Only root, with these tools; then `scratch` is a folder that goes with the script, however it ends.
# REQUIRES: tests/debian/system.sh was sourced.
begin_in_scratch() { # packages of the tools, tool...
  local from=$1 tool
  shift
  ((EUID == 0)) || { echo "$script: only root can make a system and change into it" >&2; exit 1; }
  for tool in debootstrap unshare setpriv "$@"; do
    command -v "$tool" >/dev/null ||
      { echo "$script: no $tool here: apt-get install debootstrap util-linux $from" >&2; exit 1; }
  done
  scratch=$(mktemp -d "${TMPDIR:-/tmp}/inference-packages.XXXXXX")
  trap finish EXIT
  trap 'exit 130' INT TERM HUP
}
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

# Runs a command in the system in `folder`, with /proc and /dev, in namespaces of its own.
inside() {
  # shellcheck disable=SC2016  # expanded by the inner shell
  confined bash -euc 'mount -t proc proc "$0/proc"; mount --rbind /dev "$0/dev"
    exec chroot "$0" /usr/bin/env -i HOME=/root LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"' "$folder" "$@"
}
