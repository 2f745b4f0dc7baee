// SPDX-License-Identifier: Apache-2.0
// What Machine needs of the processor and of the assembly files, and Swift cannot say itself.
#pragma once
#include <stdint.h>
#pragma clang assume_nonnull begin
#define INLINE static inline __attribute__((always_inline))

// MARK: ports and memory-mapped registers
INLINE void out8(uint16_t port, uint8_t value) { __asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port)); }
INLINE void out16(uint16_t port, uint16_t value) { __asm__ volatile("outw %0, %1" ::"a"(value), "Nd"(port)); }
INLINE void out32(uint16_t port, uint32_t value) { __asm__ volatile("outl %0, %1" ::"a"(value), "Nd"(port)); }
INLINE uint8_t in8(uint16_t port) { uint8_t v; __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port)); return v; }
INLINE uint16_t in16(uint16_t port) { uint16_t v; __asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port)); return v; }
INLINE uint32_t in32(uint16_t port) { uint32_t v; __asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port)); return v; }
INLINE uint8_t mmio_read8(uint64_t a) { return *(volatile uint8_t *)a; }
INLINE uint16_t mmio_read16(uint64_t a) { return *(volatile uint16_t *)a; }
INLINE uint32_t mmio_read32(uint64_t a) { return *(volatile uint32_t *)a; }
INLINE void mmio_write8(uint64_t a, uint8_t v) { *(volatile uint8_t *)a = v; }
INLINE void mmio_write16(uint64_t a, uint16_t v) { *(volatile uint16_t *)a = v; }
INLINE void mmio_write32(uint64_t a, uint32_t v) { *(volatile uint32_t *)a = v; }
INLINE void mmio_write64(uint64_t a, uint64_t v) { *(volatile uint64_t *)a = v; }

