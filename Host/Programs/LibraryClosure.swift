// SPDX-License-Identifier: Apache-2.0
import Elf
import HostSystem
import SystemPackage

/// Finds the shared libraries that a program and its libraries name, in the way and in the order of the dynamic loader
/// (ld.so(8)), without running anything.
struct LibraryClosure {
  /// A library that was asked for and is nowhere.
  struct Missing {
    let name: String
    let requirer: FilePath
  }

  /// An object of the program: the executable or a library.
  private struct Object {
    let path: FilePath
    let realPath: FilePath
    let dynamic: ElfDynamicSection?
    /// Who brought it in: its RPATH counts too.
    let parent: Int?
  }

  private let search: LibrarySearch
  private let resolver: PathResolver
  private let libraryPath: [FilePath]
  private var objects: [Object] = []
  /// The next object whose libraries have not been looked for.
  private var next = 0
  private var foundNames: Set<String> = []
  private var foundPaths: Set<FilePath> = []

  /// Where each library was found, and everything that is needed to find it there again.
  private(set) var found: [(path: FilePath, reason: String)] = []
  private var unfound: [Missing] = []
  /// The names under which libraries that are opened by their paths answer those who ask for them later.
  private var provided: Set<String> = []

  /// What was asked for and is nowhere.
  var missing: [Missing] { unfound.filter { !provided.contains($0.name) } }

  /// `libraryPath` is the value of LD_LIBRARY_PATH in the machine.
  init(search: LibrarySearch, resolver: PathResolver, libraryPath: String?) {
    self.search = search
    self.resolver = resolver
    self.libraryPath = (libraryPath ?? "").split { $0 == ":" || $0 == ";" }.map { FilePath(String($0)) }
  }

  /// Adds the libraries of `path`, an executable or a library that is opened later by its path, and of their libraries.
  mutating func add(_ path: FilePath, _ file: ElfFile) {
    guard let real = try? resolver.resolve(path).realPath, foundPaths.insert(real).inserted else { return }
    objects.append(Object(path: path, realPath: real, dynamic: file.dynamic, parent: nil))
    provided.insert(
      file.dynamic?.soname.map { String(decoding: $0, as: UTF8.self) } ?? path.lastComponent?.string ?? "")
    if let name = file.dynamic?.soname { foundNames.insert(String(decoding: name, as: UTF8.self)) }
    while next < objects.count {
      for name in objects[next].dynamic?.needed ?? [] { require(String(decoding: name, as: UTF8.self), by: next) }
      next += 1
    }
  }

  /// Adds a library by the name by which a program may open it; nothing if there is none.
  mutating func addIfPresent(_ name: String, reason: String) {
    guard !foundNames.contains(name),
      let place = search.places.first(where: { open($0.directory.appending(name)) != nil })
    else { return }
    let path = place.directory.appending(name)
    guard let file = open(path) else { return }
    foundNames.insert(name)
    note(path, place.configuration, reason)
    add(path, file)
  }

  private mutating func require(_ name: String, by index: Int) {
    guard !search.isProvidedByLoader(name), foundNames.insert(name).inserted else { return }
    let requirer = objects[index].path
    if name.contains("/") {
      adopt(FilePath(name), nil, by: index, "needed by \(requirer)")
      return
    }
    for place in candidates(for: index) where open(place.directory.appending(name)) != nil {
      adopt(place.directory.appending(name), place.configuration, by: index, "needed by \(requirer)")
      return
    }
    unfound.append(Missing(name: name, requirer: requirer))
  }

  private mutating func adopt(_ path: FilePath, _ configuration: FilePath?, by parent: Int, _ reason: String) {
    guard let file = open(path), let real = try? resolver.resolve(path).realPath else {
      unfound.append(Missing(name: path.string, requirer: objects[parent].path))
      return
    }
    note(path, configuration, reason)
    guard foundPaths.insert(real).inserted else { return }
    if let name = file.dynamic?.soname { foundNames.insert(String(decoding: name, as: UTF8.self)) }
    objects.append(Object(path: path, realPath: real, dynamic: file.dynamic, parent: parent))
  }

  private mutating func note(_ path: FilePath, _ configuration: FilePath?, _ reason: String) {
    found.append((path, reason))
    if let configuration { found.append((configuration, "the loader finds \(path) by it")) }
  }

  /// The loader skips what is not a library for this machine.
  private func open(_ path: FilePath) -> ElfFile? {
    guard let file = try? resolver.open(path) else { return nil }
    return try? ElfFile(file)
  }

  private func candidates(for index: Int) -> [LibrarySearch.Place] {
    let object = objects[index]
    var directories: [FilePath] = []
    // RPATH counts only without a RUNPATH, but then also for what the object's libraries need.
    if object.dynamic?.runPath == nil {
      var ancestor: Int? = index
      while let current = ancestor {
        if objects[current].dynamic?.runPath == nil, let path = objects[current].dynamic?.searchPath {
          directories += Self.expand(path, of: objects[current])
        }
        ancestor = objects[current].parent
      }
    }
    directories += libraryPath
    if let path = object.dynamic?.runPath { directories += Self.expand(path, of: object) }
    return directories.map { LibrarySearch.Place(directory: $0, configuration: nil) } + search.places
  }

  /// The directories of an RPATH or RUNPATH, with the loader's variables replaced.
  private static func expand(_ path: [UInt8], of object: Object) -> [FilePath] {
    let origin = object.realPath.removingLastComponent().string
    return String(decoding: path, as: UTF8.self).split(separator: ":").map { directory in
      var text = String(directory)
      for (name, value) in [("ORIGIN", origin), ("LIB", "lib/x86_64-linux-gnu"), ("PLATFORM", "x86_64")] {
        text.replace("${\(name)}", with: value)
        text.replace("$\(name)", with: value)
      }
      return FilePath(text)
    }
  }
}
