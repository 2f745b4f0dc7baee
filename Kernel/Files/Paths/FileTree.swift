// SPDX-License-Identifier: Apache-2.0
import Collections
import Machine

/// The tree of files and the process's place in it.
struct FileTree {
  /// "/"; nil only until the root file system is mounted.
  private(set) var rootIfMounted: Location?
  private var currentDirectory: Location?
  /// Permissions that new files do not get (`umask`).
  var mask: UInt32 = 0o022
  /// What is mounted where, for `/proc/mounts`.
  var mounts: [(location: Location, fileSystem: FileSystem)] { mountTable ?? [] }

  var root: Location {
    guard let rootIfMounted else { Panic.stop("no root file system is mounted") }
    return rootIfMounted
  }

  var workingDirectory: Location {
    get { currentDirectory ?? root }
    set { currentDirectory = newValue }
  }

  /// Makes `node` the root of everything.
  mutating func mountRoot(_ node: Node) {
    let place = Location([], NameKey(), parent: nil, node: node)
    place.mount(node)
    rootIfMounted = place
    mountTable = mounts + [(place, node.fileSystem)]
  }

  /// Mounts a file system at `path`. The directory need not exist: the mount point is then all that shows.
  mutating func mount(_ node: Node, at path: [UInt8]) throws(Errno) {
    var place = root
    let path = try PathText(path)
    var scanner = PathScanner(path.frame)
    while !scanner.isAtEnd { place = try place.child(scanner.next(seed: NameCache.seed), path.frame) }
    place.mount(node)
    mountTable = mounts + [(place, node.fileSystem)]
  }

  /// Writes back everything that is mounted.
  func synchronize() throws(Errno) {
    for mount in mounts { try mount.fileSystem.synchronize() }
  }

  /// Ends the use of everything that is mounted; what fails is said.
  func unmount() {
    for mount in mounts {
      do throws(Errno) {
        try mount.fileSystem.unmount()
      } catch {
        Log.error("a file system could not be written to its disk at the end: what was not synced may be lost")
      }
    }
  }
}

/// Apart from the tree, and nil rather than empty, so that the tree's own global needs no guard at each use.
private var mountTable: [(location: Location, fileSystem: FileSystem)]? = nil

/// The one tree of files.
var fileTree: FileTree! = nil
