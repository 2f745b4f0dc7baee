// SPDX-License-Identifier: Apache-2.0
import Machine
import Signals

/// `struct sigcontext` (arch/x86/include/uapi/asm/sigcontext.h): the registers that a signal interrupted.
struct SignalContext: BitwiseCopyable {
  var r8: UInt64 = 0
  var r9: UInt64 = 0
  var r10: UInt64 = 0
  var r11: UInt64 = 0
  var r12: UInt64 = 0
  var r13: UInt64 = 0
  var r14: UInt64 = 0
  var r15: UInt64 = 0
  var rdi: UInt64 = 0
  var rsi: UInt64 = 0
  var rbp: UInt64 = 0
  var rbx: UInt64 = 0
  var rdx: UInt64 = 0
  var rax: UInt64 = 0
  var rcx: UInt64 = 0
  var rsp: UInt64 = 0
  var rip: UInt64 = 0
  var rflags: UInt64 = 0
  /// CS, GS, FS, SS, 16 bits each: always `linuxSelectors`.
  var selectors: UInt64 = Self.linuxSelectors
  var errorCode: UInt64 = 0
  var trap: UInt64 = 0
  var oldMask: UInt64 = 0
  var faultAddress: UInt64 = 0
  var vectorState: UInt64 = 0
  var reserved = InlineArray<8, UInt64>(repeating: 0)

  /// CS 0x33 and SS 0x2b, which Linux gives to 64-bit programs. Ours run with CS 8 and SS 0x10, but what
  /// reads a signal frame (crash handlers, emulators, collectors) tells 64-bit code by 0x33, and nothing
  /// reads the selectors for the ring. They are never restored from here.
  static var linuxSelectors: UInt64 { 0x33 | 0x2b << 48 }
}

/// `struct ucontext` (include/uapi/asm-generic/ucontext.h).
struct UserContext: BitwiseCopyable {
  /// UC_FP_XSTATE, UC_SIGCONTEXT_SS, UC_STRICT_RESTORE_SS (arch/x86/include/uapi/asm/ucontext.h).
  var flags: UInt64 = 7
  var link: UInt64 = 0
  var stackBase: UInt64 = 0
  var stackFlags: UInt64 = 0
  var stackSize: UInt64 = 0
  var context = SignalContext()
  var mask = SignalSet()
}

/// `struct rt_sigframe` (arch/x86/include/asm/sigframe.h): what stands on the stack when a handler starts.
struct SignalFrame: BitwiseCopyable {
  /// The return address: the C library's function that calls rt_sigreturn.
  var restorer: UInt64 = 0
  var user = UserContext()
  var information = SignalInformation()
  /// The rest of the 128 bytes of `siginfo_t`.
  var zero = InlineArray<10, UInt64>(repeating: 0)

  static var size: UInt64 { UInt64(MemoryLayout<SignalFrame>.size) }
  static var userOffset: UInt64 { 8 }
  static var informationOffset: UInt64 { 8 + UInt64(MemoryLayout<UserContext>.size) }
}

/// `struct _fpx_sw_bytes`: says, inside the FXSAVE area, that an XSAVE area follows.
private struct VectorStateNote: BitwiseCopyable {
  var magic: UInt32 = Self.firstMagic
  var sizeWithEnd: UInt32
  var features: UInt64
  var size: UInt32
  var padding = InlineArray<7, UInt32>(repeating: 0)

  static var firstMagic: UInt32 { 0x4650_5853 }
  static var secondMagic: UInt32 { 0x4650_5845 }
  /// Bytes 464 to 511 of an FXSAVE area are the program's (Intel SDM volume 1, table 10-2).
  static var offset: UInt64 { 464 }
}

extension Signals {
  /// The bytes that a frame may need on a stack, its alignment included: AT_MINSIGSTKSZ.
  static var minimumStackSize: UInt64 { SignalFrame.size + UInt64(Processor.vectorStateSize) + 4 + 64 + 24 + 128 }

  /// Makes `frame` enter the handler of `action`, with what it was on the program's stack. False: the
  /// stack cannot take it, or there is no function to return through; `frame` is then as it was.
  static func enterHandler(
    _ information: SignalInformation, _ action: SignalAction, _ frame: inout TrapFrame
  ) -> Bool {
    // Linux: "x86-64 should always use SA_RESTORER".
    guard action.has(SignalAction.hasRestorer) else { return false }
    var pointer = frame.rsp &- 128  // the red zone is the program's
    let stack = thread.alternateStack
    let isNested = stack.isInUse(pointer)
    var isEntering = false
    if action.has(SignalAction.onStack) && stack.state(pointer) == 0 {
      pointer = stack.base &+ stack.size
      isEntering = true
    }
    let vectorSize = UInt64(Processor.vectorStateSize)
    let vectors = (pointer &- (vectorSize &+ 4)) & ~63
    // As if just called: 16 byte alignment holds before the return address is pushed.
    let address = ((vectors &- SignalFrame.size) & ~15) &- 8
    // An overflow of the alternate stack must not reach what lies below it.
    if (isNested || isEntering) && !stack.spans(address) { return false }

    var saved = SignalFrame()
    saved.restorer = action.restorer
    saved.user.stackBase = stack.base
    saved.user.stackFlags = UInt64(stack.flags)
    saved.user.stackSize = stack.size
    saved.user.context = SignalContext(frame, vectorState: vectors)
    saved.user.context.oldMask = thread.maskToSave.bits
    saved.user.mask = thread.maskToSave
    saved.information = information
    let note = VectorStateNote(
      sizeWithEnd: UInt32(truncatingIfNeeded: vectorSize &+ 4), features: Processor.vectorStateMask,
      size: UInt32(truncatingIfNeeded: vectorSize))
    guard ProgramMemory.saveVectorState(at: vectors),
      ProgramMemory.store(note, at: vectors &+ VectorStateNote.offset),
      // x87 and SSE count as present even in their initial state, as Linux has it.
      let present = ProgramMemory.loadWord(at: vectors &+ 512),
      ProgramMemory.storeWord(present | 3, at: vectors &+ 512),
      ProgramMemory.store(VectorStateNote.secondMagic, at: vectors &+ vectorSize),
      ProgramMemory.store(saved, at: address)
    else { return false }

    frame.rip = action.handler
    frame.rsp = address
    frame.rax = 0
    frame.rdi = UInt64(UInt32(bitPattern: information.number))
    frame.rsi = address &+ SignalFrame.informationOffset
    frame.rdx = address &+ SignalFrame.userOffset
    frame.rflags &= ~(ProgramFlags.direction | ProgramFlags.resume | ProgramFlags.trap)
    return true
  }

