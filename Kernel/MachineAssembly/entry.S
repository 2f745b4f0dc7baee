// SPDX-License-Identifier: Apache-2.0
//
// The one way into the kernel and the one way out: system calls, interrupts, exceptions.
//
// Program and kernel run in ring 0, so the processor switches stacks only where the interrupt table says
// so. Every vector uses an interrupt stack (IST) and leaves it at once: if the interrupted RSP is the
// program's, for the kernel stack; if it is the kernel's, to just below it. So the program's red zone is
// never touched, interrupts may nest, and an interrupt between `syscall` and the stack switch is harmless:
// only if both RIP and RSP are
// the kernel's did the interrupt hit the kernel on its own stack.

#define FRAME_VECTOR 120
#define FRAME_RFLAGS 152
#define TRAP_FLAGS 0x44700              /* AC, NT, DF, IF, TF */

    .text
    .macro PUSH_SCRATCH_REGISTERS
    pushq %rdi
    pushq %rsi
    pushq %rdx
    pushq %rcx
    pushq %rax
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    .endm
    .macro PUSH_REGISTERS
    PUSH_SCRATCH_REGISTERS
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    .endm
    .macro POP_SCRATCH_REGISTERS
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rax
    popq %rcx
    popq %rdx
    popq %rsi
    popq %rdi
    .endm
    .macro POP_REGISTERS
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    POP_SCRATCH_REGISTERS
    .endm

// The way of a system call: RCX: return address, R11: flags; SFMASK cleared AC, NT, DF, TF. `locked` is for machines
// with more than one processor: nothing of the kernel runs without its lock (lock.c).
    .macro SYSTEM_CALL suffix, locked
    .balign 64
    .globl system_call_entry\suffix
system_call_entry\suffix:
    movq %rsp, interrupted_stack(%rip)
    movq kernel_stack_top(%rip), %rsp
    pushq $0x10
    pushq interrupted_stack(%rip)
    pushq %r11
    pushq $8
    pushq %rcx
    pushq %rax                          // the number, kept for a restart
    pushq $0x100                        // vector: a system call
    PUSH_SCRATCH_REGISTERS
    subq $48, %rsp                      // the six that functions preserve: see complete_frame
    .if \locked
    call acquire_kernel_lock
    .endif
    movq %rsp, %rdi
    call kernel_system_call
    .globl system_call_exit\suffix     // from here to the jump, work noted by an interrupt starts the exit
system_call_exit\suffix:               // again: see finish() in Traps.swift
    cmpl $0, pending_work(%rip)
    jne system_call_exit_slowly
    movl FRAME_RFLAGS(%rsp), %eax
    andl $TRAP_FLAGS, %eax
    cmpl $0x200, %eax                   // anything unusual: take the long way
    jne system_call_exit_slowly
    .if \locked
    call release_kernel_lock_to_program
    .endif
    addq $48, %rsp
    POP_SCRATCH_REGISTERS
    movq 16(%rsp), %rcx
    movq 40(%rsp), %rsp
    .globl system_call_return\suffix
system_call_return\suffix:             // an interrupt here finds the program's RSP: see return_address()
    jmp *%rcx
    .endm
    SYSTEM_CALL , 0
    SYSTEM_CALL _locked, 1

    .globl system_call_exit_slowly
system_call_exit_slowly:
    cli                                 // until iretq: nothing can be noted unseen
    call acquire_kernel_lock_if_free
    cmpl $0x101, FRAME_VECTOR(%rsp)     // the call has set all registers itself (execve, rt_sigreturn)
    je 2f
    movq %r15, 0(%rsp)                  // complete the frame: these still are the program's
    movq %r14, 8(%rsp)
    movq %r13, 16(%rsp)
    movq %r12, 24(%rsp)
    movq %rbp, 32(%rsp)
    movq %rbx, 40(%rsp)
thread_start:
2:  movq %rsp, %rdi
    call kernel_return_to_program
    call release_kernel_lock_to_program
    .globl resume_program
resume_program:
    POP_REGISTERS
    addq $16, %rsp
    iretq

    .balign 64
