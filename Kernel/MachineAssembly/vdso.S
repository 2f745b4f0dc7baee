// SPDX-License-Identifier: Apache-2.0
//
// The vDSO: a complete shared object in one page, laid out by hand, that the kernel maps into the program
// (AT_SYSINFO_EHDR). C libraries and language runtimes find its functions by name and version and call them
// in place of system calls. Directly below it lies the page of VDSOData, read-only for the program:
//
//     0    sequence       odd while the kernel writes
//     8    timestampBase
//     16   multiplier     nanoseconds a tick, 32 binary places
//     24   processor      the number of this processor
//     32   clocks         which clocks can be told here, a bit each; of CLOCKS
//     64   base[8]        by clock: nanoseconds at timestampBase
//
// The layout of ELF: System V ABI, chapters 4 and 5; of versions: LSB Core, 10.7. Only DT_HASH is given:
// glibc, musl and Go all still read it.

#define DATA_SEQUENCE 0
#define DATA_TIMESTAMP 8
#define DATA_MULTIPLIER 16
#define DATA_PROCESSOR 24
#define DATA_CLOCKS 32
#define DATA_BASES 64
#define CLOCKS 0xf3   /* CLOCK_REALTIME, MONOTONIC, MONOTONIC_RAW, REALTIME_COARSE, MONOTONIC_COARSE, BOOTTIME */
#define NANOSECONDS 1000000000

    .section .rodata.vdso, "a"
    .balign 4096
    .globl vdso_image
vdso_image:
// MARK: ELF header
    .byte 0x7f, 'E', 'L', 'F', 2, 1, 1, 0
    .quad 0
    .short 3, 62                        // ET_DYN, EM_X86_64
    .long 1
    .quad 0                             // no entry
    .quad program_headers - vdso_image
    .quad section_headers - vdso_image
    .long 0
    .short 64, 56, 3, 64, 9, 8
program_headers:
    .long 1, 5                          // PT_LOAD, r-x
    .quad 0, 0, 0, vdso_end - vdso_image, vdso_end - vdso_image, 4096
    .long 2, 4                          // PT_DYNAMIC, r--
    .quad dynamic - vdso_image, dynamic - vdso_image, dynamic - vdso_image
    .quad dynamic_end - dynamic, dynamic_end - dynamic, 8
    .long 4, 4                          // PT_NOTE, r--
    .quad note - vdso_image, note - vdso_image, note - vdso_image, note_end - note, note_end - note, 4

// MARK: what the dynamic linker reads
    .balign 8
dynamic:
    .quad 14, string_soname - strings   // DT_SONAME
    .quad 4, hash - vdso_image          // DT_HASH
    .quad 5, strings - vdso_image       // DT_STRTAB
    .quad 6, symbols - vdso_image       // DT_SYMTAB
    .quad 10, strings_end - strings     // DT_STRSZ
    .quad 11, 24                        // DT_SYMENT
    .quad 0x6ffffff0, versions - vdso_image             // DT_VERSYM
    .quad 0x6ffffffc, version_definitions - vdso_image  // DT_VERDEF
    .quad 0x6ffffffd, 2                 // DT_VERDEFNUM
    .quad 0, 0
dynamic_end:

    .macro SYMBOLS name, function
    .long string_vdso_\name - strings
    .byte 0x12, 0                       // global function
    .short 7                            // section .text
    .quad \function - vdso_image, \function\()_end - \function
    .long string_\name - strings
    .byte 0x22, 0                       // weak function
    .short 7
    .quad \function - vdso_image, \function\()_end - \function
    .endm
    .balign 8
symbols:
    .quad 0, 0, 0
    SYMBOLS clock_gettime, vdso_clock_gettime
    SYMBOLS gettimeofday, vdso_gettimeofday
    SYMBOLS time, vdso_time
    SYMBOLS getcpu, vdso_getcpu
    SYMBOLS clock_getres, vdso_clock_getres
    .long string_version - strings      // the version itself
    .byte 0x11, 0                       // global object
    .short 0xfff1                       // SHN_ABS
    .quad 0, 0
