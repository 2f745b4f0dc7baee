// SPDX-License-Identifier: Apache-2.0
#include "machine.h"

// The one lock of the kernel, and what the processors must know of each other. Both are C because system calls enter and
// leave by them without a Swift frame, and because Swift has no atomic operations for plain memory here.
//
// A processor is in one of three states: in the program, in the kernel with the lock, or in the kernel waiting for it
// (or for an interrupt). Whoever holds the lock may take rights to memory away only while no other processor is in the
// program: hold_other_processors() sends an interrupt to those that are, and waits until they wait for the lock. They
// forget what they knew of page tables when they get it.

uint32_t processor_count = 1;
struct processor_state processor_states[MAXIMUM_PROCESSORS] = {{.in_program = 0}};
static volatile uint32_t kernel_lock;
static uint32_t tables_generation, others_are_held;

static struct processor_state *self(void) { return &processor_states[processor_index]; }

static void forget_tables_if_changed(struct processor_state *state) {
  if (state->tables_seen == tables_generation) return;
  state->tables_seen = tables_generation;
  write_cr3(read_cr3());
}

void acquire_kernel_lock(void) {
  struct processor_state *state = self();
  if (__atomic_exchange_n(&kernel_lock, 1, __ATOMIC_SEQ_CST) != 0) {
    __atomic_store_n(&state->in_program, 0, __ATOMIC_SEQ_CST);
    do {
      while (kernel_lock) cpu_pause();
    } while (__atomic_exchange_n(&kernel_lock, 1, __ATOMIC_SEQ_CST) != 0);
  }
  state->in_program = 0;
  forget_tables_if_changed(state);
}

// For a way out of the kernel that may have begun with or without the lock.
void acquire_kernel_lock_if_free(void) {
  if (processor_count > 1 && self()->in_program) acquire_kernel_lock();
}

void release_kernel_lock(void) {
  if (processor_count == 1) return;
  others_are_held = 0;
  __atomic_store_n(&kernel_lock, 0, __ATOMIC_RELEASE);
}

void release_kernel_lock_to_program(void) {
  if (processor_count == 1) return;
  self()->in_program = 1;
  release_kernel_lock();
}

void hold_other_processors_slowly(void) {
  if (others_are_held) return;
  others_are_held = 1;
  self()->tables_seen = ++tables_generation;
  for (uint32_t i = 0; i < processor_count; i++)
    if (i != processor_index && __atomic_load_n(&processor_states[i].in_program, __ATOMIC_SEQ_CST))
      machine_interrupt_processor(i);
  for (uint32_t i = 0; i < processor_count; i++)
    while (i != processor_index && __atomic_load_n(&processor_states[i].in_program, __ATOMIC_SEQ_CST)) cpu_pause();
}
