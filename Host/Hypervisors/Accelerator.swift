// SPDX-License-Identifier: Apache-2.0
import HostSystem
import SystemPackage

/// What executes the machine's instructions.
public enum Accelerator: String, Sendable {
  /// The processor itself, through Linux' KVM.
  case kvm
  /// QEMU's translator: slower, and works everywhere.
  case tcg

  /// KVM where it really works, otherwise TCG.
  ///
  /// In a container or a small virtual machine `/dev/kvm` may exist, open and yet not run an ordinary guest; then the
  /// processor lacks `vmx` and `svm`.
  public static func choose() -> Accelerator {
    guard let processors = try? OpenFile.open("/proc/cpuinfo").bytes(at: 0, count: 64 << 10) else { return .tcg }
    let hasVirtualization = processors.split(separator: UInt8(ascii: "\n")).contains { line in
      line.starts(with: "flags".utf8)
        && line.split(separator: UInt8(ascii: " ")).contains {
          $0.elementsEqual("vmx".utf8) || $0.elementsEqual("svm".utf8)
        }
    }
    guard hasVirtualization, (try? OpenFile.open("/dev/kvm", .readWrite)) != nil else { return .tcg }
    return .kvm
  }

  /// The processor model with everything that the accelerator offers.
  var processorModel: String { self == .kvm ? "host" : "max" }
}
