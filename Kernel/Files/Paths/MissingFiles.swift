// SPDX-License-Identifier: Apache-2.0
import Collections

/// What the program looked for and did not find, for `--missing`.
enum MissingFiles {
  /// Set from the machine's configuration.
  static var isEnabled = false
  /// In the order in which they were first looked for.
  private(set) static var paths: [[UInt8]] = []
  private static var known = HashTable<Int>()

  private static let maximum = 10_000

  /// `place` does not exist; the rest of `path` from `position` was to come after it.
  @inline(__always)
  static func note(_ place: Location, _ path: PathText, _ position: Int) {
    if isEnabled { add(place, path, position) }
  }

  @inline(never)
  private static func add(_ place: Location, _ path: PathText, _ position: Int) {
    var whole = place.path()
    if position < path.count {
      whole.append(UInt8(ascii: "/"))
      whole.append(contentsOf: path.rest(from: position))
    }
    let hash = NameHash.of(whole, seed: 0)
    guard paths.count < maximum, known.index(hash: hash, where: { paths[$0] == whole }) == nil else { return }
    known.insert(paths.count, hash: hash)
    paths.append(whole)
  }

  /// Tells what was missing, one message a path.
  static func report() {
    for path in paths {
      Log.notice { message in
        message.append("not found: ")
        message.append(path.span)
      }
    }
  }
}
