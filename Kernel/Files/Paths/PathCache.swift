// SPDX-License-Identifier: Apache-2.0
import Collections
import Machine

/// Where absolute paths led that were followed lately: programs ask for the same few again and again.
///
/// Only what exists is kept, and only for a process that no permission stops on the way. New names cannot
/// change where such a path leads; taking names away, moving them and mounting can, and empty the cache.
enum PathCache {
  private static let slots = 64
  /// Longer paths are not kept.
  private static let words = 6

  /// The bytes of the paths, `words` a slot, and which of them were to follow a link at their end.
  private static var texts: [UInt64]? = nil
  private static var places: [Location?]? = nil
  private static var endings: [UInt8]? = nil
  private static var isEmpty = true

  /// A path as it is compared.
  struct Key {
    fileprivate let slot: Int
    fileprivate let count: Int
    fileprivate let options: UInt64

    /// Nil if such a path is not kept.
    @inline(__always)
    init?(_ path: borrowing PathText, _ options: WalkOptions) {
      guard path.count < PathCache.words * 8, path.isAbsolute, identity.isRoot,
        options.isSubset(of: [.followsLast, .creates])
      else { return nil }
      count = path.count
      // Above the text of the last word, which has a zero byte at least.
      self.options = UInt64(options.rawValue & WalkOptions.followsLast.rawValue) << 56
      var hash = self.options
      var index = 0
      while index <= path.count >> 3 {
        hash = (hash ^ PathCache.word(path.frame, index, path.count)) &* 0x9e37_79b9_7f4a_7c15
        index &+= 1
      }
      slot = Int(hash >> 58)
    }
  }

  /// One word of a path; the last one with zeros behind the end.
  @inline(__always)
  private static func word(_ frame: Frame, _ index: Int, _ count: Int) -> UInt64 {
    let word = frame.wrappedWord(at: index &* 8)
    return index &* 8 &+ 8 <= count ? word : word & (1 &<< UInt64((count & 7) &* 8) &- 1)
  }

  @inline(__always)
  static func find(_ key: Key, _ path: borrowing PathText) -> Walk? {
    guard !isEmpty, let texts, let places, let place = places[key.slot], let endings else { return nil }
    let last = key.count >> 3
    var index = 0
    while index <= last {
      let wanted = word(path.frame, index, key.count) | (index == last ? key.options : 0)
      if texts[key.slot &* words &+ index] != wanted { return nil }
      index &+= 1
    }
    let ending = endings[key.slot]
    return Walk(
      location: place, ending: Walk.Ending(rawValue: ending & 3) ?? .root, hasTrailingSlash: ending & 4 != 0)
  }

  @inline(never)
  static func add(_ key: Key, _ path: borrowing PathText, _ walk: Walk) {
    guard walk.location.isKnownToParent else { return }
    var newTexts = texts.take() ?? [UInt64](repeating: 0, count: slots * words)
    var newPlaces = places.take() ?? [Location?](repeating: nil, count: slots)
    var newEndings = endings.take() ?? [UInt8](repeating: 0, count: slots)
    let last = key.count >> 3
    for index in 0...last {
      newTexts[key.slot * words + index] = word(path.frame, index, key.count) | (index == last ? key.options : 0)
    }
    newPlaces[key.slot] = walk.location
    newEndings[key.slot] = walk.ending.rawValue | (walk.hasTrailingSlash ? 4 : 0)
    texts = newTexts
    places = newPlaces
    endings = newEndings
    isEmpty = false
  }

  /// Something moved.
  @inline(__always)
  static func clear() {
    if !isEmpty { empty() }
  }

  @inline(never)
  private static func empty() {
    places = nil
    isEmpty = true
  }
}
