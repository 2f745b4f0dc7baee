// SPDX-License-Identifier: Apache-2.0
// Go's runtime at work: thousands of goroutines, channels, timers, garbage, a fault that is recovered from, and loops
// that must be interrupted.
package main

import (
	"fmt"
	"os"
	"runtime"
	"sort"
	"sync"
	"sync/atomic"
	"time"
)

func main() {
	if os.Args[len(os.Args)-1] == "processors" {
		fmt.Println(runtime.NumCPU())
		return
	}
	var group sync.WaitGroup
	numbers := make(chan int, 10)
	total := make(chan int)
	go func() {
		sum := 0
		for number := range numbers {
			sum += number
		}
		total <- sum
	}()
	for i := 0; i < 2000; i++ {
		group.Add(1)
		go func(number int) {
			defer group.Done()
			garbage := make([]byte, 1000)
			garbage[number%1000] = 1
			for k := 0; k < 5; k++ {
				numbers <- number
				runtime.Gosched()
			}
		}(i)
	}
	group.Wait()
	close(numbers)
	fmt.Println("sum", <-total)

	func() {
		defer func() { fmt.Println("recovered:", recover()) }()
		var nowhere *int
		fmt.Println(*nowhere)
	}()

	ticker := time.NewTicker(3 * time.Millisecond)
	for i := 0; i < 10; i++ {
		<-ticker.C
	}
	ticker.Stop()
	fmt.Println("ten ticks")

	select {
	case <-make(chan int):
	case <-time.After(20 * time.Millisecond):
		fmt.Println("timed out")
	}

	var lists [][]int
	for i := 0; i < 200; i++ {
		list := make([]int, 1000)
		for k := range list {
			list[k] = (k*7919 + i) % 1000
		}
		sort.Ints(list)
		lists = append(lists, list)
		if i%50 == 0 {
			lists = nil
		}
	}
	runtime.GC()
	var statistics runtime.MemStats
	runtime.ReadMemStats(&statistics)
	fmt.Println("collected garbage:", statistics.NumGC > 0, len(lists))

	var spinning int64
	for i := 0; i < runtime.NumCPU()+1; i++ {
		go func() {
			for {
				atomic.AddInt64(&spinning, 1)
			}
		}()
	}
	time.Sleep(50 * time.Millisecond)
	fmt.Println("loops that never call anything are interrupted:", atomic.LoadInt64(&spinning) > 0)

	var mutex sync.RWMutex
	values := map[int]int{}
	for i := 0; i < 50; i++ {
		group.Add(1)
		go func(number int) {
			defer group.Done()
			for k := 0; k < 100; k++ {
				mutex.Lock()
				values[number] += k
				mutex.Unlock()
				mutex.RLock()
				_ = values[(number+1)%50]
				mutex.RUnlock()
			}
		}(i)
	}
	group.Wait()
	fmt.Println("values", len(values), values[49])
}
