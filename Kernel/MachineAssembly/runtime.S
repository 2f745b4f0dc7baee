// SPDX-License-Identifier: Apache-2.0
//
// Reference counting, in place of that of Swift's library, which the linker drops: this one needs no bus lock. All of
// the kernel that counts runs with the kernel's lock, and an interrupt cannot fall into one instruction.
//
// A count stands at offset 8; one is 1. All bits but the highest set: the object is never freed. The highest alone says
// that its memory is not the heap's (EmbeddedRuntime.swift of the library).

    .macro COUNTED exit                 // leaves if %rdi is no object, or one without a count
    testq %rdi, %rdi
    jle \exit
    movq 8(%rdi), %rcx
    addq %rcx, %rcx
    cmpq $-2, %rcx
    je \exit
    .endm

    .text
    .globl swift_retain, swift_retain_n, swift_release, swift_release_n
    .balign 16
swift_retain:                           // (object) -> object
    movq %rdi, %rax
    COUNTED 1f
    incq 8(%rdi)
1:  ret

    .balign 16
swift_retain_n:                         // (object, times) -> object
    movq %rdi, %rax
    COUNTED 1f
    movl %esi, %ecx
    addq %rcx, 8(%rdi)
1:  ret

    .balign 16
swift_release:                          // (object)
    COUNTED 1f
    decq 8(%rdi)
    jle released
1:  ret

    .balign 16
swift_release_n:                        // (object, times)
    COUNTED 1f
    movl %esi, %ecx
    subq %rcx, 8(%rdi)
    jle released
1:  ret

// Nothing is left, or the highest bit is set.
released:
    movq 8(%rdi), %rcx
    movabsq $0x7fffffffffffffff, %rdx
    testq %rdx, %rcx
    jnz 1f
    orq %rdx, %rcx                      // what its end does with it does not end it again
    movq %rcx, 8(%rdi)
    pushq %r13                          // where a method has its object (the second word of its class destroys it)
    movq %rdi, %r13
    movq (%rdi), %rax
    call *8(%rax)
    popq %r13
1:  ret
