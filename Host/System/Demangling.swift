// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxHeaders

/// The declaration that the linker's name `name` stands for; `name` itself if it is none of Swift's.
public func demangled(_ name: String) -> String {
  // SAFETY: Swift's runtime reads the zero-terminated name during the call, and returns a string of `malloc` or nil.
  guard let text = unsafe swift_demangle(name, name.utf8.count, nil, nil, 0) else { return name }
  defer { unsafe free(text) }
  return unsafe String(cString: text)
}
