package rqvet

import (
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"
)

const ignorePrefix = "//rqvet:ignore"

// ignores has the comments that silence findings, by what they silence.
type ignores map[ignoreKey]*ignore

type ignoreKey struct {
	file string
	line int
	rule Rule
}

// ignore is one comment.
type ignore struct {
	pos, end token.Pos
	rule     Rule
	used     bool // it has silenced something
}

// covers reports whether a comment names the finding's rule. It stands on the finding's
// line, or alone on the line above.
func (all ignores) covers(p token.Position, rule Rule) bool {
	i := all[ignoreKey{p.Filename, p.Line, rule}]
	if i == nil {
		return false
	}
	i.used = true
	return true
}

// readIgnores collects the comments "//rqvet:ignore rule reason" and reports those
// without a rule or a reason.
func (c *checker) readIgnores() ignores {
	all := ignores{}
	for _, file := range c.pass.Files {
		for _, group := range file.Comments {
			for _, comment := range group.List {
				c.readIgnore(all, comment)
			}
		}
	}
	return all
}

func (c *checker) readIgnore(all ignores, comment *ast.Comment) {
	text, ok := strings.CutPrefix(comment.Text, ignorePrefix)
	if !ok || text != "" && text[0] != ' ' && text[0] != '\t' {
		return
	}
	text, _, _ = strings.Cut(text, "// want") // analysistest
	name, reason, _ := strings.Cut(strings.TrimSpace(text), " ")
	bad := finding{rule: BadIgnore, pos: comment.Pos(), end: comment.End()}
	switch {
	case !Rule(name).valid():
		bad.message = fmt.Sprintf("no rule is called %q; write //rqvet:ignore RULE REASON", name)
		c.report(bad)
	case strings.TrimSpace(reason) == "":
		bad.message = "an ignored finding needs a reason; write //rqvet:ignore " + name + " REASON"
		c.report(bad)
	default:
		p := c.pass.Fset.Position(comment.Pos())
		i := &ignore{pos: comment.Pos(), end: comment.End(), rule: Rule(name)}
		all[ignoreKey{p.Filename, p.Line, i.rule}] = i
		if c.alone(p) {
			all[ignoreKey{p.Filename, p.Line + 1, i.rule}] = i
		}
	}
}

// reportUnused reports the comments that have silenced nothing, except in functions that have too
// many paths, where nothing is reported.
func (c *checker) reportUnused(all ignores) {
	unfollowed := func(i *ignore) bool {
		return slices.ContainsFunc(c.unfollowed, func(n ast.Node) bool { return n.Pos() <= i.pos && i.pos < n.End() })
	}
	for _, i := range slices.SortedFunc(maps.Values(all), func(x, y *ignore) int { return c.compare(x.pos, y.pos) }) {
		if !i.used && (i.rule != Blocks || c.opts.blocks) && !unfollowed(i) {
			c.emit(finding{rule: BadIgnore, pos: i.pos, end: i.end,
				message: "nothing is found here that this comment could silence (" + string(i.rule) + "): delete it",
				fixes:   []analysis.SuggestedFix{{Message: "delete the comment", TextEdits: []analysis.TextEdit{{Pos: i.pos, End: i.end}}}}})
			i.used = true // it stands for two lines, perhaps
		}
	}
}

// alone reports whether a comment has its line for itself.
func (c *checker) alone(p token.Position) bool {
	src, err := c.pass.ReadFile(p.Filename)
	start := p.Offset - (p.Column - 1)
	return err == nil && p.Offset <= len(src) && strings.TrimSpace(string(src[start:p.Offset])) == ""
}
