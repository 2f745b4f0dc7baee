# SPDX-License-Identifier: Apache-2.0
# What ./vorteil, ./test and ./bench have in common. POSIX sh; expects $root, the directory of the repository.

# Debian packages that running a program takes. What tests need besides is in test-packages.txt.
run_packages="qemu-system-x86 util-linux"

say() { printf 'vorteil: %s\n' "$*" >&2; }

fail() {
  say "$*"
  exit 125
}

# Installs the packages named that are not there; without the right to do so, prints the command that does.
require_packages() {
  missing=
  for package in "$@"; do
    case "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" in
      installed) ;;
      *) missing="$missing $package" ;;
    esac
  done
  [ -n "$missing" ] || return 0
  command="apt-get install -y --no-install-recommends$missing"
  command -v apt-get >/dev/null || fail "these packages are missing:$missing"
  [ "$(id -u)" = 0 ] || fail "some packages are missing; run: sudo $command"
  say "installing$missing"
  log=$(mktemp)
  # A fresh container has no package lists; an old machine has lists whose packages are gone.
  if ! DEBIAN_FRONTEND=noninteractive $command >"$log" 2>&1 </dev/null; then
    if ! { apt-get update && DEBIAN_FRONTEND=noninteractive $command; } >"$log" 2>&1 </dev/null; then
      cat "$log" >&2
      rm -f "$log"
      fail "cannot install$missing; run: $command"
    fi
  fi
  rm -f "$log"
}

# Sets $swift, and puts the toolchain's directory in front of the PATH.
find_swift() {
  swift=$(command -v swift || true)
  for directory in /usr/local/swift/usr/bin /usr/share/swift/usr/bin "$HOME/.local/share/swiftly/bin"; do
    [ -n "$swift" ] || { [ -x "$directory/swift" ] && swift=$directory/swift; }
  done
  [ -n "$swift" ] || fail "Swift 6.3 is not installed: see https://www.swift.org/install/linux"
  PATH=$(dirname "$swift"):$PATH
  export PATH
}
