// SPDX-License-Identifier: Apache-2.0
import HostSystem
import SystemPackage

/// Where a dynamic loader looks for libraries that no RPATH or RUNPATH leads to.
struct LibrarySearch {
  /// Which loader a program names as its interpreter.
  enum Loader {
    case glibc
    case musl

    init(interpreter: FilePath) {
      self = interpreter.lastComponent?.string.hasPrefix("ld-musl") == true ? .musl : .glibc
    }
  }

  /// A directory, and the file without which the loader would not look there.
  struct Place {
    let directory: FilePath
    let configuration: FilePath?
  }

  let loader: Loader
  /// In the loader's order, after LD_LIBRARY_PATH and RUNPATH.
  let places: [Place]

  /// Reads the loader's configuration files through `resolver`.
  init(_ loader: Loader, _ resolver: PathResolver) {
    self.loader = loader
    places =
      switch loader {
      case .glibc: Self.glibcPlaces(resolver)
      case .musl: Self.muslPlaces(resolver)
      }
  }

  /// The directories of ld.so.conf reach the loader through `ld.so.cache` (ldconfig(8)); its own come last. Debian's
  /// loader looks into the multiarch directories, others into `lib64`.
  private static func glibcPlaces(_ resolver: PathResolver) -> [Place] {
    let builtIn = ["/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib"]
      .map { FilePath($0) }
    var configured: [FilePath] = []
    readLoaderConfiguration("/etc/ld.so.conf", resolver, depth: 0, into: &configured)
    return configured.map {
      Place(directory: $0, configuration: builtIn.contains($0) ? nil : "/etc/ld.so.cache")
    } + builtIn.map { Place(directory: $0, configuration: nil) }
  }

  private static func muslPlaces(_ resolver: PathResolver) -> [Place] {
    let configuration: FilePath = "/etc/ld-musl-x86_64.path"
    if let text = try? text(of: configuration, resolver) {
      return text.split { $0 == ":" || $0.isNewline }.map {
        Place(directory: FilePath(String($0)), configuration: configuration)
      }
    }
    return ["/lib", "/usr/local/lib", "/usr/lib"].map { Place(directory: FilePath($0), configuration: nil) }
  }

  private static func readLoaderConfiguration(
    _ path: FilePath, _ resolver: PathResolver, depth: Int, into directories: inout [FilePath]
  ) {
    guard depth < 8, let text = try? text(of: path, resolver) else { return }
    for line in text.split(whereSeparator: \.isNewline) {
      let words = line.prefix { $0 != "#" }.split { $0 == " " || $0 == "\t" || $0 == "," }
      if words.first == "include" {
        for pattern in words.dropFirst() {
          for included in expand(pattern: String(pattern), in: path.removingLastComponent(), resolver) {
            readLoaderConfiguration(included, resolver, depth: depth + 1, into: &directories)
          }
        }
      } else {
        directories += words.map { FilePath(String($0)) }.filter(\.isAbsolute)
      }
    }
  }

  /// The files that a pattern with one `*` in its last part names, sorted.
  private static func expand(pattern: String, in directory: FilePath, _ resolver: PathResolver) -> [FilePath] {
    let path = pattern.hasPrefix("/") ? FilePath(pattern) : directory.appending(pattern)
    guard let name = path.lastComponent?.string, let star = name.firstIndex(of: "*") else { return [path] }
    let (prefix, suffix) = (name[..<star], name[name.index(after: star)...])
    let parent = path.removingLastComponent()
    let names = (try? namesInDirectory(resolver.hostPath(resolver.resolve(parent).realPath))) ?? []
    return names.filter { $0.string.hasPrefix(prefix) && $0.string.hasSuffix(suffix) }.map { parent.appending($0) }
  }

  private static func text(of path: FilePath, _ resolver: PathResolver) throws(Errno) -> String {
    let file = try resolver.open(path)
    return String(decoding: try file.bytes(at: 0, count: Int(try file.status().size)), as: UTF8.self)
  }

  /// musl's loader is its C library, and answers for these names itself (musl ldso/dynlink.c, `load_library`).
  func isProvidedByLoader(_ name: String) -> Bool {
    guard loader == .musl else { return false }
    if name.hasPrefix("libc.musl-") { return true }
    return ["libc.", "libpthread.", "librt.", "libm.", "libdl.", "libutil.", "libxnet."].contains { name.hasPrefix($0) }
  }
}
