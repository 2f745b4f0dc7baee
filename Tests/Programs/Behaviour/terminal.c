// SPDX-License-Identifier: Apache-2.0
// What a terminal does with what is typed and written. TerminalTests types; each prompt says what it expects.
#include "../support.h"
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>

static struct termios initial;

static void show(const char *name, const unsigned char *bytes, ssize_t count) {
  printf("%s = %zd:", name, count);
  for (ssize_t i = 0; i < count; i++) printf(bytes[i] > 32 && bytes[i] < 127 ? " %c" : " %02x", bytes[i]);
  printf("\n");
}

// Where signals are tested: they come while the program waits and at no other time.
static bool awaits_signals, goes_on_after_signals;

static bool await_signal_or_line(void) {
  if (!awaits_signals) return true;
  sigset_t none;
  sigemptyset(&none);
  struct pollfd entry = {0, POLLIN, 0};
  int result;
  do result = ppoll(&entry, 1, NULL, &none); while (result < 0 && goes_on_after_signals);
  return result > 0;
}

// Sets the attributes, asks, and shows what one read gets.
static ssize_t ask(const char *name, const struct termios *attributes, size_t limit) {
  unsigned char bytes[5000];
  tcsetattr(0, TCSANOW, attributes);
  printf("%s> ", name);
  fflush(stdout);
  ssize_t count = await_signal_or_line() ? read(0, bytes, limit) : -1;
  // Linux flushes the output only after it has sent a signal, and might flush what follows.
  if (count < 0) usleep(100000);
  tcsetattr(0, TCSANOW, &initial);
  if (count < 0) {
    printf("%s: %s\n", name, error_name(errno));
  } else if (count > 200) {
    printf("%s: %zd bytes, the last %02x\n", name, count, bytes[count - 1]);
  } else {
    show(name, bytes, count);
  }
  fflush(stdout);
  return count;
}

static void facts(void) {
  printf("terminals: %d %d %d\n", isatty(0), isatty(1), isatty(2));
  const char *name = ttyname(0);
  printf("name: %.9s\n", name ? name : "none");
  struct stat status, named;
  if (name && fstat(0, &status) == 0 && stat(name, &named) == 0) printf("the same: %d\n", status.st_rdev == named.st_rdev);
  printf("/dev/tty: %d\n", open("/dev/tty", O_RDWR) >= 0);
  struct winsize size;
  printf("size: %d", ioctl(0, TIOCGWINSZ, &size));
  printf(" %d %d\n", size.ws_row, size.ws_col);
  printf("flags: %x %x %x %x\n", initial.c_iflag, initial.c_oflag, initial.c_cflag, initial.c_lflag);
  for (int i = 0; i < 17; i++) printf("%x ", initial.c_cc[i]);
  printf("\nspeeds: %d %d\n", cfgetispeed(&initial) == B38400, cfgetospeed(&initial) == B38400);
  printf("group: %d, session: %d\n", tcgetpgrp(0) == getpgrp(), tcgetsid(0) == getsid(0));
  printf("set group: %d\n", tcsetpgrp(0, getpgrp()));
  outcome("no group", tcsetpgrp(0, 999999));
  outcome("nothing", ioctl(0, 0x54ff, 0));
  outcome("seek", lseek(0, 0, SEEK_CUR));
  printf("drain %d, flush %d, bad flush %d\n", tcdrain(0), tcflush(0, TCIOFLUSH), tcflush(0, 7));
  struct termios odd = initial, back;
  odd.c_cflag = (odd.c_cflag & ~CSIZE) | CS7 | PARENB;
  cfsetspeed(&odd, B9600);
  tcsetattr(0, TCSANOW, &odd);
  tcgetattr(0, &back);
  printf("odd: %x\n", back.c_cflag);
  tcsetattr(0, TCSANOW, &initial);
}

static void lines(void) {
  struct termios plain = initial, changed;
  for (int i = 1; i <= 14; i++) {
    char name[20];
    sprintf(name, "line %d", i);
    ask(name, &plain, 5000);
  }
  // A line that is read in pieces, and an end of file behind a part of a line.
  ask("piece 1", &plain, 3);
  ask("piece 2", &plain, 3);
  ask("end 1", &plain, 100);
  ask("end 2", &plain, 100);
  changed = initial;
  changed.c_lflag &= ~ECHO;
  ask("silent", &changed, 100);
  changed.c_lflag |= ECHONL;
  ask("newline only", &changed, 100);
  changed = initial;
  changed.c_lflag &= ~(ECHOE | ECHOKE);
  ask("no erasing", &changed, 100);
  changed = initial;
  changed.c_lflag &= ~ECHOCTL;
  ask("no carets", &changed, 100);
  changed = initial;
  changed.c_iflag = (changed.c_iflag & ~ICRNL) | INLCR;
  changed.c_cc[VEOL] = ';';
  ask("end of line", &changed, 100);
  changed = initial;
  changed.c_iflag |= IGNCR;
  ask("no returns", &changed, 100);
  changed = initial;
  changed.c_iflag &= ~IUTF8;
  ask("bytes", &changed, 100);
  changed = initial;
  changed.c_lflag &= ~IEXTEN;
  ask("no extensions", &changed, 100);
  changed = initial;
  changed.c_oflag &= ~ONLCR;
  ask("plain output", &changed, 100);
  ask("long", &plain, 5000);
}