  /// Restores what a handler's frame saved. False: the frame cannot be read or is not a possible state.
  ///
  /// Nothing in the frame is trusted: the selectors and the interrupt flag are the kernel's choice, the
  /// processor itself checks the vector state, and where the program goes on is checked on the way out.
  static func leaveHandler(_ frame: inout TrapFrame) -> Bool {
    // The handler's `ret` popped the return address.
    guard let user = ProgramMemory.load(UserContext.self, at: frame.rsp) else { return false }
    guard restoreVectorState(from: user.context.vectorState) else { return false }
    thread.block(exactly: user.mask)
    frame.replace(with: user.context.state(flags: frame.rflags))
    // A stack that cannot be set again is no reason to fail (Linux: restore_altstack).
    _ = SignalRules.setAlternateStack(
      base: user.stackBase, size: user.stackSize, flags: UInt32(truncatingIfNeeded: user.stackFlags),
      stackPointer: frame.rsp, minimumSize: AlternateStack.minimumSize, &thread)
    return true
  }

  private static func restoreVectorState(from address: UInt64) -> Bool {
    if address == 0 {
      Processor.resetVectorState()
      return true
    }
    guard let note = ProgramMemory.load(VectorStateNote.self, at: address &+ VectorStateNote.offset) else {
      return false
    }
    let isExtended =
      note.magic == VectorStateNote.firstMagic && note.size >= 576 && note.size <= note.sizeWithEnd
      && UInt64(note.size) <= UInt64(Processor.vectorStateSize)
    if isExtended {
      guard let end = ProgramMemory.load(UInt32.self, at: address &+ UInt64(note.size)) else { return false }
      if end == VectorStateNote.secondMagic { return ProgramMemory.restoreVectorState(from: address) }
    }
    // A frame that knows nothing of XSAVE: 512 bytes of FXSAVE.
    guard address & 15 == 0, let frame = PhysicalMemory.allocateZeroed() else { return false }
    defer { PhysicalMemory.release(frame) }
    return ProgramMemory.copy(from: address, to: frame, offset: 0, count: 512) && VectorState.restoreLegacy(from: frame)
  }
}

/// Bits of RFLAGS (Intel SDM volume 1, 3.4.3).
enum ProgramFlags {
  static var trap: UInt64 { 1 << 8 }
  static var interrupt: UInt64 { 1 << 9 }
  static var direction: UInt64 { 1 << 10 }
  static var nestedTask: UInt64 { 1 << 14 }
  static var resume: UInt64 { 1 << 16 }
  /// What rt_sigreturn restores (arch/x86/kernel/signal_64.c, FIX_EFLAGS): CF PF AF ZF SF TF DF OF RF AC.
  static var restorable: UInt64 { 0x5_0dd5 }
}

extension SignalContext {
  /// What the program was doing.
  init(_ frame: TrapFrame, vectorState address: UInt64) {
    self.init()
    r8 = frame.r8
    r9 = frame.r9
    r10 = frame.r10
    r11 = frame.r11
    r12 = frame.r12
    r13 = frame.r13
    r14 = frame.r14
    r15 = frame.r15
    rdi = frame.rdi
    rsi = frame.rsi
    rbp = frame.rbp
    rbx = frame.rbx
    rdx = frame.rdx
    rax = frame.rax
    rcx = frame.rcx
    rsp = frame.rsp
    rip = frame.rip
    rflags = frame.rflags
    errorCode = Signals.lastException.errorCode
    trap = Signals.lastException.vector
    faultAddress = Signals.lastException.faultAddress
    vectorState = address
  }

  /// The registers, as far as a program may set them; the other bits of RFLAGS are those of `flags`.
  func state(flags: UInt64) -> TrapFrame {
    var frame = TrapFrame()
    frame.r8 = r8
    frame.r9 = r9
    frame.r10 = r10
    frame.r11 = r11
    frame.r12 = r12
    frame.r13 = r13
    frame.r14 = r14
    frame.r15 = r15
    frame.rdi = rdi
    frame.rsi = rsi
    frame.rbp = rbp
    frame.rbx = rbx
    frame.rdx = rdx
    frame.rax = rax
    frame.rcx = rcx
    frame.rsp = rsp
    frame.rip = rip
    frame.rflags = flags & ~ProgramFlags.restorable | rflags & ProgramFlags.restorable
    return frame
  }
}