// MARK: control registers and instructions
INLINE uint64_t read_msr(uint32_t m) { uint32_t a, d; __asm__ volatile("rdmsr" : "=a"(a), "=d"(d) : "c"(m)); return ((uint64_t)d << 32) | a; }
INLINE void write_msr(uint32_t m, uint64_t v) { __asm__ volatile("wrmsr" ::"c"(m), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory"); }
INLINE uint64_t read_cr2(void) { uint64_t v; __asm__ volatile("mov %%cr2, %0" : "=r"(v)); return v; }
INLINE uint64_t read_cr3(void) { uint64_t v; __asm__ volatile("mov %%cr3, %0" : "=r"(v)); return v; }
INLINE uint64_t read_cr4(void) { uint64_t v; __asm__ volatile("mov %%cr4, %0" : "=r"(v)); return v; }
INLINE void write_cr3(uint64_t v) { __asm__ volatile("mov %0, %%cr3" ::"r"(v) : "memory"); }
INLINE void write_cr4(uint64_t v) { __asm__ volatile("mov %0, %%cr4" ::"r"(v) : "memory"); }
INLINE void write_dr0(uint64_t v) { __asm__ volatile("mov %0, %%dr0" ::"r"(v)); }
INLINE uint64_t read_dr6(void) { uint64_t v; __asm__ volatile("mov %%dr6, %0" : "=r"(v)); return v; }
INLINE void write_dr6(uint64_t v) { __asm__ volatile("mov %0, %%dr6" ::"r"(v)); }
INLINE void write_dr7(uint64_t v) { __asm__ volatile("mov %0, %%dr7" ::"r"(v)); }
INLINE void invalidate_page(uint64_t a) { __asm__ volatile("invlpg (%0)" ::"r"(a) : "memory"); }
INLINE void set_xcr0(uint64_t v) { __asm__ volatile("xsetbv" ::"c"(0), "a"((uint32_t)v), "d"((uint32_t)(v >> 32))); }
typedef struct { uint32_t eax, ebx, ecx, edx; } cpuid_result;
INLINE cpuid_result cpuid(uint32_t leaf, uint32_t subleaf) {
  cpuid_result r;
  __asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(subleaf));
  return r;
}
INLINE uint64_t read_tsc(void) { uint32_t a, d; __asm__ volatile("lfence; rdtsc" : "=a"(a), "=d"(d)); return ((uint64_t)d << 32) | a; }
INLINE int rdrand64(uint64_t *o) { uint8_t ok; __asm__ volatile("rdrand %0; setc %1" : "=r"(*o), "=qm"(ok)); return ok; }
INLINE int rdseed64(uint64_t *o) { uint8_t ok; __asm__ volatile("rdseed %0; setc %1" : "=r"(*o), "=qm"(ok)); return ok; }
INLINE uint64_t read_fs_base(void) { uint64_t v; __asm__ volatile("rdfsbase %0" : "=r"(v)); return v; }
INLINE uint64_t read_gs_base(void) { uint64_t v; __asm__ volatile("rdgsbase %0" : "=r"(v)); return v; }
INLINE void write_fs_base(uint64_t v) { __asm__ volatile("wrfsbase %0" ::"r"(v)); }
INLINE void write_gs_base(uint64_t v) { __asm__ volatile("wrgsbase %0" ::"r"(v)); }
INLINE void cpu_pause(void) { __asm__ volatile("pause"); }
INLINE void disable_interrupts(void) { __asm__ volatile("cli" ::: "memory"); }
INLINE void enable_interrupts(void) { __asm__ volatile("sti" ::: "memory"); }
INLINE uint64_t read_flags(void) { uint64_t v; __asm__ volatile("pushfq; pop %0" : "=r"(v)::"memory"); return v; }
INLINE void wait_for_interrupt(void) { __asm__ volatile("sti; hlt; cli" ::: "memory"); }
INLINE void halt(void) { __asm__ volatile("cli; hlt" ::: "memory"); }
INLINE void memory_barrier(void) { __asm__ volatile("mfence" ::: "memory"); }
INLINE void compiler_barrier(void) { __asm__ volatile("" ::: "memory"); }
INLINE uint64_t frame_pointer(void) { uint64_t v; __asm__ volatile("mov %%rbp, %0" : "=r"(v)); return v; }
INLINE void load_tables(const void *gdtr, const void *idtr, uint16_t task) {
  __asm__ volatile("lgdt (%0); lidt (%1); ltr %2" ::"r"(gdtr), "r"(idtr), "r"(task) : "memory");
}
// XSAVE and XRSTOR with an area of the kernel's, which XSAVE has filled before: nothing can fail.
INLINE void save_vectors(uint64_t area, uint64_t mask) { __asm__ volatile("xsave64 (%0)" ::"r"(area), "a"((uint32_t)mask), "d"((uint32_t)(mask >> 32)) : "memory"); }
INLINE void restore_vectors(uint64_t area, uint64_t mask) { __asm__ volatile("xrstor64 (%0)" ::"r"(area), "a"((uint32_t)mask), "d"((uint32_t)(mask >> 32)) : "memory"); }
INLINE void fill_zero(uint64_t address, uint64_t words) { __asm__ volatile("rep stosq" : "+D"(address), "+c"(words) : "a"(0ul) : "memory"); }
INLINE void copy_words(uint64_t to, uint64_t from, uint64_t words) { __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words)::"memory"); }
// (high * 2^64 + low) / divisor, for high < divisor (else the processor traps).
INLINE uint64_t divide_wide(uint64_t high, uint64_t low, uint64_t divisor) {
  __asm__("divq %2" : "+d"(high), "+a"(low) : "r"(divisor) : "cc");
  return low;
}

// MARK: PVH start info (Xen public headers, arch-x86/hvm/start_info.h)
struct hvm_module { uint64_t address, size, command_line, reserved; };
struct hvm_memory_range { uint64_t address, size; uint32_t type, reserved; };
struct hvm_start_info {
  uint32_t magic, version, flags, module_count;
  uint64_t modules, command_line, rsdp, memory_map;
  uint32_t memory_map_count, reserved;
};