symbols_end:

hash:                                   // one bucket: all symbols are in its chain
    .long 1, 12
    .long 1
    .long 0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0
hash_end:
versions:                               // by symbol: version definition 2
    .short 0
    .rept 11
    .short 2
    .endr
versions_end:
    .balign 8
version_definitions:
    .short 1, 1, 1, 1                   // the file itself (VER_FLG_BASE)
    .long 0x0deebfa1                    // ELF hash of linux-vdso.so.1
    .long 20, 28
    .long string_soname - strings, 0
    .short 1, 0, 2, 1
    .long 0x03ae75f6                    // ELF hash of LINUX_2.6
    .long 20, 0
    .long string_version - strings, 0
version_definitions_end:

strings:
    .byte 0
string_soname: .asciz "linux-vdso.so.1"
string_version: .asciz "LINUX_2.6"
string_vdso_clock_gettime: .ascii "__vdso_"
string_clock_gettime: .asciz "clock_gettime"
string_vdso_gettimeofday: .ascii "__vdso_"
string_gettimeofday: .asciz "gettimeofday"
string_vdso_time: .ascii "__vdso_"
string_time: .asciz "time"
string_vdso_getcpu: .ascii "__vdso_"
string_getcpu: .asciz "getcpu"
string_vdso_clock_getres: .ascii "__vdso_"
string_clock_getres: .asciz "clock_getres"
strings_end:
    .balign 4
note:                                   // the version of Linux that is implemented, as Linux's own has it
    .long 6, 4, 0
    .asciz "Linux"
    .balign 4
    .long 0x060100
note_end:

// MARK: functions, all by the C calling convention
    // RAX: the nanoseconds of clock RDI (below 8, in CLOCKS). Changes RCX, RDX, R8, R9. To 9 if the
    // kernel has to be asked.
    .macro READ_CLOCK
1:  movl vdso_image - 4096 + DATA_SEQUENCE(%rip), %r8d
    testb $1, %r8b
    jnz 9f
    lfence                              // RDTSC is not ordered with earlier loads
    rdtsc
    shlq $32, %rdx
    orq %rdx, %rax
    subq vdso_image - 4096 + DATA_TIMESTAMP(%rip), %rax
    jb 3f
2:  mulq vdso_image - 4096 + DATA_MULTIPLIER(%rip)
    shrdq $32, %rdx, %rax
    leaq vdso_image - 4096 + DATA_BASES(%rip), %r9
    addq (%r9, %rdi, 8), %rax
    cmpl vdso_image - 4096 + DATA_SEQUENCE(%rip), %r8d
    jne 1b
    .endm
    .macro READ_CLOCK_REST
3:  xorl %eax, %eax                     // the base was set a moment ago, on another processor
    jmp 2b
    .endm
    // RDX: RAX / 10^9, RCX: RAX mod 10^9. A division by multiplication (Warren, Hacker's Delight, 10-9).
    .macro SPLIT_SECONDS
    movq %rax, %rcx
    shrq $9, %rax
    movabsq $0x44b82fa09b5a53, %rdx
    mulq %rdx
    shrq $11, %rdx
    imulq $NANOSECONDS, %rdx, %rax
    subq %rax, %rcx
    .endm

    .balign 64
text:
vdso_clock_gettime:                     // (clock, timespec *)
    cmpl $7, %edi
    ja 9f
    movl vdso_image - 4096 + DATA_CLOCKS(%rip), %eax
    btl %edi, %eax
    jnc 9f
    movl %edi, %edi
    READ_CLOCK
    SPLIT_SECONDS
    movq %rdx, (%rsi)
    movq %rcx, 8(%rsi)
    xorl %eax, %eax
    ret
    READ_CLOCK_REST
9:  movl $228, %eax
    syscall
    ret
vdso_clock_gettime_end:

    .balign 64
vdso_gettimeofday:                      // (timeval *, timezone *), either may be null
    movq %rdi, %r10
    testq %rsi, %rsi
    jz 4f
    movq $0, (%rsi)                     // UTC, no daylight saving time
