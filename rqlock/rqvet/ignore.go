package rqvet

import (
	"go/token"
	"strings"
)

const ignorePrefix = "//rqvet:ignore"

// ignores is what comments silence.
type ignores map[ignoreKey]bool

type ignoreKey struct {
	file string
	line int
	rule Rule
}

// covers reports whether a comment names the finding's rule. It stands on the finding's
// line, or alone on the line above.
func (i ignores) covers(p token.Position, rule Rule) bool {
	return i[ignoreKey{p.Filename, p.Line, rule}]
}

// readIgnores collects the comments "//rqvet:ignore rule reason" and reports those
// without a rule or a reason.
func (c *checker) readIgnores() ignores {
	all := ignores{}
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
					all[ignoreKey{p.Filename, p.Line, rule}] = true
					if c.alone(p) {
						all[ignoreKey{p.Filename, p.Line + 1, rule}] = true
					}
				}
			}
		}
	}
	return all
}

// alone reports whether a comment has its line for itself.
func (c *checker) alone(p token.Position) bool {
	src, err := c.pass.ReadFile(p.Filename)
	start := p.Offset - (p.Column - 1)
	return err == nil && p.Offset <= len(src) && strings.TrimSpace(string(src[start:p.Offset])) == ""
}

func quoted(s string) string { return "\"" + s + "\"" }