// MARK: assembly
void enter_program(void *frame) __attribute__((noreturn));
// Goes on on another kernel stack, where `next` says that it stopped; where this one stops is stored to *saved. Only the
// frame pointer and where to go on are put on the stack: the other registers are the compiler's to keep. Interrupts are
// off.
INLINE void switch_stacks(uint64_t *saved, uint64_t next) {
  __asm__ volatile("pushq %%rbp; leaq 1f(%%rip), %%rax; pushq %%rax; movq %%rsp, (%0); movq %1, %%rsp; retq; 1: popq %%rbp"
                   : "+D"(saved), "+S"(next)
                   :
                   : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "cc", "memory");
}
void machine_reset(void) __attribute__((noreturn));
uint64_t program_copy(uint64_t destination, uint64_t source, uint64_t count);
uint64_t program_zero(uint64_t destination, uint64_t count);
struct loaded_word { uint64_t failed, value; };
struct loaded_word program_load(uint64_t source);
struct loaded_word program_load_half(uint64_t source);
uint64_t program_store(uint64_t destination, uint64_t value);
uint64_t program_store_event(uint64_t destination, uint32_t events, uint64_t data);
uint64_t program_store_pair(uint64_t destination, uint64_t first, uint64_t second);
uint64_t program_compare_exchange(uint64_t address, uint32_t expected, uint32_t value, uint32_t *found);
uint64_t program_save_vectors(uint64_t area, uint64_t mask);
uint64_t program_restore_vectors(uint64_t area, uint64_t mask);
uint64_t program_string(uint64_t destination, uint64_t source, uint64_t limit);

// MARK: processors (machine.c)
#define MAXIMUM_PROCESSORS 64
struct processor_state {
  volatile uint32_t in_program;
  uint32_t tables_seen;
  uint32_t apic_identifier;
  volatile uint32_t has_started;
} __attribute__((aligned(64)));
extern uint32_t processor_count, processor_index;
extern void *_Nullable current_object;
extern struct processor_state processor_states[MAXIMUM_PROCESSORS];
void acquire_kernel_lock(void);
void release_kernel_lock(void);
void release_kernel_lock_to_program(void);
void hold_other_processors_slowly(void);
void machine_interrupt_processor(uint32_t index);
INLINE uint32_t get_processor_count(void) { return processor_count; }
INLINE void set_processor_count(uint32_t count) { processor_count = count; }
INLINE uint32_t get_processor_index(void) { return *(volatile uint32_t *)&processor_index; }
INLINE void *_Nullable get_current_object(void) { return *(void *_Nullable volatile *)&current_object; }
INLINE void set_current_object(void *_Nullable object) { current_object = object; }
INLINE void hold_other_processors(void) { if (processor_count > 1) hold_other_processors_slowly(); }
INLINE uint32_t get_apic_identifier(uint32_t index) { return processor_states[index].apic_identifier; }
INLINE void set_apic_identifier(uint32_t index, uint32_t identifier) { processor_states[index].apic_identifier = identifier; }
INLINE uint32_t has_processor_started(uint32_t index) { return processor_states[index].has_started; }
INLINE void set_processor_started(void) { processor_states[processor_index].has_started = 1; }
INLINE void atomic_or64(uint64_t *word, uint64_t bits) { __atomic_fetch_or(word, bits, __ATOMIC_SEQ_CST); }
INLINE void atomic_and64(uint64_t *word, uint64_t bits) { __atomic_fetch_and(word, bits, __ATOMIC_SEQ_CST); }