4:  testq %rdi, %rdi
    jz 5f
    testb $1, vdso_image - 4096 + DATA_CLOCKS(%rip)
    jz 9f
    xorl %edi, %edi
    READ_CLOCK
    SPLIT_SECONDS
    movq %rdx, (%r10)
    imulq $274877907, %rcx, %rcx        // / 1000, exact below 2^30
    shrq $38, %rcx
    movq %rcx, 8(%r10)
5:  xorl %eax, %eax
    ret
    READ_CLOCK_REST
9:  movq %r10, %rdi
    movl $96, %eax
    syscall
    ret
vdso_gettimeofday_end:

    .balign 64
vdso_time:                              // (time_t *), which may be null
    movq %rdi, %r10
    testb $1, vdso_image - 4096 + DATA_CLOCKS(%rip)
    jz 9f
    xorl %edi, %edi
    READ_CLOCK
    SPLIT_SECONDS
    movq %rdx, %rax
    testq %r10, %r10
    jz 4f
    movq %rax, (%r10)
4:  ret
    READ_CLOCK_REST
9:  movq %r10, %rdi
    movl $201, %eax
    syscall
    ret
vdso_time_end:

    .balign 16
vdso_getcpu:                            // (unsigned *processor, unsigned *node, unused), either may be null
    movl vdso_image - 4096 + DATA_PROCESSOR(%rip), %eax
    testl %eax, %eax
    jz 3f
    cmpl $1, %eax
    jne 6f
    rdtscp                              // ECX: the number
    movl %ecx, %eax
3:  testq %rdi, %rdi
    jz 4f
    movl %eax, (%rdi)
4:  testq %rsi, %rsi
    jz 5f
    movl $0, (%rsi)
5:  xorl %eax, %eax
    ret
6:  movl $309, %eax
    syscall
    ret
vdso_getcpu_end:

    .balign 16
vdso_clock_getres:                      // (clock, timespec *), which may be null
    cmpl $7, %edi
    ja 9f
    movl $CLOCKS, %eax
    btl %edi, %eax
    jnc 9f
    xorl %eax, %eax
    testq %rsi, %rsi
    jz 4f
    movq %rax, (%rsi)
    movq $1, 8(%rsi)
4:  ret
9:  movl $229, %eax
    syscall
    ret
vdso_clock_getres_end:
text_end:

// MARK: section headers, for debuggers
section_names:
    .byte 0
name_hash: .asciz ".hash"
name_dynsym: .asciz ".dynsym"
name_dynstr: .asciz ".dynstr"
name_versym: .asciz ".gnu.version"
name_verdef: .asciz ".gnu.version_d"
name_dynamic: .asciz ".dynamic"
name_text: .asciz ".text"
name_shstrtab: .asciz ".shstrtab"
section_names_end:
    .macro SECTION name, type, flags, start, end, link, info, align, entry
    .long \name - section_names, \type
    .quad \flags, \start - vdso_image, \start - vdso_image, \end - \start
    .long \link, \info
    .quad \align, \entry
    .endm
    .balign 8
section_headers:
    .fill 64, 1, 0
    SECTION name_hash, 5, 2, hash, hash_end, 2, 0, 8, 4
    SECTION name_dynsym, 11, 2, symbols, symbols_end, 3, 1, 8, 24
    SECTION name_dynstr, 3, 2, strings, strings_end, 0, 0, 1, 0
    SECTION name_versym, 0x6fffffff, 2, versions, versions_end, 2, 0, 2, 2
    SECTION name_verdef, 0x6ffffffd, 2, version_definitions, version_definitions_end, 3, 2, 8, 0
    SECTION name_dynamic, 6, 3, dynamic, dynamic_end, 3, 0, 8, 16
    SECTION name_text, 1, 6, text, text_end, 0, 0, 64, 0
    SECTION name_shstrtab, 3, 0, section_names, section_names_end, 0, 0, 1, 0
vdso_end:
    .balign 4096
