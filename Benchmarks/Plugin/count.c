// SPDX-License-Identifier: Apache-2.0
// A QEMU TCG plugin that counts executed guest instructions.
//
//     -plugin count.so,out=FILE
//
// FILE holds native 64-bit numbers, always up to date: all instructions of all processors so far
// (firmware included, idle time not), how often the guest has executed `xchg %bx, %bx`, which does
// nothing (see mark in ../Programs/bench.h), and the first number at each of these times. A block
// counts as a whole when it is entered; an instruction with a rep prefix counts once for every
// iteration.
//
// The declarations follow QEMU's public plugin interface, version 1 (QEMU 7.2), of which Debian
// packages no header.
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };
typedef void (*block_translated)(qemu_plugin_id_t, struct qemu_plugin_tb *);
typedef void (*executed)(unsigned processor, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, block_translated);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, enum qemu_plugin_op, void *, uint64_t);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, executed, enum qemu_plugin_cb_flags, void *);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *, executed, enum qemu_plugin_cb_flags, void *);

// The beginning of qemu_info_t.
struct machine {
  const char *target;
  struct { int least, current; } version;
  bool is_system;
  int processors;
};

EXPORTED int qemu_plugin_version = 1;

enum { most_marks = 126 };
static struct {
  uint64_t executed;
  uint64_t marks;
  uint64_t executed_at_mark[most_marks];
} *counts;
static bool has_many_processors;

static void at_mark(unsigned processor, void *data) {
  (void)processor, (void)data;
  if (counts->marks < most_marks)
    counts->executed_at_mark[counts->marks++] = __atomic_load_n(&counts->executed, __ATOMIC_RELAXED);
}

// Several processors are threads of QEMU, for which its own addition is not atomic.
static void at_block(unsigned processor, void *length) {
  (void)processor;
  __atomic_fetch_add(&counts->executed, (uintptr_t)length, __ATOMIC_RELAXED);
}

static void on_block(qemu_plugin_id_t id, struct qemu_plugin_tb *block) {
  static const uint8_t mark[] = {0x66, 0x87, 0xdb};
  size_t length = qemu_plugin_tb_n_insns(block);
  (void)id;
  if (has_many_processors)
    qemu_plugin_register_vcpu_tb_exec_cb(block, at_block, QEMU_PLUGIN_CB_NO_REGS, (void *)(uintptr_t)length);
  else
    qemu_plugin_register_vcpu_tb_exec_inline(block, QEMU_PLUGIN_INLINE_ADD_U64, &counts->executed, length);
  for (size_t index = 0; index < length; index++) {
    struct qemu_plugin_insn *instruction = qemu_plugin_tb_get_insn(block, index);
    if (qemu_plugin_insn_size(instruction) == sizeof mark &&
        !memcmp(qemu_plugin_insn_data(instruction), mark, sizeof mark))
      qemu_plugin_register_vcpu_insn_exec_cb(instruction, at_mark, QEMU_PLUGIN_CB_NO_REGS, 0);
  }
}

EXPORTED int qemu_plugin_install(qemu_plugin_id_t id, const void *information, int count, char **arguments) {
  const char *path = "instructions";
  has_many_processors = ((const struct machine *)information)->processors > 1;
  for (int index = 0; index < count; index++)
    if (!strncmp(arguments[index], "out=", 4))
      path = arguments[index] + 4;
  int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
  if (file < 0 || ftruncate(file, sizeof *counts))
    return -1;
  counts = mmap(0, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (counts == MAP_FAILED)
    return -1;
  qemu_plugin_register_vcpu_tb_trans_cb(id, on_block);
  return 0;
}