trap_common:                            // on the interrupt stack: vector, error, RIP, CS, RFLAGS, RSP, SS
    pushq %rax
    pushq %rcx
    movq 32(%rsp), %rcx                 // the interrupted RIP: the program's?
    movq 56(%rsp), %rax                 // the interrupted RSP
    shrq $44, %rcx
    cmpl $4, %ecx                       // 4: the kernel's window
    jne 3f
    movq %rax, %rcx
    shrq $44, %rcx
    cmpl $4, %ecx
    je 1f
3:  movq kernel_stack_top(%rip), %rax
    jmp 2f
1:  cmpq kernel_stack_limit(%rip), %rax
    jb kernel_stack_overflow
    leaq -128(%rax), %rax               // thirteen runtime functions of Swift are not marked noredzone
    andq $-16, %rax
2:  subq $56, %rax
    .irp offset, 0, 8, 16, 24, 32, 40, 48
    movq 16 + \offset(%rsp), %rcx
    movq %rcx, \offset(%rax)
    .endr
    movq 8(%rsp), %rcx
    movq %rcx, -8(%rax)
    popq %rcx
    movq %rax, %rsp
    movq -8(%rsp), %rax
    PUSH_REGISTERS
    cld
    movq %rsp, %rdi
    call machine_trap
    POP_REGISTERS
    addq $16, %rsp
    iretq
kernel_stack_overflow:
    popq %rcx
    popq %rax
    movl $0x102, (%rsp)                 // vector: kernel stack overflow
trap_on_own_stack:                      // NMI, double fault, machine check: stay where we are
    PUSH_REGISTERS
    cld
    movq %rsp, %rdi
    call machine_trap
    POP_REGISTERS
    addq $16, %rsp
    iretq

// enter_program(frame): leaves the kernel for the state in *frame. Does not return.
    .globl enter_program
enter_program:
    cli
    movq %rdi, %rsp
    call release_kernel_lock_to_program
    jmp resume_program

// Where a stack begins to which `switch_stacks` goes for the first time. There is no frame above.
    .globl new_thread_start
new_thread_start:                       // RSP at the frame with which the program is entered
    xorl %ebp, %ebp
    jmp thread_start
    .globl idle_start
idle_start:                             // a kernel stack without a thread of the program comes here
    xorl %ebp, %ebp
    call kernel_processor_idle
    ud2

    .macro STUB vector
    .balign 16
stub_\vector:
    .if (\vector == 8) || (\vector >= 10 && \vector <= 14) || (\vector == 17) || (\vector == 21) || (\vector == 29) || (\vector == 30)
    // The processor pushes an error code with these, but `int \vector` of the program does not.
    .if (\vector == 8)
    cmpq double_fault_stack_without_error(%rip), %rsp
    .else
    cmpq interrupt_stack_without_error(%rip), %rsp
    .endif
    jne 1f
    pushq $0
1:
    .else
    pushq $0
    .endif
    pushq $\vector
    .if (\vector == 2) || (\vector == 8) || (\vector == 18)
    jmp trap_on_own_stack
    .else
    jmp trap_common
    .endif
    .endm
    .altmacro
    .set index, 0
    .rept 64
    STUB %index
    .set index, index + 1
    .endr
    .section .data.rel.ro, "aw"
    .globl trap_stubs
    .balign 8
    .macro STUB_ADDRESS vector
    .quad stub_\vector
    .endm
trap_stubs:
    .set index, 0
    .rept 64
    STUB_ADDRESS %index
    .set index, index + 1
    .endr

    .section .processor.data, "aw"
    .globl kernel_stack_top, kernel_stack_limit, pending_work, current_object, processor_index
    .balign 8
kernel_stack_top: .quad kernel_stack_top_of_boot
kernel_stack_limit: .quad kernel_stack_bottom + 512
interrupted_stack: .quad 0
current_object: .quad 0
pending_work: .long 0
processor_index: .long 0

    .data
    .balign 8
// RSP at a handler's first instruction when five words were pushed and no error code.
interrupt_stack_without_error: .quad interrupt_stack_top - 40
double_fault_stack_without_error: .quad double_fault_stack_top - 40
