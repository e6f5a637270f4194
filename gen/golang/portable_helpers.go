package golang

import (
	"bytes"
	"text/template"

	"github.com/rqlock/rqlock/templates"
)

// helpers returns the functions and variables that the twins share.
func (c *Config) helpers() (string, error) {
	t, err := template.New("twins.go.tmpl").Funcs(template.FuncMap{"comment": comment}).ParseFS(templates.FS, "twins.go.tmpl")
	if err != nil {
		return "", err
	}
	type word struct {
		Bits   int
		Suffix string // of names
	}
	var b bytes.Buffer
	err = t.Execute(&b, struct{ Narrow, Wide word }{word{32, ""}, word{64, "64"}})
	return b.String(), err
}
