//go:build unix

package rqlock

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// stopEnv is set in the process that TestStopped stops.
const stopEnv = "RQLOCK_TEST_STOPPED"

// TestStopped: a process that was stopped for longer than the stall timeout
// does not take that for a stall (G6).
func TestStopped(t *testing.T) {
	if os.Getenv(stopEnv) != "" {
		beStopped(t)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestStopped$", "-test.v")
	cmd.Env = append(os.Environ(), stopEnv+"=1")
	stdin, err := cmd.StdinPipe()
	must(t, err)
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	if err := cmd.Start(); err != nil {
		t.Skipf("cannot start this program again: %v", err) // as under an emulator
	}
	out := bufio.NewReader(stdout)
	for line := ""; !strings.Contains(line, "ready"); {
		if line, err = out.ReadString('\n'); err != nil {
			t.Skipf("cannot run this program again: %v", cmd.Wait())
		}
	}
	must(t, cmd.Process.Signal(syscall.SIGSTOP))
	time.Sleep(2 * time.Second)
	must(t, cmd.Process.Signal(syscall.SIGCONT))
	time.Sleep(50 * time.Millisecond) // the waiters look before the holder unlocks
	must(t, stdin.Close())
	rest, _ := io.ReadAll(out)
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v:\n%s", err, rest)
	}
}

// beStopped has some wait for a lock until the input ends.
func beStopped(t *testing.T) {
	setStallTimeout(t, time.Second)
	l := newLock(t)
	actors := newActors(t, 4)
	actors[0].lock(l)
	for i, a := range actors[1:] {
		a.waits(l, func() error { return ways[i].lock(l) })
	}
	os.Stdout.WriteString("ready\n")
	io.Copy(io.Discard, os.Stdin)
	actors[0].unlock(l)
	for _, a := range actors[1:] {
		must(t, a.result())
		a.unlock(l)
	}
}

// TestQuota: a process that runs for 10 of every 100 ms, as with a quota, sees no stall at
// the default timeout in a section of 180 ms of its computing: its stops do not add up (G6).
func TestQuota(t *testing.T) {
	const quotaEnv = "RQLOCK_TEST_QUOTA"
	if os.Getenv(quotaEnv) != "" {
		l := newLock(t)
		a := newActors(t, 1)[0]
		must(t, l.Lock())
		a.waits(l, l.Lock)
		os.Stdout.WriteString("ready\n")
		var r syscall.Rusage
		computed := func() time.Duration {
			must(t, syscall.Getrusage(syscall.RUSAGE_SELF, &r))
			return time.Duration(r.Utime.Nano() + r.Stime.Nano())
		}
		for start := computed(); computed()-start < 180*time.Millisecond; {
		}
		l.Unlock()
		must(t, a.result())
		a.unlock(l)
		return
	}
	if testing.Short() {
		t.Skip("lasts for some seconds")
	}
	// For 180 ms of computing it need not go for longer, all in all, unless the machine has other
	// work.
	const enough = 240 * time.Millisecond
	for good, begun := 0, time.Now(); good < 3; {
		if time.Since(begun) > 4*patience {
			t.Fatalf("%d of 3 runs ended without a stall, and the others ran for too little of their time", good)
		}
		cmd := exec.Command(os.Args[0], "-test.run=^TestQuota$", "-test.v")
		cmd.Env = append(os.Environ(), quotaEnv+"=1")
		stdout, err := cmd.StdoutPipe()
		must(t, err)
		if err := cmd.Start(); err != nil {
			t.Skipf("cannot start this program again: %v", err) // as under an emulator
		}
		// Beside other work of the machine it has its time, if we may say so.
		syscall.Setpriority(syscall.PRIO_PROCESS, cmd.Process.Pid, -20)
		out := bufio.NewReader(stdout)
		for line := ""; !strings.Contains(line, "ready"); {
			if line, err = out.ReadString('\n'); err != nil {
				t.Skipf("cannot run this program again: %v", cmd.Wait())
			}
		}
		ready := time.Now()
		rest := make(chan []byte)
		go func() {
			all, _ := io.ReadAll(out)
			rest <- all
		}()
		went, goes := time.Duration(0), ready // for how long it was not stopped, and since when it is not
		for over := false; !over; {
			cmd.Process.Signal(syscall.SIGSTOP)
			went += time.Since(goes)
			time.Sleep(90 * time.Millisecond)
			goes = time.Now()
			cmd.Process.Signal(syscall.SIGCONT)
			select {
			case said := <-rest:
				err := cmd.Wait()
				if err != nil && went+time.Since(goes) <= enough {
					t.Fatalf("%v:\n%s", err, said)
				}
				if err == nil {
					good++
				}
				over = true
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
}

// TestErrno: the errors match those of the operating system.
func TestErrno(t *testing.T) {
	l := newLock(t)
	must(t, l.Lock())
	if err := l.Lock(); !errors.Is(err, syscall.EDEADLK) || errors.Is(err, syscall.ETIMEDOUT) {
		t.Errorf("%v does not match EDEADLK alone", err)
	}
	a := newActors(t, 1)[0]
	err := a.do(func() error { return l.LockTimeout(0) })
	if !errors.Is(err, syscall.ETIMEDOUT) || errors.Is(err, syscall.EDEADLK) {
		t.Errorf("%v does not match ETIMEDOUT alone", err)
	}
	l.Unlock()
}
