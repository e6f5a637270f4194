package golang

// raceFiles emits what tells the race detector of edges, and its empty counterpart for
// builds without the detector.
func raceFiles(c *Config) (map[string][]byte, error) {
	on, err := c.fill("race.go.tmpl", "race")
	if err != nil {
		return nil, err
	}
	off, err := c.fill("norace.go.tmpl", "!race")
	return map[string][]byte{"zrace.go": on, "znorace.go": off}, err
}
