// SPDX-License-Identifier: Apache-2.0
//
// From the hypervisor's jump to the first Swift line.
//
// PVH (Xen's x86/HVM direct boot ABI): 32-bit protected mode, flat segments, paging off, EBX holds the
// physical address of hvm_start_info. In this order, with paging still off:
//   1. refuse to run without a hypervisor or without the processor features that the kernel stands on;
//   2. take the 64 seed bytes that the tool handed over (module 0), and erase them there;
//   3. choose the bases of the image and of the direct map; relocate the image;
//   4. build page tables in which every page of the image has its one permission (W xor X, NX, WP);
// then enter long mode, and leave for the image's random base.

#define LINK_BASE        0x400000000000
#define LOAD_ADDRESS     0x100000
#define DIRECT_MAP_BASE  0x480000000000
#define PRESENT 0x1
#define WRITABLE 0x2
#define LARGE 0x80
#define GLOBAL 0x100
#define NX_HIGH 0x80000000              /* bit 63, in the upper half of an entry */
#define PHYS(symbol) ((symbol) - 2b)    /* relative to the label 2, whose physical address is in EBP */

    .section .note.Xen, "a", @note
    .long 4, 4, 18                      // name size, descriptor size, XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .long pvh_entry_address

    .section .boot, "ax", @progbits
    .code32
    .globl pvh_entry
pvh_entry:
    cld
    movl $(boot_stack_end - pvh_entry + LOAD_ADDRESS), %esp
    call 2f
2:  popl %ebp
    movl %ebx, %esi                     // ESI: start info, kept

    // 1. The processor.
    movl $1, %eax
    cpuid
    movl %ecx, PHYS(boot_features)(%ebp)
    leal PHYS(no_hypervisor)(%ebp), %edi
    testl %ecx, %ecx                    // bit 31: a hypervisor is present
    jns refuse
    leal PHYS(old_processor)(%ebp), %edi
    testl $(1 << 20), %ecx              // SSE4.2 (CRC32)
    jz refuse
    testl $(1 << 26), %ecx              // XSAVE
    jz refuse
    movl $0x80000001, %eax
    cpuid
    testl $(1 << 20), %edx              // NX
    jz refuse
    testl $(1 << 29), %edx              // long mode
    jz refuse

    // 2. The seed: module 0, "VORTEIL SEED 1\0\0" and 64 bytes.
    cmpl $0, 12(%esi)                   // nr_modules
    je 4f
    movl 16(%esi), %edx                 // modlist_paddr
    cmpl $0, 4(%edx)
    jne 4f
    cmpl $80, 8(%edx)
    jb 4f
    movl (%edx), %edx                   // module 0: its address
    cmpl $0x54524f56, (%edx)            // "VORT"
    jne 4f
    cmpl $0x204c4945, 4(%edx)           // "EIL "
    jne 4f
    cmpl $0x44454553, 8(%edx)           // "SEED"
    jne 4f
    leal 16(%edx), %edx
    leal PHYS(boot_seed)(%ebp), %edi
    movl $16, %ecx
3:  movl (%edx), %eax
    movl $0, (%edx)
    movl %eax, (%edi)
    addl $4, %edx
    addl $4, %edi
    decl %ecx
    jnz 3b
    movl $64, PHYS(boot_seed_length)(%ebp)
4:
    // 3. Where things go. boot_random: 32 bytes, seed xor RDRAND, erased when used.
    leal PHYS(boot_seed)(%ebp), %edx
    leal PHYS(boot_random)(%ebp), %edi
    movl $8, %ecx
5:  movl (%edx), %eax
    movl $0, (%edx)                     // these 32 bytes serve here only
    testl $(1 << 30), PHYS(boot_features)(%ebp)
    jz 7f
    rdrand %ebx
    jnc 7f
    xorl %ebx, %eax
7:  movl %eax, (%edi)
    addl $4, %edx
    addl $4, %edi
    decl %ecx
    jnz 5b

    call find_nokaslr                   // EAX: 1 if the option word is there
    testl %eax, %eax
    jz 8f
    leal PHYS(boot_random)(%ebp), %edi
    xorl %eax, %eax
    movl %eax, (%edi)
    movl %eax, 4(%edi)
    movl %eax, 8(%edi)
