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

  /// With the rest of the 128 bytes of `siginfo_t`, which is zero.
  static var size: UInt64 { UInt64(MemoryLayout<SignalFrame>.size) + restSize }
  static var restSize: UInt64 { 80 }
  static var userOffset: UInt64 { 8 }
  static var informationOffset: UInt64 { 8 + UInt64(MemoryLayout<UserContext>.size) }
}

/// `struct _fpx_sw_bytes`: says, inside the FXSAVE area, that an XSAVE area follows. In words: a magic
/// number and the size with the number at the end, the features, the size.
private enum VectorStateNote {
  static var firstMagic: UInt64 { 0x4650_5853 }
  static var secondMagic: UInt64 { 0x4650_5845 }
  /// Bytes 464 to 511 of an FXSAVE area are the program's (Intel SDM volume 1, table 10-2).
  static var offset: UInt64 { 464 }
  /// Of MXCSR, and its bits that do not exist: a processor refuses to load them.
  static var controlOffset: UInt64 { 24 }
  static var controlReserved: UInt64 { 0xffff_0000 }
}

extension Signals {
  /// The bytes that a frame may need on a stack, its alignment included: AT_MINSIGSTKSZ.
  static var minimumStackSize: UInt64 { SignalFrame.size + UInt64(Processor.vectorStateSize) + 4 + 64 + 24 + 128 }

  /// Makes `frame` enter the handler of `action`, with what it was on the program's stack. False: the
  /// stack cannot take it, or there is no function to return through; `frame` is then as it was.
  static func enterHandler(
    _ information: SignalInformation, _ action: SignalAction, _ frame: inout TrapFrame, _ thread: Thread
  ) -> Bool {
    // Linux: "x86-64 should always use SA_RESTORER".
    guard action.has(SignalAction.hasRestorer) else { return false }
    var pointer = frame.rsp &- 128  // the red zone is the program's
    let stack = thread.signals.alternateStack
    let mask = thread.signals.maskToSave
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

    guard ProgramMemory.saveVectorState(at: vectors),
      ProgramMemory.storePair(
        VectorStateNote.firstMagic | (vectorSize &+ 4) << 32, Processor.vectorStateMask,
        at: vectors &+ VectorStateNote.offset),
      ProgramMemory.storeWord(vectorSize, at: vectors &+ VectorStateNote.offset &+ 16),
      let present = ProgramMemory.loadWord(at: vectors &+ 512),
      // x87 and SSE count as present even in their initial state, as Linux has it.
      present & 3 == 3 || ProgramMemory.storeWord(present | 3, at: vectors &+ 512),
      ProgramMemory.store(UInt32(VectorStateNote.secondMagic), at: vectors &+ vectorSize)
    else { return false }

    var saved = SignalFrame()
    saved.restorer = action.restorer
    saved.user.stackBase = stack.base
    saved.user.stackFlags = UInt64(stack.flags)
    saved.user.stackSize = stack.size
    saved.user.context = SignalContext(frame, thread.lastException, vectorState: vectors)
    saved.user.context.oldMask = mask.bits
    saved.user.mask = mask
    saved.information = information
    guard ProgramMemory.store(saved, at: address) else { return false }
    // The rest of `siginfo_t`; who does not ask for the information does not get it.
    if action.has(SignalAction.information) {
      guard ProgramMemory.clear(address &+ SignalFrame.size &- SignalFrame.restSize, count: SignalFrame.restSize)
      else { return false }
    }

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
    let thread = Thread.current!
    return ProgramMemory.withLoaded(UserContext.self, at: frame.rsp) { user in
      guard restoreVectorState(from: user.context.vectorState) else { return false }
      thread.signals.block(exactly: user.mask)
      if thread.isInterrupted { PendingWork.add(.signal) }
      user.context.restore(to: &frame)
      // A stack that cannot be set again is no reason to fail (Linux: restore_altstack).
      _ = SignalRules.setAlternateStack(
        base: user.stackBase, size: user.stackSize, flags: UInt32(truncatingIfNeeded: user.stackFlags),
        stackPointer: frame.rsp, minimumSize: AlternateStack.minimumSize, &thread.signals)
      return true
    }
  }

  private static func restoreVectorState(from address: UInt64) -> Bool {
    if address == 0 {
      Processor.resetVectorState()
      return true
    }
    guard let magic = ProgramMemory.loadWord(at: address &+ VectorStateNote.offset),
      let control = ProgramMemory.loadWord(at: address &+ VectorStateNote.controlOffset),
      // QEMU's emulation would load them.
      control & VectorStateNote.controlReserved == 0
    else { return false }
    let length = (magic >> 32) &- 4
    if magic & 0xffff_ffff == VectorStateNote.firstMagic && length >= 576
      && length <= UInt64(Processor.vectorStateSize)
    {
      guard let end = ProgramMemory.loadWord(at: address &+ length &- 4) else { return false }
      if end >> 32 == VectorStateNote.secondMagic { return ProgramMemory.restoreVectorState(from: address) }
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
  static var resume: UInt64 { 1 << 16 }
  /// What rt_sigreturn restores (arch/x86/kernel/signal_64.c, FIX_EFLAGS): CF PF AF ZF SF TF DF OF RF AC.
  static var restorable: UInt64 { 0x5_0dd5 }
}

extension SignalContext {
  /// What the program was doing.
  init(
    _ frame: TrapFrame, _ exception: (vector: UInt64, errorCode: UInt64, faultAddress: UInt64),
    vectorState address: UInt64
  ) {
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
    errorCode = exception.errorCode
    trap = exception.vector
    faultAddress = exception.faultAddress
    vectorState = address
  }

  /// Puts the registers back, as far as a program may set them.
  @inline(__always)
  func restore(to frame: inout TrapFrame) {
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
    frame.rflags = frame.rflags & ~ProgramFlags.restorable | rflags & ProgramFlags.restorable
    frame.setComplete()
  }
}
