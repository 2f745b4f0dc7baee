// SPDX-License-Identifier: Apache-2.0
import Elf
import Machine

/// Starts a program: what `execve` does, and the kernel itself once, at the end of booting.
enum Loader {
  /// `#!` lines may lead to scripts again, this often.
  private static let maximumScripts = 4

  /// What is to be run, found and checked; nothing of the running program has been touched yet.
  struct Plan {
    var executable: Executable
    var interpreter: Executable?
    var path: [UInt8]
    var arguments: [[UInt8]]
    var environment: [[UInt8]]
  }

  /// Finds the program at `path` relative to the working directory, following `#!` lines.
  static func plan(
    _ path: [UInt8], _ arguments: [[UInt8]], _ environment: [[UInt8]], at given: Location? = nil
  ) throws(Errno) -> Plan {
    var path = path
    var arguments = arguments
    var location: Location
    if let given { location = given } else { location = try find(path) }
    var scripts = 0
    while true {
      guard let node = location.node else { throw .ENOENT }
      try Executable.checkPermission(node)
      let prefix = try Executable.prefix(of: node)
      guard prefix.count >= 2, prefix[0] == 0x23, prefix[1] == 0x21 else { break }
      guard scripts < maximumScripts else { throw .ELOOP }
      scripts += 1
      let (interpreter, argument) = try scriptLine(prefix)
      // The interpreter gets its own path, the line's argument, the script's path, then the rest.
      var replaced = [interpreter]
      if let argument { replaced.append(argument) }
      replaced.append(path)
      if arguments.count > 1 { replaced += arguments[1...] }
      arguments = replaced
      path = interpreter
      location = try find(path)
    }
    guard InitialStack.fits(arguments, environment) else { throw .E2BIG }
    let executable = try Executable(location)
    var interpreter: Executable?
    if let interpreterPath = try executable.interpreterPath() {
      interpreter = try Executable(try find(interpreterPath))
      guard interpreter?.program.header.isPositionIndependent == true else { throw .ENOEXEC }
    }
    return Plan(
      executable: executable, interpreter: interpreter, path: path, arguments: arguments,
      environment: environment)
  }

  /// The interpreter and the optional single argument of a `#!` line (at most 255 bytes, as Linux has it).
  private static func scriptLine(_ prefix: [UInt8]) throws(Errno) -> ([UInt8], [UInt8]?) {
    let limit = min(prefix.count, 256)
    guard let end = prefix[2..<limit].firstIndex(of: 0x0a) ?? (prefix.count < 256 ? prefix.count : nil) else {
      throw .ENOEXEC
    }
    func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
    var start = 2
    while start < end && isBlank(prefix[start]) { start += 1 }
    var stop = start
    while stop < end && !isBlank(prefix[stop]) && prefix[stop] != 0 { stop += 1 }
    guard stop > start else { throw .ENOEXEC }
    let interpreter = [UInt8](prefix[start..<stop])
    var rest = stop
    while rest < end && isBlank(prefix[rest]) { rest += 1 }
    var last = end
    while last > rest && (isBlank(prefix[last - 1]) || prefix[last - 1] == 0) { last -= 1 }
    return (interpreter, last > rest ? [UInt8](prefix[rest..<last]) : nil)
  }

