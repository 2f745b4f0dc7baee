// SPDX-License-Identifier: Apache-2.0
import MachineAssembly

/// KVM's paravirtual clock (Linux Documentation/virt/kvm/x86/msr.rst, pvclock-abi): KVM writes the time
/// stamp counter's scale into a page, and writes it anew when it changes, as after a migration.
/// Not tested: QEMU's TCG has none.
enum KernelVirtualMachineClock {
  private static var page: Frame? = nil
  private static var version: UInt32 = 0

  static var isPresent: Bool {
    let signature = cpuid(0x4000_0000, 0)
    // "KVMKVMKVM", and in the features: the clock at the newer register numbers.
    return signature.ebx == 0x4b4d_564b && signature.ecx == 0x564b_4d56 && signature.edx == 0x4d
      && cpuid(0x4000_0001, 0).eax & 1 << 3 != 0
  }

  /// Turns the clock on and reads the scale: nanoseconds a tick, 32 binary places. Nil without KVM.
  static func multiplier() -> UInt64? {
    guard isPresent, let frame = PhysicalMemory.allocateZeroed() else { return nil }
    page = frame
    write_msr(0x4b56_4d01, frame.physicalAddress | 1)
    return changedMultiplier()
  }

  /// The scale, if KVM wrote it anew since it was last read.
  static func changedMultiplier() -> UInt64? {
    guard let address = page?.address else { return nil }
    // pvclock_vcpu_time_info: version (odd while written) at 0, tsc_to_system_mul at 24, tsc_shift at 28.
    for _ in 0..<1000 {
      let before = mmio_read32(address)
      let factor = mmio_read32(address + 24)
      let shift = Int8(bitPattern: mmio_read8(address + 28))
      guard before & 1 == 0, before == mmio_read32(address) else { continue }
      guard before != version, factor != 0, shift > -32, shift < 31 else { return nil }
      version = before
      return shift >= 0 ? UInt64(factor) << UInt64(shift) : UInt64(factor) >> UInt64(-shift)
    }
    return nil
  }

  /// The wall clock now, nanoseconds since 1970: KVM's wall clock of the boot plus the time since.
  static func realtimeNanoseconds() -> UInt64? {
    guard let time = page?.address, let frame = PhysicalMemory.allocateZeroed() else { return nil }
    defer { PhysicalMemory.release(frame) }
    write_msr(0x4b56_4d00, frame.physicalAddress)
    // pvclock_wall_clock: version at 0, seconds at 4, nanoseconds at 8.
    let seconds = UInt64(mmio_read32(frame.address + 4))
    guard mmio_read32(frame.address) & 1 == 0, seconds != 0 else { return nil }
    let boot = seconds * 1_000_000_000 + UInt64(mmio_read32(frame.address + 8))
    // The page's own time: tsc_timestamp at 8, system_time at 16.
    let timestamp = UInt64(mmio_read32(time + 8)) | UInt64(mmio_read32(time + 12)) << 32
    let system = UInt64(mmio_read32(time + 16)) | UInt64(mmio_read32(time + 20)) << 32
    var scale = Clock.scale
    scale.timestampBase = timestamp
    scale.nanosecondsBase = boot &+ system
    return scale.nanoseconds(at: read_tsc())
  }
}

extension Clock {
  /// The wall clock as the hypervisor tells it, nanoseconds since 1970-01-01 UTC; nil if it does not.
  public static func hypervisorRealtimeNanoseconds() -> UInt64? {
    prepare()
    return KernelVirtualMachineClock.realtimeNanoseconds()
  }
}

/// The battery clock of the PC (Motorola MC146818A datasheet), where nobody else knows the time.
public enum BatteryClock {
  private static func read(_ register: UInt8) -> Int {
    out8(0x70, register)
    return Int(in8(0x71))
  }

  /// Seconds since 1970-01-01 UTC; nil if there is no such clock.
  public static func secondsSince1970() -> UInt64? {
    for _ in 0..<1000 {
      if read(0x0a) & 0x80 != 0 {  // being updated
        cpu_pause()
        continue
      }
      let raw = [read(0), read(2), read(4), read(7), read(8), read(9)]
      guard read(0) == raw[0], read(0x0a) & 0x80 == 0 else { continue }
      let mode = read(0x0b)
      var fields = raw
      let isAfternoon = mode & 2 == 0 && raw[2] & 0x80 != 0
      fields[2] &= 0x7f
      if mode & 4 == 0 { for index in 0..<6 { fields[index] = fields[index] >> 4 * 10 + fields[index] & 15 } }
      if mode & 2 == 0 { fields[2] = fields[2] % 12 + (isAfternoon ? 12 : 0) }
      guard fields[0] < 61, fields[1] < 60, fields[2] < 24, 1...31 ~= fields[3], 1...12 ~= fields[4], fields[5] < 100
      else { return nil }
      return UInt64(((days(2000 + fields[5], fields[4], fields[3]) * 24 + fields[2]) * 60 + fields[1]) * 60 + fields[0])
    }
    return nil
  }

  /// Days from 1970-01-01 to a date of the Gregorian calendar in this century: years begin in March, so
  /// that the leap day comes last.
  private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
    let shifted = month > 2 ? year : year - 1
    let monthIndex = (month + 9) % 12
    return 365 * shifted + shifted / 4 - shifted / 100 + shifted / 400 + (153 * monthIndex + 2) / 5 + day - 1 - 719_468
  }
}
