#!/usr/bin/env bash
# Fuzzes: tests/fuzz/run.sh [SECONDS per target, default 60] [TARGET...]
# New inputs and findings are kept in build/fuzz/work/<target>/; see README.md.
set -euo pipefail
cd "$(dirname "$0")/../.."

seconds=${1:-60}
if ! [[ $seconds =~ ^[0-9]+$ ]]; then
  echo "run.sh: the first argument must be a number of seconds, found '$seconds'" >&2
  exit 2
fi
shift || true
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
  for file in tests/fuzz/*_fuzz.cc; do
    name=$(basename "$file")
    targets+=("${name%_fuzz.cc}")
  done
fi

cmake --preset fuzz >/dev/null
cmake --build --preset fuzz --target "${targets[@]/#/fuzz_}"
failed=()
for target in "${targets[@]}"; do
  work=build/fuzz/work/$target
  mkdir -p "$work/corpus"
  dictionary=()
  if [ -f "tests/fuzz/$target.dict" ]; then dictionary=("-dict=tests/fuzz/$target.dict"); fi
  echo "== $target: $seconds s"
  build/fuzz/tests/fuzz/fuzz_"$target" "${dictionary[@]}" -max_total_time="$seconds" \
    -print_final_stats=1 -timeout=10 -rss_limit_mb=2048 -artifact_prefix="$work/" \
    "$work/corpus" "tests/fuzz/corpus/$target" || failed+=("$target")
done
if [ ${#failed[@]} -gt 0 ]; then
  echo "run.sh: findings in: ${failed[*]} (inputs in build/fuzz/work/<target>/)" >&2
  exit 1
fi
