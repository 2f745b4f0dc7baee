// SPDX-License-Identifier: Apache-2.0
import Foundation
import Subprocess

/// The computer on which the benchmark runs.
enum Host {
  /// What the figures depend on: processor, memory, system and hypervisor.
  static func description() async throws -> [String] {
    let processor = field("model name", of: "/proc/cpuinfo") ?? "unknown processor"
    let system = field("PRETTY_NAME", of: "/etc/os-release", separator: "=")?.filter { $0 != "\"" }
    let qemu = try await output(of: "qemu-system-x86_64", ["--version"])
    return [
      "\(ProcessInfo.processInfo.processorCount) × \(processor)",
      "\(system ?? "Linux"), \(qemu.split(separator: "\n").first ?? "QEMU"), TCG",
    ]
  }

  /// Today, as 2026-01-31.
  static var date: String {
    Date.now.formatted(Date.ISO8601FormatStyle().year().month().day())
  }

  /// What a command prints.
  static func output(of executable: String, _ arguments: [String] = []) async throws -> String {
    let name: Executable = executable.contains("/") ? .path(.init(executable)) : .name(executable)
    let result = try await Subprocess.run(name, arguments: .init(arguments), output: .string(limit: 64 * 1024))
    return result.standardOutput
  }

  /// The value of the first line "NAME: VALUE" of a file.
  private static func field(_ name: String, of file: String, separator: Character = ":") -> String? {
    guard let text = try? String(contentsOfFile: file, encoding: .utf8) else { return nil }
    for line in text.split(separator: "\n") where line.hasPrefix(name) {
      guard let position = line.firstIndex(of: separator) else { continue }
      return line[line.index(after: position)...].trimmingCharacters(in: .whitespaces)
    }
    return nil
  }
}
