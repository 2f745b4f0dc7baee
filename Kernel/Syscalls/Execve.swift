// SPDX-License-Identifier: Apache-2.0
import Machine

/// The strings of an argument or environment vector.
private func strings(at vector: UInt64) throws(Errno) -> [[UInt8]] {
  var result: [[UInt8]] = []
  // Linux takes a missing vector for an empty one.
  guard vector != 0 else { return result }
  var size = 0
  var address = vector
  while true {
    guard let pointer = ProgramMemory.loadWord(at: address) else { throw .EFAULT }
    if pointer == 0 { return result }
    switch ProgramMemory.string(at: pointer, limit: InitialStack.maximumString) {
    case .string(let string):
      size += string.count + 9
      guard size <= InitialStack.maximumSize else { throw .E2BIG }
      try reserveKernelMemory(bytes: result.count == result.capacity ? result.count &* 16 : 0)
      result.append(string)
    case .tooLong: throw .E2BIG
    case .fault: throw .EFAULT
    }
    address = address &+ 8
  }
}

private func execute(
  _ path: [UInt8], _ location: Location?, _ argumentVector: UInt64, _ environmentVector: UInt64, _ call: inout TrapFrame
) throws(Errno) -> UInt64 {
  var arguments = try strings(at: argumentVector)
  let environment = try strings(at: environmentVector)
  // A program without argv[0] is started with an empty one (Linux since 5.18).
  if arguments.isEmpty { arguments = [[]] }
  let plan = try Loader.plan(path, arguments, environment, at: location)
  Threads.endOthers()
  descriptors.closeOnExec()
  Signals.resetForExec()
  do throws(Errno) {
    try Loader.start(plan, &call)
  } catch {
    // The old program is gone: as on Linux, this ends the process.
    Log.error { message in
      message.append("could not load ")
      message.append(plan.path)
      message.append(": errno ")
      message.append(decimal: UInt64(error.rawValue))
    }
    Process.kill(bySignal: 9)
  }
  return 0
}

func sysExecve(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let path = try Paths.string(at: call.first)
  return try execute(path, nil, call.second, call.third, &call)
}

func sysExecveat(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let path = try Paths.string(at: call.second, allowsEmpty: call.fifth & 0x1000 != 0)
  let location = try Paths.locate(path, at: int(call.first), flags: call.fifth)
  return try execute(path, location, call.third, call.fourth, &call)
}
