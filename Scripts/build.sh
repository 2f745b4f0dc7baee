# SPDX-License-Identifier: Apache-2.0
# Builds the kernel and the tool, once for each state of the sources. POSIX sh; expects $root and common.sh.

products=$root/.build/vorteil
stamp=$products/stamp

# Whether the products are those of the sources as they are now. A change of a file's content, name or existence
# changes the change time of the file or of its directory, which nothing can set back.
is_up_to_date() {
  [ -e "$stamp" ] && [ -z "$(cd "$root" && find Core Kernel Host Scripts Package.swift -newercm "$stamp" -print -quit)" ]
}

# Runs a step: with its progress on a terminal, otherwise silently unless it fails. Never on standard output, which
# belongs to the program that is run.
build_step() {
  title=$1
  shift
  if [ -t 2 ]; then
    say "$title"
    "$@" >&2 || fail "cannot build: $title failed"
  elif ! "$@" >"$products/log" 2>&1; then
    cat "$products/log" >&2
    fail "cannot build: $title failed"
  fi
}

build_kernel() {
  [ -e "$root/Kernel/toolset.json" ] || fail "the kernel's sources are missing: clone the repository again"
  build_step "building the kernel" env VORTEIL_KERNEL=1 "$swift" build --package-path "$root" \
    --scratch-path "$root/.build-kernel" --toolset "$root/Kernel/toolset.json" \
    --triple x86_64-unknown-none-elf --product Kernel -c release
  kernel=$root/.build-kernel/x86_64-unknown-none-elf/release/Kernel
  cp "$kernel" "$products/vorteil-kernel.debug.new"
  "$(dirname "$(readlink -f "$swift")")/llvm-objcopy" --strip-all "$kernel" "$products/vorteil-kernel.new" ||
    fail "cannot strip the kernel"
}

build_tool() {
  # With Swift's libraries inside, the tool starts faster and stands alone.
  build_step "building the tool" "$swift" build --package-path "$root" --product vorteil -c release --static-swift-stdlib
  cp "$root/.build/release/vorteil" "$products/vorteil.new"
}

# Builds if the sources have changed. Two at once take turns, and the second finds everything done.
build_all() {
  is_up_to_date && return
  mkdir -p "$products"
  exec 9>"$products/lock"
  flock 9
  if ! is_up_to_date; then
    find_swift
    rm -f "$stamp"
    # What changes while the build runs must lead to another build.
    touch "$products/stamp.new"
    build_kernel
    build_tool
    # In this order, each in one step: whoever starts meanwhile gets whole files.
    for product in vorteil-kernel.debug vorteil-kernel vorteil stamp; do
      mv "$products/$product.new" "$products/$product"
    done
  fi
  exec 9>&-
}