extern uint64_t kernel_slide, direct_map_base, boot_root_address, kernel_stack_top, kernel_stack_limit;
extern uint32_t pending_work, boot_seed_length;
// Linker symbols as addresses (arrays of unknown size import badly into Swift).
#define ADDRESS_OF(name, symbol) extern uint8_t symbol[]; INLINE uint64_t name(void) { return (uint64_t)symbol; }
ADDRESS_OF(image_start, __image_start)
ADDRESS_OF(text_end, __text_end)
ADDRESS_OF(constants_end, __constants_end)
ADDRESS_OF(sealed_end, __sealed_end)
ADDRESS_OF(image_end, __image_end)
ADDRESS_OF(tables_end, __tables_end)
ADDRESS_OF(boot_seed_address, boot_seed)
ADDRESS_OF(descriptor_table_address, descriptor_table)
ADDRESS_OF(interrupt_table_address, interrupt_table)
ADDRESS_OF(task_state_address, task_state)
ADDRESS_OF(trap_stubs_address, trap_stubs)
ADDRESS_OF(vdso_image_address, vdso_image)
ADDRESS_OF(system_call_entry_address, system_call_entry)
ADDRESS_OF(system_call_return_address, system_call_return)
ADDRESS_OF(system_call_exit_address, system_call_exit)
ADDRESS_OF(system_call_exit_slowly_address, system_call_exit_slowly)
ADDRESS_OF(interrupt_stack_top_address, interrupt_stack_top)
ADDRESS_OF(nmi_stack_top_address, nmi_stack_top)
ADDRESS_OF(double_fault_stack_top_address, double_fault_stack_top)
ADDRESS_OF(kernel_stack_guard_address, kernel_stack_guard)
ADDRESS_OF(new_thread_start_address, new_thread_start)
ADDRESS_OF(idle_start_address, idle_start)
ADDRESS_OF(processor_start_address, processor_start)
ADDRESS_OF(trampoline_start_address, trampoline_start)
ADDRESS_OF(trampoline_end_address, trampoline_end)
ADDRESS_OF(trampoline_data_address, trampoline_data)
ADDRESS_OF(boot_identity_pointers_label, boot_identity_pointers)
INLINE uint64_t boot_identity_pointers_address(void) { return boot_identity_pointers_label() - image_start() + 0x100000; }
ADDRESS_OF(processor_data_start, __processor_start)
ADDRESS_OF(processor_sealed_end, __processor_sealed_end)
ADDRESS_OF(processor_data_end, __processor_end)
ADDRESS_OF(system_call_entry_locked_address, system_call_entry_locked)
ADDRESS_OF(system_call_exit_locked_address, system_call_exit_locked)
ADDRESS_OF(system_call_return_locked_address, system_call_return_locked)
INLINE uint64_t kernel_stack_top_word(void) { return (uint64_t)&kernel_stack_top; }
INLINE uint64_t kernel_stack_limit_word(void) { return (uint64_t)&kernel_stack_limit; }
INLINE uint64_t processor_index_word(void) { return (uint64_t)&processor_index; }
ADDRESS_OF(interrupt_stack_guard_address, interrupt_stack_guard)
ADDRESS_OF(program_access_start_address, program_access_start)
ADDRESS_OF(program_access_end_address, program_access_end)
ADDRESS_OF(program_access_failed_address, program_access_failed)
INLINE uint64_t get_kernel_slide(void) { return kernel_slide; }
INLINE uint64_t get_direct_map_base(void) { return direct_map_base; }
INLINE uint64_t get_boot_root(void) { return boot_root_address; }
INLINE uint32_t get_boot_seed_length(void) { return boot_seed_length; }
INLINE uint64_t get_kernel_stack_top(void) { return kernel_stack_top; }
INLINE uint64_t get_kernel_stack_limit(void) { return kernel_stack_limit; }
INLINE void set_kernel_stack(uint64_t top, uint64_t limit) { kernel_stack_top = top; kernel_stack_limit = limit; }
INLINE uint32_t get_pending_work(void) { return *(volatile uint32_t *)&pending_work; }
INLINE void set_pending_work(uint32_t v) { *(volatile uint32_t *)&pending_work = v; }
// One instruction each: whole with regard to the interrupts of this processor.
INLINE void add_pending_work(uint32_t bits) { __asm__ volatile("orl %1, %0" : "+m"(pending_work) : "ir"(bits) : "memory"); }
INLINE void remove_pending_work(uint32_t bits) { __asm__ volatile("andl %1, %0" : "+m"(pending_work) : "ir"(~bits) : "memory"); }
#pragma clang assume_nonnull end
