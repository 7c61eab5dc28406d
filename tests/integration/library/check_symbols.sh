#!/bin/sh
# Usage: check_symbols.sh NM LIBRARY
# Every symbol that the library defines for others is ours and in one of our two version nodes, and
# the public ones are those of inference::v0.
set -eu
nm=$1
library=$2

symbols=$("$nm" -D --defined-only "$library" | awk '{print $2, $3}' | grep -v -e '^A INFERENCE_' || true)
[ -n "$symbols" ] || { echo "$library defines no symbol"; exit 1; }

fail=0
refuse() {  # what, lines
  if [ -n "$2" ]; then
    echo "$1:"
    echo "$2" | head -20 | c++filt
    fail=1
  fi
}

refuse "without a version node of ours" \
  "$(echo "$symbols" | grep -v -E '@@(INFERENCE_0|INFERENCE_PRIVATE)$' || true)"
# _ZN9inference... _ZNK9inference... and their vtables, type infos, guards and thunks.
refuse "not of namespace inference" \
  "$(echo "$symbols" | grep -v -E ' _Z(N|NK|TVN|TIN|TSN|TTN|GVN|ZN|ZNK|GVZN|GVZNK|Th[0-9n]+_N|Tv[0-9n_]+_N)9inference' || true)"
refuse "public, but not of inference::v0" \
  "$(echo "$symbols" | grep '@@INFERENCE_0$' | grep -v '9inference2v0' || true)"
refuse "private, but of inference::v0" \
  "$(echo "$symbols" | grep '@@INFERENCE_PRIVATE$' | grep -E ' _Z[A-Z]*9inference2v0' || true)"
for name in _ZN9inference2v06Picker4PickERKNS0_7RequestE _ZN9inference2v011ReservationD1Ev; do
  echo "$symbols" | grep -q "$name@@INFERENCE_0\$" || { echo "missing: $name"; fail=1; }
done
exit $fail
