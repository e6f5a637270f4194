package rqvet

import (
	"go/token"
	"strings"
)

const ignorePrefix = "//rqvet:ignore"

// ignores has the rules that comments silence, by file, line and rule.
type ignores map[ignoreKey]bool

type ignoreKey struct {
	file string
	line int
	rule Rule
}

// covers reports whether a comment on the finding's line, or alone on the line
// above, names its rule.
func (i ignores) covers(p token.Position, rule Rule) bool {
	return i[ignoreKey{p.Filename, p.Line, rule}]
}

// readIgnores collects the comments "//rqvet:ignore rule reason" and reports those
// without a rule or a reason.
func (c *checker) readIgnores() ignores {
	found := ignores{}
	for _, file := range c.pass.Files {
		for _, group := range file.Comments {
			for _, comment := range group.List {
				text, ok := strings.CutPrefix(comment.Text, ignorePrefix)
				if !ok || text != "" && text[0] != ' ' && text[0] != '\t' {
					continue
				}
				text, _, _ = strings.Cut(text, "// want") // analysistest
				name, reason, _ := strings.Cut(strings.TrimSpace(text), " ")
				rule := Rule(name)
				switch {
				case !rule.valid():
					c.report(finding{rule: BadIgnore, pos: comment.Pos(), end: comment.End(),
						message: "no rule is called " + quoted(name) + "; write //rqvet:ignore RULE REASON"})
				case strings.TrimSpace(reason) == "":
					c.report(finding{rule: BadIgnore, pos: comment.Pos(), end: comment.End(),
						message: "an ignored finding needs a reason; write //rqvet:ignore " + name + " REASON"})
				default:
					p := c.pass.Fset.Position(comment.Pos())
					found[ignoreKey{p.Filename, p.Line, rule}] = true
					if c.alone(p) {
						found[ignoreKey{p.Filename, p.Line + 1, rule}] = true
					}
				}
			}
		}
	}
	return found
}

// alone reports whether nothing but space stands before a comment on its line.
func (c *checker) alone(p token.Position) bool {
	src, err := c.pass.ReadFile(p.Filename)
	start := p.Offset - (p.Column - 1)
	return err == nil && p.Offset <= len(src) && strings.TrimSpace(string(src[start:p.Offset])) == ""
}

func quoted(s string) string { return "\"" + s + "\"" }
