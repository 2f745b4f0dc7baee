// SPDX-License-Identifier: Apache-2.0
import Machine

/// The machine's name, from its configuration; set before the program starts.
var hostName: [UInt8] = []

/// `struct utsname`: six fields of 65 bytes.
func sysUname(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  var bytes: [UInt8] = []
  func put(_ text: some Sequence<UInt8>) {
    let start = bytes.count
    for byte in text where bytes.count - start < 64 { bytes.append(byte) }
    while bytes.count - start < 65 { bytes.append(0) }
  }
  func put(_ text: StaticString) { put((0..<text.byteCount).map { text.byte(at: $0) }) }
  put("Linux")
  put(hostName)
  // C libraries refuse kernels that are too old; the calls are those of Linux 6.1.
  put("6.1.0-vorteil")
  put("#1 SMP Vorteil")
  put("x86_64")
  put("(none)")
  try check(ProgramMemory.write(bytes.span, to: call.first))
  return 0
}

/// `struct sysinfo`.
func sysSysinfo(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  struct Information: BitwiseCopyable {
    var uptime: UInt64 = 0
    var loads = InlineArray<3, UInt64>(repeating: 0)
    var totalMemory: UInt64 = 0
    var freeMemory: UInt64 = 0
    var shared: UInt64 = 0
    var buffers: UInt64 = 0
    var totalSwap: UInt64 = 0
    var freeSwap: UInt64 = 0
    var processes: UInt64 = 1
    var totalHigh: UInt64 = 0
    var freeHigh: UInt64 = 0
    var unit: UInt64 = 1
  }
  var information = Information()
  information.uptime = Clock.monotonicNanoseconds() / 1_000_000_000
  information.totalMemory = UInt64(PhysicalMemory.total) * 4096
  information.freeMemory = UInt64(PhysicalMemory.available) * 4096
  try check(ProgramMemory.store(information, at: call.first))
  return 0
}

func sysSethostname(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  guard identity.may(Capabilities(rawValue: 1 << 21)) else { throw .EPERM }  // CAP_SYS_ADMIN
  guard int(call.second) >= 0, call.second <= 64 else { throw .EINVAL }
  guard let name = ProgramMemory.bytes(at: call.first, count: Int(call.second)) else { throw .EFAULT }
  hostName = name
  return 0
}

/// Clock ticks of 1/100 s.
func sysTimes(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  struct Times: BitwiseCopyable {
    var user: UInt64
    var system: UInt64
    var childUser: UInt64 = 0
    var childSystem: UInt64 = 0
  }
  let now = Clock.monotonicNanoseconds()
  if call.first != 0 {
    let (user, system) = ProcessorTime.divided(now: now)
    try check(ProgramMemory.store(Times(user: user / 10_000_000, system: system / 10_000_000), at: call.first))
  }
  return now / 10_000_000
}

func sysGetrusage(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  struct Usage: BitwiseCopyable {
    var user = TimeValue(nanoseconds: 0)
    var system = TimeValue(nanoseconds: 0)
    /// ru_maxrss, in KiB, and twelve that are 0.
    var maximumResident: UInt64 = 0
    var rest = InlineArray<13, UInt64>(repeating: 0)
  }
  var usage = Usage()
  switch int(call.first) {
  case 0, 1:  // RUSAGE_SELF, RUSAGE_THREAD
    let (user, system) = ProcessorTime.divided(now: Clock.monotonicNanoseconds())
    usage.user = TimeValue(nanoseconds: user)
    usage.system = TimeValue(nanoseconds: system)
    usage.maximumResident = UInt64(max(0, addressSpace.residentPages)) * 4
  case -1: break  // RUSAGE_CHILDREN
  default: throw .EINVAL
  }
  try check(ProgramMemory.store(usage, at: call.second))
  return 0
}

func sysGetcpu(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  if call.first != 0 { try check(ProgramMemory.store(UInt32(Processors.current), at: call.first)) }
  if call.second != 0 { try check(ProgramMemory.store(UInt32(0), at: call.second)) }
  return 0
}

/// `getrandom`: urgent, blocking and insecure are the same here, as the generator is ready before the program.
func sysGetrandom(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  guard call.third & ~7 == 0, call.third & 6 != 6 else { throw .EINVAL }
  let count = min(call.second, 0x7fff_ffff)
  guard ProgramMemory.isRange(call.first, count) else { throw .EFAULT }
  return UInt64(try Random.fill(programAddress: call.first, count: Int(count)))
}
