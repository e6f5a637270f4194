package park

// Patient returns the limit of a wait that no stall ends.
func Patient() *Limit { return &Limit{dated: true} }

// Blindly returns the limit of a wait that no stall ends, nor a deadlock that it closes itself.
func Blindly() *Limit { return &Limit{dated: true, blind: true} }

// Blind reports whether a wait with this limit goes on though it closes a cycle.
func (lim *Limit) Blind() bool { return lim != nil && lim.blind }

// Blind reports that of p's limit.
func (p *Parker) Blind() bool { return p.blind }
