// SPDX-License-Identifier: Apache-2.0
import Foundation
import SystemPackage
import Testing

/// Checks of the linked kernel, instruction by instruction.
///
/// The kernel saves no vector or x87 register at a system call or an interrupt, so none of its code may
/// touch one; and an interrupt may come between any two of its instructions and use the stack directly
/// below RSP, so nothing may live there (the "red zone" of the ABI).
@Suite struct KernelImageTests {
  /// Functions of entry.S that move a frame between stacks by hand.
  private static let stackSwitches: Set<String> = ["trap_common"]

  private struct Function {
    let name: String
    var instructions: [Substring]
  }

  private static func disassembly() async throws -> [Function] {
    let kernel = Repository.products.appending("vorteil-kernel.debug")
    let outcome = try await Command(
      executable: "/usr/bin/objdump", arguments: ["-d", "--no-show-raw-insn", "--no-addresses", kernel.string]
    ).run()
    try #require(outcome.exitCode == 0, "\(outcome.errorText)")
    var functions: [Function] = []
    for line in outcome.outputText.split(separator: "\n") {
      if line.hasPrefix("<"), line.hasSuffix(">:") {
        functions.append(Function(name: String(line.dropFirst().dropLast(2)), instructions: []))
      } else if line.hasPrefix("\t"), !functions.isEmpty {
        functions[functions.count - 1].instructions.append(line.drop(while: { $0 == "\t" || $0 == " " }))
      }
    }
    try #require(functions.count > 500, "objdump shows \(functions.count) functions; is the kernel stripped?")
    return functions
  }

  @Test func usesNoVectorAndNoX87Register() async throws {
    let register = try Regex(#"%([xyz]?mm[0-9]+|st)\b"#)
    for function in try await Self.disassembly() {
      for instruction in function.instructions where instruction.contains(register) {
        Issue.record("\(function.name): \(instruction)")
      }
    }
  }

  @Test func usesNoRedZone() async throws {
    let belowStackPointer = try Regex(#"-0x[0-9a-f]+\(%rsp"#)
    let otherReservation = #/^lea +-0x([0-9a-f]+)\(%rsp\),%rsp/#
    let belowFramePointer = #/-0x([0-9a-f]+)\(%rbp/#
    let reservation = #/^sub +\$0x([0-9a-f]+),%rsp/#
    for function in try await Self.disassembly() where !Self.stackSwitches.contains(function.name) {
      // How far below RBP the function has moved RSP; known once it has made RBP its frame pointer.
      var reserved: Int?
      for instruction in function.instructions {
        if let match = instruction.firstMatch(of: otherReservation) {
          if let depth = reserved { reserved = depth + Int(match.1, radix: 16)! }
          continue
        }
        if instruction.contains(belowStackPointer) { Issue.record("\(function.name): \(instruction)") }
        if instruction.hasPrefix("mov") && instruction.hasSuffix("%rsp,%rbp") {
          reserved = 0
          continue
        }
        guard let depth = reserved else { continue }
        if instruction.hasPrefix("push") { reserved = depth + 8 }
        if let match = instruction.firstMatch(of: reservation) { reserved = depth + Int(match.1, radix: 16)! }
        // A stack pointer that is computed: nothing is known any more.
        if instruction.hasPrefix("and"), instruction.hasSuffix(",%rsp") { reserved = nil }
        if instruction.hasPrefix("mov"), instruction.hasSuffix(",%rsp") { reserved = nil }
        if instruction.hasPrefix("sub"), instruction.hasSuffix(",%rsp"), !instruction.contains("$") { reserved = nil }
        if instruction.hasPrefix("lea") { continue }
        if let match = instruction.firstMatch(of: belowFramePointer), let depth = reserved,
          Int(match.1, radix: 16)! > depth
        {
          Issue.record("\(function.name): \(instruction), with \(depth) bytes reserved")
        }
      }
    }
  }

  @Test func noSegmentIsWritableAndExecutable() async throws {
    let kernel = Repository.products.appending("vorteil-kernel")
    let outcome = try await Command(executable: "/usr/bin/readelf", arguments: ["-lW", kernel.string]).run()
    let loads = outcome.outputText.split(separator: "\n").filter { $0.contains("LOAD") }
    #expect(loads.count == 3)
    #expect(loads.allSatisfy { !$0.contains("RWE") && !$0.contains("W E") }, "\(loads)")
  }

  @Test func isAtMostOneMebibyte() throws {
    let attributes = try FileManager.default.attributesOfItem(
      atPath: Repository.products.appending("vorteil-kernel").string)
    let size = try #require(attributes[.size] as? Int)
    #expect(size <= 1 << 20)
  }
}
