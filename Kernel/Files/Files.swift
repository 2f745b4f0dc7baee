// SPDX-License-Identifier: Apache-2.0

/// Puts the tree of files together when the kernel starts.
enum Files {
  /// Mounts what is not on the disk; the root file system is mounted already.
  static func initialize() throws(Errno) {
  }
}
