# Bare Debian systems in folders, for scripts that source this. They set `folder`, where the system is to
# be (its log is $folder.log), and `suite`; `child` is the process to kill when they end early.
# shellcheck shell=bash disable=SC2154,SC2034  # theirs
default_mirror=http://deb.debian.org/debian
child=

# Runs a command in namespaces of its own for processes and mounts: when it ends, or this script in
# whatever way, every process that it has started and every mount that it has made is gone.
confined() {
  setpriv --pdeathsig KILL unshare --mount --pid --mount-proc --fork --kill-child -- "$@" </dev/null &
  child=$!
  local code=0
  wait "$child" || code=$?
  child=
  return "$code"
}

# "URI SUITE COMPONENT" of each Debian archive that apt uses here, with `suite` in place of this machine's
# own; nothing if none is known.
debian_archives() {
  # shellcheck disable=SC2016  # apt's own variables
  { apt-get indextargets --format '$(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT)' \
      'Created-By: Packages' 2>/dev/null || true; } |
    awk -v suite="$suite" '$1 == "Debian" && $3 ~ "^[a-z]+(-updates|-security)?$" && $4 == "main" {
      sub("^[a-z]+", suite, $3); print $2, $3, $4 }' | sort -u
}

make_system() {
  local archives mirror proxy=
  archives=$(debian_archives)
  mirror=$(awk -v suite="$suite" '$2 == suite { print $1; exit }' <<<"$archives")
  if [[ -z $mirror ]]; then
    mirror=$default_mirror
    archives="$mirror $suite main"$'\n'"$mirror $suite-updates main
${mirror%/debian}/debian-security $suite-security main"
  fi
  eval "$(apt-config shell proxy Acquire::http::Proxy)"
  local include=()
  [[ $mirror == https:* ]] && include=(--include=ca-certificates)
  say "a bare Debian $suite from $mirror"
  confined env ${proxy:+"http_proxy=$proxy"} debootstrap --variant=minbase "${include[@]}" \
    "$suite" "$folder" "$mirror" >"$folder.log" 2>&1 || {
    tail -n 20 "$folder.log" >&2
    echo "debootstrap of $suite failed" >&2
    return 1
  }
  awk '{ print "deb", $0 }' <<<"$archives" >"$folder/etc/apt/sources.list"
  apt-config dump | grep -E '^Acquire::(https?::|Check-|Retries|ForceIPv)' \
    >"$folder/etc/apt/apt.conf.d/90host" || true
  local file
  for file in /etc/hosts /etc/resolv.conf /etc/pip.conf; do
    if [[ -f $file ]]; then cp -L "$file" "$folder$file"; fi
  done
  # The package ca-certificates takes them up when it is installed.
  if [[ -d /usr/local/share/ca-certificates ]]; then
    mkdir -p "$folder/usr/local/share/ca-certificates"
    cp -rL /usr/local/share/ca-certificates/. "$folder/usr/local/share/ca-certificates/"
  fi
}
