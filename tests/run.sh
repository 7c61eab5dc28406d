#!/usr/bin/env bash
# Set-up and all tests, from a fresh clone on:
#
#   tests/run.sh               release, asan (with the fuzz corpora) and tsan builds, system tests
#   tests/run.sh --quick       release build, its unit tests and the system tests
#   tests/run.sh --soak        everything, the tests that take minutes each and some fuzzing too
#   --no-setup                 install nothing
#   --only LEG                 one leg: lint, release, system, asan, tsan, fuzz or packages (may be repeated);
#                              the last one wants root and debootstrap and is in no other set
#   --filter TEXT              only tests whose name has TEXT in it
#
# A leg that fails doesn't keep the others from running; the exit code is 1 if any failed. Each leg's
# output is kept in build/test-logs/.
set -uo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit 1
all_legs=(lint release system asan tsan fuzz packages)
legs=()
setup=true
soak=false
filter=

usage() { sed -n '2,14s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }
fail_usage() { echo "tests/run.sh: $1; see --help" >&2; exit 2; }

while (($#)); do
  case $1 in
    --quick) legs=(release system) ;;
    --soak) soak=true ;;
    --no-setup) setup=false ;;
    --only)
      [[ " ${all_legs[*]} " == *" ${2:-?} "* ]] || fail_usage "--only wants one of: ${all_legs[*]}"
      legs+=("$2"); shift ;;
    --filter)
      [[ -n ${2:-} ]] || fail_usage "--filter wants a text"
      filter=$2; shift ;;
    -h | --help) usage; exit 0 ;;
    *) fail_usage "unknown option '$1'" ;;
  esac
  shift
done
if ((${#legs[@]} == 0)); then
  legs=(lint release system asan tsan)
  $soak && legs+=(fuzz)
fi

# One clone's compilations serve another's: paths in the tree don't count.
export CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=true

jobs=$(nproc)
logs=$root/build/test-logs
mkdir -p "$logs"
begin=$SECONDS
summary=()
failed_legs=()

clock() { printf '%d:%02d' $((($1) / 60)) $((($1) % 60)); }
say() { printf '\n== %s  [%s]\n' "$*" "$(clock $((SECONDS - begin)))"; }

# Runs a step of a leg, output on the terminal and in the leg's log. A quiet step (a build) shows its
# output only when it fails.
step() {
  say "$leg: $1"
  shift
  "$@" 2>&1 | tee -a "$logs/$leg.log"
}
quiet_step() {
  local what=$1 from=$SECONDS
  say "$leg: $what"
  shift
  if ! "$@" >"$logs/$leg.step" 2>&1; then
    cat "$logs/$leg.step" >>"$logs/$leg.log"
    # The compiler's first complaint is what one wants to see, not the last line of a parallel build.
    grep -n -m 20 -A 6 -E 'error|FAILED|Error' "$logs/$leg.step" || tail -n 60 "$logs/$leg.step"
    echo "-- $leg: failed: $what (all of it: build/test-logs/$leg.log)"
    return 1
  fi
  cat "$logs/$leg.step" >>"$logs/$leg.log"
  echo "-- $leg: $what: $(clock $((SECONDS - from)))"
}

build() {  # preset, cmake arguments...
  local preset=$1
  shift
  quiet_step "configure" cmake --preset "$preset" "$@" &&
    quiet_step "build with $jobs jobs" cmake --build --preset "$preset" -j "$jobs"
}
run_ctest() {
  local preset=$1
  local arguments=(--test-dir "build/$preset" --output-on-failure -j "$jobs" --timeout 300)
  if [[ -n $filter ]]; then
    arguments+=(--no-tests=ignore -R "$filter")
  else
    arguments+=(--no-tests=error)
  fi
  step "ctest" ctest "${arguments[@]}"
}

leg_release() { build release -DINFERENCE_BUILD_TESTS=ON && run_ctest release; }
leg_asan() {  # ctest replays the fuzz corpora too
  export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1
  export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
  build asan && run_ctest asan
}
leg_tsan() {
  # gRPC and protobuf aren't built with TSan: calls from inside them can't be judged. Races in our
  # code are still found, in handlers that gRPC calls too.
  export TSAN_OPTIONS=ignore_noninstrumented_modules=1:second_deadlock_stack=1
  build tsan && run_ctest tsan
}
leg_fuzz() {
  # libFuzzer with ASan and UBSan, a minute per target. What it finds belongs into the corpora, which
  # the asan leg replays.
  step "fuzz" tests/fuzz/run.sh 60
}
leg_packages() {
  local code=0
  step "packages in bare systems" tests/packaging/run.sh || code=1
  step "packages of the daemon and the library" tests/packaging/debs.sh || code=1
  step "the service under a real systemd" tests/packaging/service.sh || code=1
  return "$code"
}
leg_system() {
  local python=$root/.venv/bin/python
  if [[ ! -x $python ]]; then
    echo "-- system: no $python: run tests/setup.sh"
    return 1
  fi
  [[ -d build/release ]] && quiet_step "build" cmake --build --preset release -j "$jobs"
  local arguments=(-q --durations=10)
  $soak && arguments+=(--soak)
  [[ -n $filter ]] && arguments+=(-k "$filter")
  local code=0
  step "pytest" "$python" -m pytest tests/system "${arguments[@]}" || code=$?
  [[ $code == 5 && -n $filter ]] && code=0  # nothing has that name
  return "$code"
}
leg_lint() {
  local scripts sources code=0
  mapfile -t scripts < <(git ls-files -- '*.sh' .ci/run examples/ci/pre-commit)
  mapfile -t sources < <(git ls-files -- '*.h' '*.cc')
  step "shellcheck of ${#scripts[@]} scripts" shellcheck "${scripts[@]}" || code=1
  if ((${#sources[@]})); then
    step "clang-format of ${#sources[@]} files" \
      clang-format-19 --dry-run --Werror --ferror-limit=1 "${sources[@]}" || code=1
  fi
  return "$code"
}
run_leg() {
  case $leg in
    lint) leg_lint ;;
    release) leg_release ;;
    system) leg_system ;;
    asan) leg_asan ;;
    fuzz) leg_fuzz ;;
    packages) leg_packages ;;
    tsan) leg_tsan ;;
  esac
}

if $setup; then
  tests/setup.sh || exit 1
fi

for leg in "${legs[@]}"; do
  : >"$logs/$leg.log"
  from=$SECONDS
  # A subshell: what a leg exports is gone after it.
  if (run_leg); then result=passed; else result=FAILED failed_legs+=("$leg"); fi
  rm -f "$logs/$leg.step"
  summary+=("$(printf '  %-8s %s  %s' "$leg" "$result" "$(clock $((SECONDS - from)))")")
done

# The end of an output is what one sees of it first: why a leg failed belongs there.
for leg in "${failed_legs[@]}"; do
  say "$leg: the end of what failed"
  tail -n 100 "$logs/$leg.log"
done
say "summary"
printf '%s\n' "${summary[@]}"
failed=${#failed_legs[@]}
echo "legs: $((${#legs[@]} - failed)) passed, $failed failed, all in $(clock $((SECONDS - begin)))"
exit $((failed > 0))
