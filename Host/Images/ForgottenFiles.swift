// SPDX-License-Identifier: Apache-2.0
import Configuration
import HostSystem
import SystemPackage

extension MachinePlan {
  /// A sentence for each of the program's arguments that names a file or directory here and nothing in the machine: if
  /// the program fails, that may be why.
  public var forgottenFiles: [String] {
    let directory = FilePath(settings.workingDirectory ?? "/")
    return (settings.arguments ?? []).compactMap { argument in
      guard !argument.isEmpty, !argument.hasPrefix("-") else { return nil }
      // `java Main` means Main.class.
      guard let (name, kind) = kindHere(argument) ?? kindHere(argument + ".class") else { return nil }
      let place = directory.pushing(FilePath(name)).lexicallyNormalized()
      guard tree[tree.realPath(place)] == nil else { return nil }
      let option = absolutePath(name) == place ? name : "\(name):\(place)"
      return "\(name) is a \(kind) here, but not in the machine: add it with --\(kind) \(option)"
    }
  }

  private func kindHere(_ name: String) -> (name: String, kind: String)? {
    switch (try? status(of: absolutePath(name), followsLink: true))?.type {
    case .regular: (name, "file")
    case .directory: (name, "directory")
    default: nil
    }
  }
}