8:
    // Image base: one of 2^22 slots of 2 MiB, and a page inside the slot so that the image fits in it.
    movl PHYS(boot_random)(%ebp), %eax
    andl $0x3fffff, %eax
    movl %eax, %edx
    shll $21, %eax
    shrl $11, %edx
    movl %eax, PHYS(kernel_slide)(%ebp)
    movl %edx, PHYS(kernel_slide) + 4(%ebp)
    movl $(physical_image_end - LOAD_ADDRESS), %ecx
    shrl $12, %ecx
    negl %ecx
    addl $512, %ecx                     // free pages of the slot
    movl PHYS(boot_random) + 4(%ebp), %eax
    mull %ecx                           // EDX: 0 ..< ECX
    shll $12, %edx
    addl %edx, PHYS(kernel_slide)(%ebp)
    // Direct map: one of 2^21 slots of 2 MiB; never starting in the last GiB of a 512 GiB region,
    // so that its first GiB needs one directory-pointer table.
    movl PHYS(boot_random) + 8(%ebp), %eax
    andl $0x1fffff, %eax
    movl %eax, %edx
    andl $0x3fe00, %edx                 // the GiB's index in its table
    cmpl $0x3fe00, %edx
    jne 9f
    subl $0x200, %eax
9:  movl %eax, %edx
    shll $21, %eax
    shrl $11, %edx
    addl $(DIRECT_MAP_BASE >> 32), %edx
    movl %eax, PHYS(direct_map_base)(%ebp)
    movl %edx, PHYS(direct_map_base) + 4(%ebp)
    // The stack protector's guard; its lowest byte is zero, so that a string cannot contain it.
    movl PHYS(boot_random) + 16(%ebp), %eax
    movb $0, %al
    movl %eax, PHYS(__stack_chk_guard)(%ebp)
    movl PHYS(boot_random) + 20(%ebp), %eax
    movl %eax, PHYS(__stack_chk_guard) + 4(%ebp)
    leal PHYS(boot_random)(%ebp), %edi
    movl $8, %ecx
    xorl %eax, %eax
    rep stosl

    // Relocations (SHT_RELR of the ELF gABI): an even word is the address of a word to move; bit i of an odd one
    // says that the word i - 1 places behind the last one is to be moved, too, and 63 places are done. Link
    // addresses are below 4 GiB from LINK_BASE.
    pushl %esi
    pushl %ebp
    leal PHYS(__relocations_end)(%ebp), %eax
    pushl %eax
    leal PHYS(__relocations_start)(%ebp), %edx
    movl PHYS(kernel_slide)(%ebp), %esi
    movl PHYS(kernel_slide) + 4(%ebp), %ebp
10: cmpl (%esp), %edx
    jae 15f
    movl (%edx), %eax
    movl 4(%edx), %ebx
    addl $8, %edx
    testb $1, %al
    jnz 12f
    leal LOAD_ADDRESS(%eax), %edi
    addl %esi, (%edi)
    adcl %ebp, 4(%edi)
    addl $8, %edi
    jmp 10b
12: andl $~1, %eax
13: bsfl %eax, %ecx
    jz 14f
    addl %esi, -8(%edi, %ecx, 8)
    adcl %ebp, -4(%edi, %ecx, 8)
    btrl %ecx, %eax
    jmp 13b
14: bsfl %ebx, %ecx
    jz 16f
    addl %esi, 31 * 8(%edi, %ecx, 8)
    adcl %ebp, 31 * 8 + 4(%edi, %ecx, 8)
    btrl %ecx, %ebx
    jmp 14b
16: addl $63 * 8, %edi
    jmp 10b
15: popl %eax
    popl %ebp
    popl %esi
    // 4. Page tables (zeroed first: NOLOAD sections are not).
    leal PHYS(boot_tables)(%ebp), %edi
    movl $((boot_tables_end - boot_tables) / 4), %ecx
    xorl %eax, %eax
    rep stosl

    // 4a. The image, page by page: text r-x, constants r--, the rest rw-, guards of stacks left out.
    movl PHYS(kernel_slide)(%ebp), %eax
    shrl $12, %eax
    andl $511, %eax                     // first entry
    leal PHYS(boot_image_table)(%ebp), %edi
    leal (%edi, %eax, 8), %edi
    movl $LOAD_ADDRESS, %eax
12: movl %eax, %ecx
    orl $(PRESENT | GLOBAL), %ecx
    xorl %edx, %edx
    cmpl $physical_text_end, %eax
    jb 13f
    movl $NX_HIGH, %edx
    cmpl $physical_constants_end, %eax
    jb 13f
    orl $WRITABLE, %ecx
    cmpl $physical_kernel_stack_guard, %eax
    je 14f
    cmpl $physical_interrupt_stack_guard, %eax
    je 14f
13: movl %ecx, (%edi)
    movl %edx, 4(%edi)