static void raw(void) {
  struct termios attributes = initial;
  cfmakeraw(&attributes);
  // Not to depend on how what is typed arrives.
  attributes.c_cc[VMIN] = 5;
  ask("five", &attributes, 100);
  attributes.c_cc[VMIN] = 9;
  ask("nine of three", &attributes, 3);
  attributes.c_cc[VMIN] = 0;
  ask("none", &attributes, 100);
  attributes.c_cc[VTIME] = 1;
  ask("none soon", &attributes, 100);
  attributes.c_cc[VTIME] = 255;
  attributes.c_cc[VMIN] = 3;
  ask("three", &attributes, 100);
  attributes.c_cc[VTIME] = 2;
  attributes.c_cc[VMIN] = 100;
  ask("until a pause", &attributes, 100);

  attributes.c_cc[VTIME] = 0;
  attributes.c_cc[VMIN] = 1;
  tcsetattr(0, TCSANOW, &attributes);
  struct pollfd entry = {0, POLLIN | POLLOUT, 0};
  int available = -1;
  poll(&entry, 1, 0);
  ioctl(0, FIONREAD, &available);
  printf("before: %x %d\r\n", entry.revents, available);
  fcntl(0, F_SETFL, O_RDWR | O_NONBLOCK);
  unsigned char byte;
  int result = read(0, &byte, 1);
  printf("not waiting: %d %s\r\n", result, error_name(errno));
  fcntl(0, F_SETFL, O_RDWR);
  printf("poll> ");
  fflush(stdout);
  entry.events = POLLIN;
  result = poll(&entry, 1, -1);
  printf("after: %d %x\r\n", result, entry.revents);
  read(0, &byte, 1);
  // What was typed while there were no lines becomes one (tcsetattr), without an end.
  printf("pending> ");
  fflush(stdout);
  do ioctl(0, FIONREAD, &available); while (available < 4);
  ask("of the past", &initial, 100);
  // Flushed with what was typed before.
  tcsetattr(0, TCSANOW, &attributes);
  printf("flushed> ");
  fflush(stdout);
  do ioctl(0, FIONREAD, &available); while (available < 4);
  tcsetattr(0, TCSAFLUSH, &attributes);
  ioctl(0, FIONREAD, &available);
  printf("left: %d\r\n", available);
  tcsetattr(0, TCSANOW, &initial);
}

static volatile sig_atomic_t last;
static void note(int number) { last = number; }

static void signals(void) {
  struct sigaction action = {.sa_handler = note};
  const int numbers[] = {SIGINT, SIGQUIT, SIGTSTP, SIGWINCH};
  sigset_t blocked;
  sigemptyset(&blocked);
  for (int i = 0; i < 4; i++) {
    sigaction(numbers[i], &action, NULL);
    sigaddset(&blocked, numbers[i]);
  }
  sigprocmask(SIG_BLOCK, &blocked, NULL);
  awaits_signals = true;
  for (int i = 0; i < 4; i++) {
    char name[20];
    sprintf(name, "signal %d", i + 1);
    if (ask(name, &initial, 100) < 0) printf("signal %s\n", strsignal(last));
  }
  struct winsize size;
  ioctl(0, TIOCGWINSZ, &size);
  printf("size: %d %d\n", size.ws_row, size.ws_col);
  // The input is kept with NOFLSH, and gone without.
  struct termios keeping = initial;
  keeping.c_lflag |= NOFLSH;
  goes_on_after_signals = true;
  ask("kept", &keeping, 100);
  ask("gone", &initial, 100);
  struct termios off = initial;
  off.c_lflag &= ~ISIG;
  ask("no signals", &off, 100);
  off = initial;
  off.c_cc[VINTR] = _POSIX_VDISABLE;
  ask("no interrupt", &off, 100);
  off.c_cc[VINTR] = 'x';
  ask("another", &off, 100);
  size.ws_row = 11;
  sigprocmask(SIG_UNBLOCK, &blocked, NULL);
  last = 0;
  printf("own size: %d\n", ioctl(0, TIOCSWINSZ, &size));
  printf("signal %s\n", strsignal(last));
  signal(SIGINT, SIG_DFL);
  ask("the end", &initial, 100);
}

static void output(void) {
  struct termios changed = initial;
  printf("a\tb\nc\rd\n");
  fflush(stdout);
  changed.c_oflag |= TAB3;
  tcsetattr(0, TCSANOW, &changed);
  write(1, "\tx\t\xc3\xa4\ty\b\tz\n", 12);
  changed = initial;
  changed.c_oflag |= OCRNL | ONLRET;
  changed.c_oflag &= ~ONLCR;
  tcsetattr(0, TCSANOW, &changed);
  write(1, "one\rtwo\n", 8);
  changed.c_oflag = OPOST | ONOCR;
  tcsetattr(0, TCSANOW, &changed);
  write(1, "\r\r1\r\r2\n", 7);
  changed.c_oflag = 0;
  tcsetattr(0, TCSANOW, &changed);
  write(1, "raw\n\r", 5);
  tcsetattr(0, TCSANOW, &initial);
  // Stopped by ^S: the line behind the prompt comes after ^Q.
  ask("stop me", &initial, 100);
  printf("after\n");
}

int main(int count, char **arguments) {
  setvbuf(stdout, NULL, _IOFBF, 65536);
  tcgetattr(0, &initial);
  const char *what = count > 1 ? arguments[1] : "";
  if (!strcmp(what, "facts")) facts();
  if (!strcmp(what, "lines")) lines();
  if (!strcmp(what, "raw")) raw();
  if (!strcmp(what, "signals")) signals();
  if (!strcmp(what, "output")) output();
  fflush(stdout);
  return 0;
}
