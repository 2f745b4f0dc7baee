// SPDX-License-Identifier: Apache-2.0
import Elf
public import HostSystem
public import SystemPackage

/// Makes sure that the program `path` can start in a machine whose file system is the host's directory `root`.
///
/// `additions` are the paths of files that come in from elsewhere. Returns what in the program's closure generates code,
/// if anything does.
public func checkProgram(
  _ path: FilePath, inDirectory root: FilePath, additions: Set<FilePath>, libraryPath: String?
) throws(Failure) -> CodeGeneratorUse? {
  let resolver = PathResolver(root: root)
  let file: OpenFile
  do throws(Errno) { file = try resolver.open(path) } catch {
    throw Failure("there is no program \(path) in \(root): \(error)")
  }
  let elf: ElfFile
  do throws(ElfError) { elf = try ElfFile(file) } catch .notElf {
    // A script: the kernel looks at its first line when it starts it.
    guard (try? file.bytes(at: 0, count: 2)).map({ $0.elementsEqual("#!".utf8) }) == true else {
      throw Failure("\(path) in \(root) \(ElfError.notElf.sentence)")
    }
    return nil
  } catch {
    throw Failure("\(path) in \(root) \(error.sentence)")
  }
  let generator = CodeGenerator.recognise(program: path, elf)
  guard let interpreter = elf.interpreter else { return generator }
  guard resolver.exists(interpreter) || additions.contains(interpreter) else {
    throw Failure(
      "\(path) needs the loader \(interpreter), which is not in \(root): add it with --file, or link the program statically"
    )
  }
  var libraries = LibraryClosure(
    search: LibrarySearch(.init(interpreter: interpreter), resolver), resolver: resolver, libraryPath: libraryPath)
  libraries.add(path, elf)
  let added = Set(additions.compactMap { $0.lastComponent?.string })
  let missing = libraries.missing.filter { !added.contains($0.name) }
  guard missing.isEmpty else {
    let names = missing.map { "\($0.name) (needed by \($0.requirer))" }.joined(separator: ", ")
    throw Failure("\(names) is not in \(root): put it there, or add it with --file")
  }
  return generator ?? libraries.found.lazy.compactMap { CodeGenerator.recognise(library: $0.path) }.first
}
