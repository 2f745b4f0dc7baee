// SPDX-License-Identifier: Apache-2.0
// C++ exceptions where there are many threads: carried from one to another, thrown by all at once through many frames,
// and what is destroyed on the way and at a thread's end.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <exception>
#include <functional>
#include <future>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace {

constexpr int threadCount = 8;

std::atomic<int> alive{0};
std::atomic<int> ends{0};

// Counts who lives; an unwinding that leaves somebody out is seen in the end.
struct Guest {
  Guest() { alive++; }
  Guest(const Guest &) { alive++; }
  ~Guest() { alive--; }
};

struct Failure : std::runtime_error {
  Guest guest;
  int depth;
  Failure(int depth) : std::runtime_error("at depth " + std::to_string(depth)), depth(depth) {}
};

__attribute__((noinline)) int descend(int depth, int end) {
  Guest guest;
  std::string frame(static_cast<size_t>(depth % 40), 'x');
  if (depth == end) throw Failure(depth);
  int result = descend(depth + 1, end) + static_cast<int>(frame.size());
  // Not a call at the end, which would have no frame.
  return result + alive;
}

// Each frame catches and throws on: a new search for a handler every time.
__attribute__((noinline)) void passOn(int depth) {
  Guest guest;
  if (depth == 0) throw Failure(0);
  try {
    passOn(depth - 1);
  } catch (Failure &failure) {
    failure.depth++;
    throw;
  }
}

void everybodyThrows() {
  std::atomic<int> caught{0}, waiting{0};
  std::vector<std::thread> threads;
  for (int number = 0; number < threadCount; number++) {
    threads.emplace_back([&, number] {
      waiting++;
      while (waiting < threadCount) std::this_thread::yield();
      for (int round = 0; round < 50; round++) {
        int end = 1 + (number * 37 + round * 11) % 200;
        try {
          descend(0, end);
        } catch (const Failure &failure) {
          if (failure.depth == end) caught++;
        }
        try {
          passOn(20);
        } catch (const std::exception &failure) {
          if (dynamic_cast<const Failure *>(&failure)->depth == 20) caught++;
        }
      }
    });
  }
  for (auto &thread : threads) thread.join();
  std::printf("thrown by all at once: %d caught, %d left behind\n", caught.load(), alive.load());
}

void carried() {
  std::exception_ptr pointer;
  std::thread([&] {
    try {
      descend(0, 100);
    } catch (...) {
      pointer = std::current_exception();
    }
  }).join();
  std::atomic<int> caught{0};
  std::vector<std::thread> threads;
  // The same exception in all of them.
  for (int number = 0; number < threadCount; number++) {
    threads.emplace_back([&, pointer] {
      try {
        std::rethrow_exception(pointer);
      } catch (const Failure &failure) {
        if (std::string(failure.what()) == "at depth 100") caught++;
      }
    });
  }
  for (auto &thread : threads) thread.join();
  threads.clear();
  pointer = nullptr;
  std::printf("carried to others: %d caught, %d left behind\n", caught.load(), alive.load());
}

void futures() {
  std::vector<std::future<int>> futures;
  for (int number = 0; number < 20; number++) {
    futures.push_back(std::async(std::launch::async, [number] {
      if (number % 2) return descend(0, number * 10);
      std::this_thread::sleep_for(std::chrono::milliseconds(number % 5));
      return number;
    }));
  }
  int sum = 0;
  std::string failures;
  for (auto &future : futures) {
    try {
      sum += future.get();
    } catch (const std::runtime_error &failure) {
      failures += std::string(" ") + failure.what() + ",";
    }
  }
  futures.clear();
  std::printf("asynchronous: sum %d,%s %d left behind\n", sum, failures.c_str(), alive.load());

  std::future<void> broken;
  {
    std::promise<void> promise;
    broken = promise.get_future();
  }
  try {
    broken.get();
  } catch (const std::future_error &error) {
    std::printf("promise: %s\n", error.code() == std::future_errc::broken_promise ? "broken" : "kept");
  }

  std::packaged_task<int(int)> task([](int depth) { return descend(0, depth); });
  auto result = task.get_future();
  std::thread(std::move(task), 30).join();
  try {
    result.get();
  } catch (const Failure &failure) {
    std::printf("task: %s\n", failure.what());
  }
}

// Destroyed when their thread ends, the last made first; one of them throws and catches on the way.
struct Local {
  const char *name;
  std::vector<std::string> *journal;
  ~Local() {
    ends++;
    try {
      descend(0, 10);
    } catch (const Failure &failure) {
      if (journal) journal->push_back(std::string(name) + " " + failure.what());
    }
  }
};

thread_local Local first{"first", nullptr};
thread_local Local second{"second", nullptr};

void locals() {
  std::vector<std::string> journal;
  std::thread([&] {
    first.journal = &journal;
    second.journal = &journal;
  }).join();
  for (auto &line : journal) std::printf("thread-local: %s\n", line.c_str());

  ends = 0;
  std::vector<std::thread> threads;
  for (int number = 0; number < 100; number++) {
    threads.emplace_back([] {
      if (second.journal) std::abort();
      try {
        descend(0, 50);
      } catch (const Failure &) {
      }
    });
    if (threads.size() == threadCount) {
      for (auto &thread : threads) thread.join();
      threads.clear();
    }
  }
  for (auto &thread : threads) thread.join();
  // Both are made as soon as one of them is used.
  std::printf("thread-local: %d destroyed, %d left behind\n", ends.load(), alive.load());
}

// An exception leaves through a lock and a wait; who waits next finds everything in order.
void locks() {
  std::mutex mutex;
  std::condition_variable changed;
  int turn = 0, failures = 0;
  std::vector<std::thread> threads;
  for (int number = 0; number < threadCount; number++) {
    threads.emplace_back([&, number] {
      for (int round = 0; round < 50; round++) {
        try {
          std::unique_lock lock(mutex);
          changed.wait(lock, [&] { return turn % threadCount == number; });
          turn++;
          changed.notify_all();
          throw Failure(round);
        } catch (const Failure &) {
          std::lock_guard lock(mutex);
          failures++;
        }
      }
    });
  }
  for (auto &thread : threads) thread.join();
  std::printf("through locks: %d turns, %d failures, %d left behind\n", turn, failures, alive.load());

  std::once_flag once;
  int tries = 0;
  threads.clear();
  for (int number = 0; number < threadCount; number++) {
    threads.emplace_back([&] {
      try {
        std::call_once(once, [&] {
          if (++tries < 3) throw Failure(tries);
        });
      } catch (const Failure &) {
      }
    });
  }
  for (auto &thread : threads) thread.join();
  std::printf("once: at the third of %d tries\n", tries);
}

}  // namespace

int main(int count, char **arguments) {
  if (count > 1) {
    // Nobody catches it: the program ends with SIGABRT, and says what it was.
    std::thread([] { descend(0, std::stoi("3")); }).join();
  }
  everybodyThrows();
  carried();
  futures();
  locals();
  locks();
}
