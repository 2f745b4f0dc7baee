// SPDX-License-Identifier: Apache-2.0
// Instructions that are privileged on Linux, one a run, named by the argument. In ring 0 most of them work: the test
// says how each must end, and that the virtual machine always ends.
#include "../support.h"

#define INSTRUCTION(name, text) \
  static void name(void) { __asm__ volatile(text : : "a"(0), "b"(0), "c"(0), "d"(0), "D"(zeros) : "memory"); }

static uint64_t zeros[16];

INSTRUCTION(hlt, "hlt")
INSTRUCTION(hlt_forever, "1: hlt\n jmp 1b")
INSTRUCTION(hlt_without_interrupts, "cli\n 1: hlt\n jmp 1b")
INSTRUCTION(loop, "1: jmp 1b")
INSTRUCTION(loop_without_interrupts, "cli\n 1: jmp 1b")
INSTRUCTION(breakpoint, "int3")
INSTRUCTION(breakpoint_long, ".byte 0xcd, 3")
INSTRUCTION(undefined, "ud2")
INSTRUCTION(interrupt_80, "mov $20, %%eax\n int $0x80")
INSTRUCTION(interrupt_of_double_fault, "int $8")
INSTRUCTION(interrupt_of_page_fault, "int $14")
INSTRUCTION(interrupt_of_machine_check, "int $18")
INSTRUCTION(interrupt_255, "int $255")
INSTRUCTION(port_in, "mov $0x3f8, %%edx\n in %%dx, %%al")
INSTRUCTION(port_out, "mov $0x3f8, %%edx\n mov $'!', %%al\n out %%al, %%dx")
INSTRUCTION(port_out_keyboard_reset, "mov $0xfe, %%al\n out %%al, $0x64")
INSTRUCTION(write_system_call_entry, "mov $0xc0000082, %%ecx\n wrmsr\n mov $39, %%eax\n syscall")
INSTRUCTION(write_unknown_register, "mov $0x12345678, %%ecx\n wrmsr")
INSTRUCTION(turn_paging_off, "mov %%cr0, %%rax\n and $0x7fffffff, %%eax\n mov %%rax, %%cr0")
INSTRUCTION(load_page_table_0, "mov %%rax, %%cr3")
INSTRUCTION(clear_cr4, "mov %%rax, %%cr4")
INSTRUCTION(load_interrupt_table, "lidt (%%rdi)\n ud2")
INSTRUCTION(load_segment_table, "lgdt (%%rdi)\n mov $16, %%eax\n mov %%eax, %%ss")
INSTRUCTION(swap_gs, "swapgs\n mov $39, %%eax\n syscall")
INSTRUCTION(return_to_nowhere, "push $0\n push $0\n push $2\n push $0x33\n push $0\n iretq")
INSTRUCTION(return_to_ring_3, "xor %%ecx, %%ecx\n mov $0x202, %%r11d\n sysretq")
INSTRUCTION(task_register, "mov $0xffff, %%ax\n ltr %%ax")
INSTRUCTION(stack_segment, "mov $0xffff, %%eax\n mov %%eax, %%ss")
INSTRUCTION(far_jump, "push $0xfff8\n lea 1f(%%rip), %%rax\n push %%rax\n lretq\n 1:")
INSTRUCTION(single_step_a_system_call, "pushfq\n orl $0x100, (%%rsp)\n mov $39, %%eax\n popfq\n syscall")

int main(int argc, char **argv) {
#define CASE(name) {#name, name}
  const struct { const char *name; void (*attack)(void); } cases[] = {
      CASE(hlt), CASE(hlt_forever), CASE(hlt_without_interrupts), CASE(loop), CASE(loop_without_interrupts),
      CASE(breakpoint), CASE(breakpoint_long), CASE(undefined), CASE(interrupt_80), CASE(interrupt_of_double_fault),
      CASE(interrupt_of_page_fault), CASE(interrupt_of_machine_check), CASE(interrupt_255), CASE(port_in),
      CASE(port_out), CASE(port_out_keyboard_reset), CASE(write_system_call_entry), CASE(write_unknown_register),
      CASE(turn_paging_off), CASE(load_page_table_0), CASE(clear_cr4), CASE(load_interrupt_table),
      CASE(load_segment_table), CASE(swap_gs), CASE(return_to_nowhere), CASE(return_to_ring_3), CASE(task_register),
      CASE(stack_segment), CASE(far_jump), CASE(single_step_a_system_call),
  };
  for (size_t i = 0; argc == 2 && i < sizeof cases / sizeof *cases; i++)
    if (strcmp(cases[i].name, argv[1]) == 0) {
      printf("attack: %s\n", argv[1]);
      cases[i].attack();
      puts("and the program goes on");
      return 0;
    }
  return 98;
}
