//go:build unix && !aix && !solaris

package torture

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// A stopper is a child process that stops this one.
type stopper struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	answers chan string // one after each stop; closed when the child has ended
}

// stopScript stops the process of its argument for each length that it reads, and then
// answers, with a complaint if it failed. The length begins when the process has stopped:
// on a loaded machine that takes a while after the signal.
//
// It must not end in between. A terminal's interrupt does not reach it, since it is in a
// process group of its own. When this process ends, so does the script's input, and
// nobody is stopped who gets the same number later.
const stopScript = `trap '' INT TERM HUP
stopped() {
	if [ -r "/proc/$1/stat" ]; then
		read -r state <"/proc/$1/stat"
	else
		state=") $(ps -o state= -p "$1")"
	fi
	case $state in *") T"*) ;; *) return 1 ;; esac
}
while read -r length; do
	answer= tries=0
	kill -STOP "$1"
	until stopped "$1"; do
		tries=$((tries + 1))
		if [ $tries = 1000 ]; then
			answer='SIGSTOP does not stop this process'
			break
		fi
		sleep 0.001
	done
	[ "$answer" ] || sleep "$length" || answer='the command sleep takes no fractions of seconds'
	kill -CONT "$1"
	echo "$answer"
done`

func newStopper() (*stopper, error) {
	if isJob() {
		return nil, errors.New("this program is a job of a shell, which would take it for suspended; start it by make or go run")
	}
	cmd := exec.Command("sh", "-c", stopScript, "sh", fmt.Sprint(os.Getpid()))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &stopper{cmd, in, make(chan string)}
	go func() {
		defer close(s.answers)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			s.answers <- lines.Text()
		}
	}()
	return s, nil
}

// isJob reports whether an interactive shell has started this program: then its process
// group is not that of its parent, and it has a terminal.
func isJob() bool {
	if group, err := syscall.Getpgid(os.Getppid()); err != nil || group == syscall.Getpgrp() {
		return false
	}
	terminal, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	terminal.Close()
	return true
}

// begin has the process stopped for d. What comes next is over.
func (s *stopper) begin(d time.Duration) error {
	_, err := fmt.Fprintf(s.in, "%.3f\n", d.Seconds())
	return err
}

// over reports whether the stop is over, or an error if it was not made.
func (s *stopper) over() (bool, error) {
	select {
	case answer, ok := <-s.answers:
		switch {
		case !ok:
			return true, errors.New("the child process that stops this one has ended")
		case answer != "":
			return true, errors.New(answer)
		}
		return true, nil
	default:
		return false, nil
	}
}

// close ends the child process.
func (s *stopper) close() {
	s.in.Close()
	for range s.answers {
	}
	s.cmd.Wait()
}
