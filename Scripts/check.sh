#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Checks of the sources that need no machine: style, unsafe code, what is under version control.
set -eu

root=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)
cd "$root"
. Scripts/common.sh
find_swift
result=0

directories=
for directory in Core Kernel Host Tests Benchmarks; do
  [ ! -d "$directory" ] || directories="$directories $directory"
done

echo "style (swift format lint --strict)"
swift format lint --strict --recursive --parallel $directories Package.swift || result=1

# Lines of code with the word, without comments.
unsafe_uses() { grep -rnE '(^|[^A-Za-z_.])unsafe ' --include='*.swift' "$@" | grep -vE '^[^:]+:[0-9]+: *//' || true; }

outside=$(unsafe_uses --exclude-dir=Machine $directories)
echo "unsafe outside of Kernel/Machine: $(printf '%s' "$outside" | grep -c . || true)"
[ -z "$outside" ] || printf '%s\n' "$outside" | sed -E 's/^([^:]+:[0-9]+): */  \1: /'
# Machine is where unsafe code lives, so there it goes without the word: count what it would stand before.
machine=$(grep -rcE 'Unsafe[A-Za-z]*Pointer|unsafe[A-Z]|@_silgen_name|@_extern|Builtin\.' --include='*.swift' \
  Kernel/Machine | grep -v ':0$' | sort)
echo "lines of Kernel/Machine with unsafe constructs: $(printf '%s' "$machine" | awk -F: '{ sum += $2 } END { print sum }')"
printf '%s\n' "$machine" | sed 's/^/  /'

products=$(git ls-files | grep -E '(^|/)\.build|\.(o|elf|img|raw)$|(^|/)Package\.resolved$' || true)
if [ -n "$products" ]; then
  echo "build products under version control:"
  printf '%s\n' "$products"
  result=1
fi

exit $result
