// SPDX-License-Identifier: Apache-2.0
//
// Moving bytes. In C or Swift the compiler would turn each loop into a call to itself.

    .text
    .globl memcpy, memmove, memset, memcmp
memcpy:
    movq %rdi, %rax
    movq %rdx, %rcx
    shrq $3, %rcx
    rep movsq
    movl %edx, %ecx
    andl $7, %ecx
    rep movsb
    ret
memmove:
    movq %rdi, %rax
    movq %rdi, %rcx
    subq %rsi, %rcx
    cmpq %rdx, %rcx
    jae memcpy
    leaq -1(%rdi, %rdx), %rdi
    leaq -1(%rsi, %rdx), %rsi
    movq %rdx, %rcx
    andl $7, %ecx
    std
    rep movsb
    subq $7, %rdi
    subq $7, %rsi
    movq %rdx, %rcx
    shrq $3, %rcx
    rep movsq
    cld
    ret
memset:
    movq %rdi, %r8
    movzbl %sil, %eax
    movabsq $0x0101010101010101, %rcx
    imulq %rcx, %rax
    movq %rdx, %rcx
    shrq $3, %rcx
    rep stosq
    movl %edx, %ecx
    andl $7, %ecx
    rep stosb
    movq %r8, %rax
    ret
memcmp:
    xorl %eax, %eax
    movq %rdx, %rcx
    testq %rcx, %rcx
    jz 1f
    repe cmpsb
    je 1f
    movzbl -1(%rdi), %eax
    movzbl -1(%rsi), %ecx
    subl %ecx, %eax
1:  ret

// The names under which Swift's runtime allocates.
    .globl posix_memalign, free
posix_memalign:
    jmp kernel_heap_allocate
free:
    jmp kernel_heap_release

// Access to the program's memory. A fault between program_access_start and program_access_end that the
// kernel cannot resolve continues at program_access_failed, which returns -1. machine_trap knows the
// three labels.

    .globl program_access_start, program_access_end, program_access_failed
    .globl program_copy, program_zero, program_string, program_load, program_load_half, program_store, program_store_pair, program_store_event
    .globl program_compare_exchange, program_save_vectors, program_restore_vectors
program_access_start:
// program_copy(destination, source, count) -> 0, or -1
program_copy:
    movq %rdx, %rcx
    andl $7, %edx
    shrq $3, %rcx
    rep movsq
    movl %edx, %ecx
    rep movsb
    xorl %eax, %eax
    ret
// program_zero(destination, count) -> 0, or -1
program_zero:
    movq %rsi, %rcx
    movq %rsi, %rdx
    andl $7, %edx
    shrq $3, %rcx
    xorl %eax, %eax
    rep stosq
    movl %edx, %ecx
    rep stosb
    ret
// program_load(source) -> 0 in rax and the word in rdx, or -1 in rax
program_load:
    movq (%rdi), %rdx
    xorl %eax, %eax
    ret
// program_load_half(source): the same for four bytes
program_load_half:
    movl (%rdi), %edx
    xorl %eax, %eax
    ret
// program_store(destination, value) -> 0, or -1
program_store:
    movq %rsi, (%rdi)
    xorl %eax, %eax
    ret
// program_store_event(destination, events, data) -> 0, or -1: twelve bytes, a `struct epoll_event`
program_store_event:
    movl %esi, (%rdi)
    movq %rdx, 4(%rdi)
    xorl %eax, %eax
    ret
// program_store_pair(destination, first, second) -> 0, or -1
program_store_pair:
    movq %rsi, (%rdi)
    movq %rdx, 8(%rdi)
    xorl %eax, %eax
    ret
// program_compare_exchange(address, expected, new, found) -> 0 and what stood there in *found, or -1
program_compare_exchange:
    movl %esi, %eax
    lock cmpxchgl %edx, (%rdi)
    movl %eax, (%rcx)
    xorl %eax, %eax
    ret
// program_string(destination, source, limit) -> length without the zero; limit if there is no zero; -1
// Eight bytes at a time as long as they lie in one page and before the limit: a string may end right before
// a page that is not there.
program_string:
    xorl %eax, %eax
    movabsq $0x0101010101010101, %r8
    movabsq $0x8080808080808080, %r9
1:  leaq 8(%rax), %r10
    cmpq %rdx, %r10
    ja 3f
    leal (%rsi, %rax), %ecx
    andl $4095, %ecx
    cmpl $4088, %ecx
    ja 3f
    movq (%rsi, %rax), %r11
    movq %r11, (%rdi, %rax)
    movq %r11, %rcx
    notq %rcx
    subq %r8, %r11
    andq %rcx, %r11
    andq %r9, %r11
    jnz 2f
    movq %r10, %rax
    jmp 1b
2:  bsfq %r11, %rcx
    shrl $3, %ecx
    addq %rcx, %rax
    ret
3:  cmpq %rdx, %rax
    je 4f
    movb (%rsi, %rax), %cl
    movb %cl, (%rdi, %rax)
    testb %cl, %cl
    jz 4f
    incq %rax
    jmp 1b
4:  ret
// program_save_vectors(area, mask) -> 0, or -1: XSAVE in the standard format
program_save_vectors:
    movl %esi, %eax
    movq %rsi, %rdx
    shrq $32, %rdx
    xsave64 (%rdi)
    xorl %eax, %eax
    ret
// program_restore_vectors(area, mask) -> 0, or -1 if the processor refuses what stands there
program_restore_vectors:
    movl %esi, %eax
    movq %rsi, %rdx
    shrq $32, %rdx
    xrstor64 (%rdi)
    xorl %eax, %eax
    ret
program_access_end:
    nop
program_access_failed:
    movq $-1, %rax
    ret
