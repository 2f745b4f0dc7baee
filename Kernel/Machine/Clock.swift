// SPDX-License-Identifier: Apache-2.0
import MachineAssembly

/// How time stamps become nanoseconds since the kernel's start:
/// `nanosecondsBase + (timestamp - timestampBase) * multiplier >> 32`.
public struct ClockScale: BitwiseCopyable {
  /// Nanoseconds a tick, as a fixed-point number with 32 binary places.
  public var multiplier: UInt64 = 0
  public var timestampBase: UInt64 = 0
  public var nanosecondsBase: UInt64 = 0

  /// The binary places of `multiplier`.
  public static var shift: UInt64 { 32 }

  @inline(__always)
  func nanoseconds(at timestamp: UInt64) -> UInt64 {
    // A time stamp from before the base (another processor's, a moment ago) is the base.
    let ticks = timestamp > timestampBase ? timestamp &- timestampBase : 0
    let product = ticks.multipliedFullWidth(by: multiplier)
    return nanosecondsBase &+ (product.high << 32 | product.low >> 32)
  }
}

/// The clock: the time stamp counter, scaled.
///
/// The counter's frequency is asked of the hypervisor (kvmclock, CPUID 0x40000010) or of the processor
/// (CPUID 0x15). Where neither knows, it is measured against a clock of known frequency, see
/// `ReferenceClock`. Nothing waits for that while booting: a first sample is taken then, and the
/// frequency is worked out when somebody asks for the time; it gets better as time goes by. A better
/// frequency holds from then on, so the clock never goes backwards and never jumps.
public enum Clock {
  /// The scale in use. It means nothing while `generation` is 0.
  public private(set) static var scale = ClockScale()
  /// Counts the changes of `scale`, for copies of it; 0 while there is none.
  public private(set) static var generation: UInt32 = 0
  /// Whether the frequency is measured, and so still gets better.
  private static var isMeasured = false

  /// Nanoseconds since the kernel's start. Never goes backwards.
  @inline(__always)
  public static func monotonicNanoseconds() -> UInt64 {
    if generation == 0 { prepare() }
    return scale.nanoseconds(at: read_tsc())
  }

  /// Takes the first sample, if one will be needed. Costs next to nothing.
  static func initialize() {
    if !KernelVirtualMachineClock.isPresent && frequencyOfProcessor() == nil { ReferenceClock.start() }
  }

  /// Works out the scale, if that was not done before.
  @inline(never)
  public static func prepare() {
    guard generation == 0 else { return }
    scale.timestampBase = Boot.startTimestamp
    if let known = KernelVirtualMachineClock.multiplier() ?? frequencyOfProcessor().map(multiplier(frequency:)) {
      scale.multiplier = known
      generation = 1
      LocalAPIC.useDeadline()
      return
    }
    isMeasured = true
    scale.multiplier = ReferenceClock.firstMultiplier()
    generation = 1
  }

  /// Takes a longer measurement into account where there is one. True: `scale` has changed, and copies of
  /// it are out of date. To be called now and then while the program runs; costs little.
  public static func refine() -> Bool {
    guard generation != 0 else { return false }
    let better = isMeasured ? ReferenceClock.betterMultiplier() : KernelVirtualMachineClock.changedMultiplier()
    guard let better, better != 0, better != scale.multiplier else { return false }
    let now = read_tsc()
    scale = ClockScale(multiplier: better, timestampBase: now, nanosecondsBase: scale.nanoseconds(at: now))
    generation &+= 1
    return true
  }

  // MARK: frequencies

  /// Nanoseconds a tick for a frequency in hertz.
  private static func multiplier(frequency: UInt64) -> UInt64 {
    let (quotient, remainder) = UInt64(1_000_000_000).quotientAndRemainder(dividingBy: frequency)
    return quotient << 32 | (remainder << 32) / frequency
  }

  /// The counter's frequency, as the hypervisor's timing leaf or the processor tells it.
  private static func frequencyOfProcessor() -> UInt64? {
    let hypervisor = cpuid(0x4000_0000, 0)
    if hypervisor.eax >= 0x4000_0010 && hypervisor.eax < 0x4000_1000 {
      let kilohertz = UInt64(cpuid(0x4000_0010, 0).eax)
      if kilohertz >= 1000 && kilohertz < 1 << 25 { return kilohertz * 1000 }
    }
    guard cpuid(0, 0).eax >= 0x15 else { return nil }
    // Intel SDM volume 2, CPUID 0x15: crystal frequency (ECX) times EBX / EAX.
    let ratio = cpuid(0x15, 0)
    guard ratio.eax != 0, ratio.ebx != 0, ratio.ecx != 0 else { return nil }
    let frequency = UInt64(ratio.ecx) * UInt64(ratio.ebx) / UInt64(ratio.eax)
    return frequency >= 1_000_000 && frequency < 1 << 40 ? frequency : nil
  }

  /// Time stamps in `nanoseconds`.
  static func ticks(nanoseconds: UInt64) -> UInt64 {
    let high = nanoseconds >> 32
    guard high < scale.multiplier else { return .max >> 1 }
    return divide_wide(high, nanoseconds << 32, scale.multiplier)
  }
}
