package mc

import "fmt"

// Replay runs the execution of a schedule again and returns its trace. The Failure is
// nil if the execution does not fail.
func (w World) Replay(p *Program, text string) (trace string, f *Failure, err error) {
	s, err := parseSchedule(text)
	if err != nil {
		return "", nil, err
	}
	oneAt.Lock()
	defer oneAt.Unlock()
	m := newMachine(w, p)
	defer m.close()
	m.tracing = true
	if err := m.replay(s); err != nil {
		return "", nil, err
	}
	trace = m.traceText()
	if m.failure != "" {
		f = &Failure{Message: m.failure, Schedule: s.String(), Trace: trace, Steps: m.steps}
	}
	return trace, f, nil
}

// replay runs the execution of a schedule. It returns an error if the program cannot
// take the schedule's steps in this world.
func (m *machine) replay(s schedule) error {
	m.begin()
	defer m.abandon()
	var buf []choice
	for i, c := range s.steps {
		if m.failure != "" {
			return nil
		}
		buf = m.options(buf[:0])
		if !contains(buf, c) {
			return fmt.Errorf("schedule: step %d, %v, cannot happen then", i+1, c)
		}
		m.step(c)
	}
	if s.fair {
		if m.tracing {
			m.logf("from here on the scheduler is fair")
		}
		m.continueFairly(&buf)
	}
	if m.failure == "" && len(m.options(buf[:0])) == 0 {
		m.end()
	}
	return nil
}

func contains(options []choice, c choice) bool {
	for _, o := range options {
		if o == c {
			return true
		}
	}
	return false
}

// explain returns the report of a failed execution, or of a shorter one that fails in
// the same way.
func (m *machine) explain(s schedule) *Failure {
	if err := m.replay(s); err != nil || m.failure == "" {
		return &Failure{Message: "the program is not deterministic: its failure cannot be replayed", Schedule: s.String()}
	}
	if !m.Verbatim {
		s = m.minimise(s)
	}
	m.tracing = true
	m.replay(s)
	return &Failure{Message: m.failure, Schedule: s.String(), Trace: m.traceText(), Steps: m.steps}
}

// Of a trace with more than maxTrace lines the middle is left out.
const (
	maxTrace  = 300
	traceTail = 40 // lines of its end that are shown
)

// traceText returns the trace, with the failure as its last line.
func (m *machine) traceText() string {
	lines := m.log
	if left := len(lines) - maxTrace; left > 0 {
		head := lines[:maxTrace-traceTail]
		tail := lines[len(lines)-traceTail:]
		lines = append(append(head[:len(head):len(head)], fmt.Sprintf("... %d more steps ...", left)), tail...)
	}
	var text []byte
	for i, line := range lines {
		text = fmt.Appendf(text, "%3d  %s\n", i+1, line)
	}
	if m.failure != "" {
		text = fmt.Appendf(text, "     %s\n", m.failure)
	}
	return string(text)
}
