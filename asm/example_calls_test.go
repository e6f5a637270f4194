package asm_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rqlock/rqlock/asm"
)

// A wait ends after 1000 spins at most. Its result says whether the condition held.
func ExampleCondLoadAcquire32() {
	var ready uint32
	var text string
	go func() {
		text = "published"
		asm.StoreRelease32(&ready, 1)
	}()
	for asm.CondLoadAcquire32(&ready, 1, 1, 1000)&1 == 0 {
		runtime.Gosched()
	}
	fmt.Println(text)
	// Output: published
}

// Each side publishes by an exchange, and then looks by an acquire load. At least one
// finds what the other published. After StoreRelease32 both could miss it.
func ExampleXchg32AcqRel() {
	var left, right uint32
	var foundRight, foundLeft bool
	var wg sync.WaitGroup
	wg.Go(func() {
		asm.Xchg32AcqRel(&left, 1)
		foundRight = asm.LoadAcquire32(&right) == 1
	})
	wg.Go(func() {
		asm.Xchg32AcqRel(&right, 1)
		foundLeft = asm.LoadAcquire32(&left) == 1
	})
	wg.Wait()
	fmt.Println(foundLeft || foundRight)
	// Output: true
}

// A goroutine can tell whether it is the owner of a lock.
func ExampleCurrentG() {
	var w asm.Word
	asm.LockFast(&w)
	fmt.Println("here:", w.Owner == asm.CurrentG())
	done := make(chan bool)
	go func() { done <- w.Owner == asm.CurrentG() }()
	fmt.Println("there:", <-done)
	// Output:
	// here: true
	// there: false
}

func ExampleCycleCount() {
	start := asm.CycleCount()
	time.Sleep(time.Millisecond)
	fmt.Println(asm.CycleCount() > start)
	// Output: true
}

func ExampleVariant() {
	known := []string{"amd64", "arm64", "riscv64", "portable"}
	architecture, _, _ := strings.Cut(asm.Variant(), "+")
	fmt.Println(slices.Contains(known, architecture))
	// Output: true
}