14: addl $8, %edi
    addl $4096, %eax
    cmpl $physical_image_end, %eax
    jb 12b
    // directory and directory-pointer entries that lead there
    movl PHYS(kernel_slide)(%ebp), %eax
    movl PHYS(kernel_slide) + 4(%ebp), %edx
    movl %eax, %ecx
    shrl $21, %ecx
    andl $511, %ecx
    leal PHYS(boot_image_directory)(%ebp), %edi
    leal PHYS(boot_image_table) + (PRESENT | WRITABLE)(%ebp), %ebx
    movl %ebx, (%edi, %ecx, 8)
    shrdl $30, %edx, %eax               // slide >> 30
    movl %eax, %ecx
    andl $511, %ecx
    addl $(PRESENT | WRITABLE), %edi
    leal PHYS(boot_image_pointers)(%ebp), %ebx
    movl %edi, (%ebx, %ecx, 8)
    shrl $9, %eax                       // slide >> 39
    addl $(LINK_BASE >> 39), %eax
    leal PHYS(boot_root)(%ebp), %edi
    addl $(PRESENT | WRITABLE), %ebx
    movl %ebx, (%edi, %eax, 8)

    // 4b. The first GiB of the direct map, 2 MiB pages, no execution. Swift adds the rest, and takes
    //     the image's own alias out.
    movl PHYS(direct_map_base)(%ebp), %ecx
    shrl $21, %ecx
    andl $511, %ecx
    leal PHYS(boot_direct_directories)(%ebp), %edi
    leal (%edi, %ecx, 8), %ebx
    movl $(PRESENT | WRITABLE | LARGE | GLOBAL), %eax
    movl $512, %ecx
15: movl %eax, (%ebx)
    movl $NX_HIGH, 4(%ebx)
    addl $0x200000, %eax
    addl $8, %ebx
    decl %ecx
    jnz 15b
    movl PHYS(direct_map_base)(%ebp), %eax
    movl PHYS(direct_map_base) + 4(%ebp), %edx
    shrdl $30, %edx, %eax
    shrl $7, %edx                       // base >> 39
    andl $511, %eax
    leal PHYS(boot_direct_pointers)(%ebp), %ebx
    addl $(PRESENT | WRITABLE), %edi
    movl %edi, (%ebx, %eax, 8)
    addl $4096, %edi
    movl %edi, 8(%ebx, %eax, 8)
    addl $(PRESENT | WRITABLE), %ebx
    leal PHYS(boot_root)(%ebp), %edi
    movl %ebx, (%edi, %edx, 8)

    // 4c. The first 4 MiB at their own address, only for the next few instructions: the image, and the stack at
    //     its end.
    leal PHYS(boot_identity_directory)(%ebp), %eax
    movl $(PRESENT | LARGE), (%eax)
    movl $(PRESENT | LARGE | 0x200000), 8(%eax)
    addl $(PRESENT | WRITABLE), %eax
    leal PHYS(boot_identity_pointers)(%ebp), %ebx
    movl %eax, (%ebx)
    addl $(PRESENT | WRITABLE), %ebx
    movl %ebx, (%edi)

    // Long mode: PAE, NX, paging with write protection for ring 0.
    movl %edi, PHYS(boot_root_address)(%ebp)
    movl %edi, %cr3
    movl $0x6a0, %eax                   // PAE | PGE | OSFXSR | OSXMMEXCPT
    movl %eax, %cr4
    movl $0xc0000080, %ecx              // EFER
    rdmsr
    orl $0x901, %eax                    // SCE | LME | NXE
    wrmsr
    leal PHYS(descriptor_table)(%ebp), %eax
    movl %eax, PHYS(boot_gdtr) + 2(%ebp)
    lgdt PHYS(boot_gdtr)(%ebp)
    leal PHYS(long_mode)(%ebp), %eax
    pushl $8
    pushl %eax
    movl $0x80010033, %eax              // PG | WP | NE | ET | MP | PE
    movl %eax, %cr0
    lret                                // nothing at the low addresses is writable any more

// EAX: 1 if the command line has "nokaslr". Keeps ESI, EBP.
find_nokaslr:
    movl 24(%esi), %edx
    testl %edx, %edx
    jz 2f
1:  movb (%edx), %al
    testb %al, %al
    jz 2f
    cmpl $0x616b6f6e, (%edx)            // "noka"
    je 3f
    incl %edx
    jmp 1b
3:  cmpw $0x6c73, 4(%edx)               // "sl"
    jne 2f
    movl $1, %eax
    ret
2:  xorl %eax, %eax
    ret

// Prints the string at EDI on the first serial port and stops for good.
refuse:
    movl $0x3f8, %edx
1:  movb (%edi), %al
    testb %al, %al
    jz 2f
    outb %al, %dx
    incl %edi
    jmp 1b
2:  cli
    hlt
    jmp 2b
no_hypervisor:
    .asciz "vorteil: no hypervisor is present; Vorteil shares ring 0 with the program and runs only in a virtual machine\r\n"
old_processor:
    .asciz "vorteil: this processor lacks x86-64-v2, XSAVE or NX, which Vorteil needs; choose a newer CPU model for the virtual machine\r\n"

    .code64