  /// Replaces the process's memory by the planned program and sets `frame` to its first instruction. When
  /// this fails there is no program left to return to.
  static func start(_ plan: Plan, _ frame: inout TrapFrame) throws(Errno) {
    addressSpace.removeAll()
    addressSpace.layout = Layout.random()
    addressSpace.heapEnd = addressSpace.layout.heap

    // The stack first: nothing else may take its place. A guard of 1 MiB lies below.
    let stackTop = addressSpace.layout.stackTop
    let stackSize = min(max(pagesUp(limits.stack) ?? 8 << 20, 256 << 10), 1 << 30)
    var stack = Mapping(protection: [.read, .write])
    stack.name = .stack
    try addressSpace.install(stackTop - stackSize, stackSize, stack)
    var guardPages = Mapping(protection: [])
    guardPages.name = .guardPages
    try addressSpace.install(stackTop - stackSize - (1 << 20), 1 << 20, guardPages)

    let bias = plan.executable.bias(at: addressSpace.layout.program)
    try plan.executable.map(bias: bias)
    var entry = plan.executable.program.header.entry &+ bias
    let programEntry = entry
    var interpreterBase: UInt64 = 0
    if let interpreter = plan.interpreter {
      let room = addressSpace.findRoom(interpreter.span + interpreter.alignment)
      guard let room else { throw .ENOMEM }
      interpreterBase = interpreter.bias(at: room + interpreter.alignment)
      try interpreter.map(bias: interpreterBase)
      entry = interpreter.program.header.entry &+ interpreterBase
    }
    let vdso = try VDSO.map(at: addressSpace.layout.vdso)

    let features = Processor.features1D
    let auxiliary: [(UInt64, UInt64)] = [
      (InitialStack.Auxiliary.vdso, vdso),
      (InitialStack.Auxiliary.minimumSignalStack, Signals.minimumStackSize),
      (InitialStack.Auxiliary.hardware, UInt64(features)),
      (InitialStack.Auxiliary.pageSize, pageSize),
      (InitialStack.Auxiliary.clockTicks, 100),
      (InitialStack.Auxiliary.programHeaders, plan.executable.programHeaderAddress(bias: bias)),
      (InitialStack.Auxiliary.programHeaderSize, UInt64(ProgramHeader.size)),
      (InitialStack.Auxiliary.programHeaderCount, UInt64(plan.executable.program.header.programHeaderCount)),
      (InitialStack.Auxiliary.base, interpreterBase),
      (InitialStack.Auxiliary.flags, 0),
      (InitialStack.Auxiliary.entry, programEntry),
      (InitialStack.Auxiliary.userID, UInt64(identity.userID)),
      (InitialStack.Auxiliary.effectiveUserID, UInt64(identity.effectiveUserID)),
      (InitialStack.Auxiliary.groupID, UInt64(identity.groupID)),
      (InitialStack.Auxiliary.effectiveGroupID, UInt64(identity.effectiveGroupID)),
      (InitialStack.Auxiliary.secure, 0),
      // Bit 1: the program may use RDFSBASE and WRFSBASE itself.
      (InitialStack.Auxiliary.hardware2, Processor.hasFSGSBASE ? 2 : 0),
    ]
    var random: [UInt8] = []
    for _ in 0..<2 {
      let word = Random.next()
      for shift in 0..<UInt64(8) { random.append(UInt8(truncatingIfNeeded: word >> (8 * shift))) }
    }
    let initial = try InitialStack(
      top: stackTop, arguments: plan.arguments, environment: plan.environment, executablePath: plan.path,
      auxiliary: auxiliary, random: random)

    process.arguments = plan.arguments
    process.environment = plan.environment
    process.executablePath = plan.path
    process.executable = plan.executable.location
    process.auxiliaryVector = initial.auxiliaryVector
    Thread.current.rename(lastComponent(plan.path))
    process.programBase = bias
    process.interpreterBase = interpreterBase
    process.stackStart = initial.stackPointer
    process.codeStart = plan.executable.program.lowestAddress &+ bias
    process.codeEnd = plan.executable.program.endAddress &+ bias

    Processor.fsBase = 0
    Processor.gsBase = 0
    Processor.resetVectorState()
    var fresh = TrapFrame()
    fresh.rip = entry
    fresh.rsp = initial.stackPointer
    frame.replace(with: fresh)
  }

  /// The last component of a path, cut to fifteen bytes as `comm` is.
  private static func lastComponent(_ path: [UInt8]) -> [UInt8] {
    let start = path.lastIndex(of: 0x2f).map { $0 + 1 } ?? 0
    return [UInt8](path[start...].prefix(15))
  }

  private static func find(_ path: [UInt8]) throws(Errno) -> Location {
    guard !path.isEmpty else { throw .ENOENT }
    return try Paths.locate(path)
  }
}
