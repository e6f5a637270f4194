//go:build !unix || aix || solaris

package torture

import (
	"errors"
	"time"
)

// A stopper stops the process, which nobody can do here.
type stopper struct{}

func newStopper() (*stopper, error) {
	return nil, errors.New("no process can be stopped by a signal on this system")
}

func (*stopper) begin(time.Duration) error { return nil }
func (*stopper) over() (bool, error)       { return true, nil }
func (*stopper) close()                    {}