long_mode:
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    movabsq $(LINK_BASE - LOAD_ADDRESS), %rbx
    addq kernel_slide(%rip), %rbx       // physical address in the image -> virtual address
    leaq 1f(%rip), %rax
    addq %rbx, %rax
    jmp *%rax
1:  leaq kernel_stack_top_of_boot(%rip), %rsp
    leaq descriptor_table(%rip), %rax
    movq %rax, boot_gdtr + 2(%rip)
    lgdt boot_gdtr(%rip)
    xorl %ebp, %ebp
    movl %esi, %edi                     // zero extended: physical address of the start info
    pushq %rbp
    pushq %rbp
    call machine_start
    ud2

// MARK: further processors
//
// A processor that is started (Intel SDM volume 3, 9.4) begins in real mode at the page that it is told; Swift copies
// these bytes there and fills in the four words. It goes straight into long mode, with page tables that map the page at
// its own address besides the kernel.
    .globl trampoline_start, trampoline_end, trampoline_data
    .code16
trampoline_start:
    cli
    cld
    movw %cs, %ax
    movw %ax, %ds
    lgdtl trampoline_gdtr - trampoline_start
    movl $0x6a0, %eax                   // PAE | PGE | OSFXSR | OSXMMEXCPT
    movl %eax, %cr4
    movl trampoline_data - trampoline_start, %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx              // EFER
    rdmsr
    orl $0x901, %eax                    // SCE | LME | NXE
    wrmsr
    movl $0x80010033, %eax              // PG | WP | NE | ET | MP | PE
    movl %eax, %cr0
    ljmpl *(trampoline_far - trampoline_start)
    .code64
trampoline_long:
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    movq trampoline_data + 16(%rip), %rax   // its own page tables
    movq trampoline_data + 8(%rip), %rcx    // where to go on in the image
    jmp *%rcx
    .balign 8
trampoline_gdt: .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
trampoline_gdtr:
    .word 3 * 8 - 1
    .long trampoline_gdt - trampoline_start + 0x8000
trampoline_far:
    .long trampoline_long - trampoline_start + 0x8000
    .word 8
    .balign 8
trampoline_data: .quad 0, 0, 0          // page tables for now (below 4 GiB), processor_start, page tables
trampoline_end:

    .globl processor_start
processor_start:
    movq %rax, %cr3
    movq kernel_stack_top(%rip), %rsp
    xorl %ebp, %ebp
    pushq %rbp
    pushq %rbp
    call machine_start_processor
    ud2

    .globl machine_reset
// Ends the machine: an interrupt without an interrupt table is a triple fault.
machine_reset:
    cli
    lidt empty_table(%rip)
    int3
    .balign 8
empty_table:
    .word 0
    .quad 0

    .section .data, "aw"
    .balign 16
boot_gdtr:
    .word 5 * 8 - 1
    .quad 0
    .globl kernel_slide, direct_map_base, boot_root_address, boot_seed, boot_seed_length, __stack_chk_guard
    .balign 8
kernel_slide: .quad 0
direct_map_base: .quad 0
boot_root_address: .quad 0
__stack_chk_guard: .quad 0
boot_features: .long 0
boot_seed_length: .long 0
boot_seed: .skip 64
boot_random: .skip 32
boot_stack: .skip 64
boot_stack_end:

    .section .data.sealed, "aw"
    .balign 4096
    .globl interrupt_table
interrupt_table: .skip 64 * 16

    .section .processor.sealed, "aw"
    .balign 4096
    .globl descriptor_table, task_state
// Accessed bits are set beforehand, so that the processor writes here only when it loads its task register.
descriptor_table: .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0, 0
    .balign 64
task_state: .skip 128

    .section .bss, "aw", @nobits
    .balign 4096
    .globl kernel_stack_guard, kernel_stack_bottom, kernel_stack_top_of_boot
kernel_stack_guard: .skip 4096
kernel_stack_bottom: .skip 32768
kernel_stack_top_of_boot:

    .section .processor.stacks, "aw"
    .balign 4096
    .globl interrupt_stack_guard, interrupt_stack_top, nmi_stack_top, double_fault_stack_top
interrupt_stack_guard: .skip 4096
    .skip 4096
double_fault_stack_top:
    .skip 4096
nmi_stack_top:
    .skip 4096
interrupt_stack_top:

    .section .tables, "aw", @nobits
    .balign 4096
boot_tables:
boot_root: .skip 4096
boot_image_pointers: .skip 4096
boot_image_directory: .skip 4096
boot_image_table: .skip 4096
boot_direct_pointers: .skip 4096
boot_direct_directories: .skip 8192
    .globl boot_identity_pointers
boot_identity_pointers: .skip 4096
boot_identity_directory: .skip 4096
boot_tables_end:
