package mutate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// A batch has the mutants of one file. They are built into one binary, in which each has a
// name of its own, since a build for each would take hours. RQLOCK_MUTANT says which one
// stands for the original.
type batch struct {
	*runner
	pkg     *Package
	arch    string
	table   *Table
	source  string // the file, relative to the package's module
	mutants []*Mutant
	dir     string // temporary
	decided map[*Mutant]bool
	lock    sync.Mutex
}

// env is the variable that chooses a mutant.
const env = "RQLOCK_MUTANT"

// id names mutant n, and symbol a function of it. Audits know the function by it.
func (b *batch) id(m *Mutant) string { return fmt.Sprintf("m%05d", slices.Index(b.mutants, m)) }

func (b *batch) symbol(m *Mutant, f function) string {
	return b.id(m) + strings.ToUpper(f.name[:1]) + f.name[1:]
}

// run decides about every mutant, by what takes the least time first.
func (b *batch) run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "rqlock-mutants")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b.dir, b.decided = dir, map[*Mutant]bool{}
	for _, m := range b.mutants {
		if len(m.changed) == 0 {
			b.decide(m, survived, "no instruction changes")
		} else if b.excused(m) != "" {
			b.decide(m, excused, b.excused(m))
		}
	}
	for _, step := range []func(context.Context) error{b.assemble, b.auditFirst, b.vet, b.auditOthers, b.test} {
		if len(b.left()) == 0 {
			return nil
		}
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// left lists the mutants that nothing is known of yet.
func (b *batch) left() []*Mutant {
	b.lock.Lock()
	defer b.lock.Unlock()
	return slices.DeleteFunc(slices.Clone(b.mutants), func(m *Mutant) bool { return b.decided[m] })
}

func (b *batch) decide(m *Mutant, v verdict, by string) {
	b.lock.Lock()
	defer b.lock.Unlock()
	if !b.decided[m] {
		b.decided[m] = true
		b.report(m, v, by)
	}
}

// command prepares a command for a build.
func (b *batch) command(ctx context.Context, build Build, name string, args ...string) *exec.Cmd {
	cmd := goCommand(ctx, b.pkg.Root, name, args...)
	cmd.Env = slices.Concat(cmd.Env, []string{"GOOS=linux", "GOARCH=" + b.arch}, build.Env)
	return cmd
}

// goCommand prepares a command of the toolchain.
func goCommand(ctx context.Context, dir, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-buildvcs=false", "CGO_ENABLED=0")
	return cmd
}

// assemble assembles each mutant by itself for each build. What the assembler refuses is killed.
func (b *batch) assemble(ctx context.Context) error {
	asm, err := exec.Command("go", "tool", "-n", "asm").Output()
	if err != nil {
		return fmt.Errorf("go tool -n asm: %w", err)
	}
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return fmt.Errorf("go env GOROOT: %w", err)
	}
	include := filepath.Join(strings.TrimSpace(string(goroot)), "pkg", "include")
	return each(ctx, cap(b.slots), b.left(), func(ctx context.Context, m *Mutant) error {
		var src strings.Builder
		src.WriteString("#include \"textflag.h\"\n\n")
		for _, f := range m.changed {
			src.WriteString(f.render(b.symbol(m, f)))
		}
		file := filepath.Join(b.dir, b.id(m)+".s")
		if err := os.WriteFile(file, []byte(src.String()), 0o600); err != nil {
			return err
		}
		for _, build := range b.table.Builds {
			args := []string{"-p", b.pkg.Path, "-I", include, "-D", "GOOS_linux", "-D", "GOARCH_" + b.arch}
			for _, d := range build.Defines {
				args = append(args, "-D", d)
			}
			out, err := b.output(b.command(ctx, build, strings.TrimSpace(string(asm)), append(args, "-o", file+".o", file)...))
			if ctx.Err() != nil {
				return ctx.Err()
			} else if err != nil && len(out) == 0 {
				return fmt.Errorf("%s: %w", asm, err)
			} else if err != nil {
				b.decide(m, killed, "assembler")
				break
			}
		}
		return nil
	})
}

// writeOverlay writes the files with all mutants that are left, and what go build takes for
// -overlay.
func (b *batch) writeOverlay() (string, error) {
	src, err := os.ReadFile(filepath.Join(b.pkg.Root, b.source))
	if err != nil {
		return "", err
	}
	declarations := strings.TrimSuffix(b.source, ".s") + ".go"
	decls, err := os.ReadFile(filepath.Join(b.pkg.Root, declarations))
	if err != nil {
		return "", err
	}
	asm, inGo, more, err := b.combine(string(src), string(decls))
	if err != nil {
		return "", err
	}
	replace := map[string]string{}
	for name, text := range map[string]string{
		b.source: asm, declarations: inGo, filepath.Join(filepath.Dir(b.source), "zmutants_"+b.arch+".go"): more,
	} {
		to := filepath.Join(b.dir, filepath.Base(name))
		if err := os.WriteFile(to, []byte(text), 0o600); err != nil {
			return "", err
		}
		replace[filepath.Join(b.pkg.Root, name)] = to
	}
	overlay := filepath.Join(b.dir, "overlay.json")
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	return overlay, os.WriteFile(overlay, text, 0o600)
}

// combine returns the assembly with all mutants, the declarations, in which a variable stands
// for each function that has mutants, and a file that declares the mutants and sets the variables.
func (b *batch) combine(src, decls string) (asm, inGo, more string, err error) {
	prologue, originals := parse(src)
	mutated, declared, chosen := map[string]bool{}, &strings.Builder{}, &strings.Builder{}
	out := strings.Join(prologue, "\n") + "\n"
	for _, m := range b.left() {
		fmt.Fprintf(chosen, "\tcase %q:\n", b.id(m))
		for _, f := range m.changed {
			signature := regexp.MustCompile(`(?m)^func ` + f.name + `(\(.*[^{])$`).FindStringSubmatch(decls)
			if signature == nil {
				return "", "", "", fmt.Errorf("%s: no declaration of %s", b.source, f.name)
			}
			mutated[f.name] = true
			out += f.render(b.symbol(m, f))
			fmt.Fprintf(declared, "func %s%s\n\n", b.symbol(m, f), signature[1])
			fmt.Fprintf(chosen, "\t\t%s = %s\n", f.name, b.symbol(m, f))
		}
	}
	for _, f := range originals {
		name := f.name
		if mutated[name] {
			name += "Original"
			decls = regexp.MustCompile(`(?m)^func `+f.name+`\(`).ReplaceAllString(decls, "func "+name+"(")
			decls += "\nvar " + f.name + " = " + name + "\n"
		}
		out += f.render(name)
	}
	header := decls[:packageClause.FindStringIndex(decls)[1]]
	more = header + "\nimport \"os\"\n\n" + declared.String() +
		"func init() {\n\tswitch os.Getenv(\"" + env + "\") {\n" + chosen.String() + "\t}\n}\n"
	return out, decls, more, nil
}

var packageClause = regexp.MustCompile(`(?m)^package \w+\n`)

// vet lets go vet compare each mutant with its declaration.
func (b *batch) vet(ctx context.Context) error {
	overlay, err := b.writeOverlay()
	if err != nil {
		return err
	}
	out, err := b.output(b.command(ctx, b.table.Builds[0], "go", "vet", "-overlay="+overlay, "-asmdecl", "./"+filepath.Dir(b.source)))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	named := b.killNamed(complaint.FindAllSubmatch(out, -1), "go vet")
	if err != nil && named == 0 {
		return fmt.Errorf("go vet: %w\n%s", err, out)
	}
	return nil
}

var complaint = regexp.MustCompile(`(?m)\[\w+\] (m\d{5})\w*: `)

// auditFirst audits the first build, and auditOthers the others.
func (b *batch) auditFirst(ctx context.Context) error { return b.auditBuilds(ctx, 0, 1) }

func (b *batch) auditOthers(ctx context.Context) error {
	return b.auditBuilds(ctx, 1, len(b.table.Builds))
}

func (b *batch) auditBuilds(ctx context.Context, from, to int) error {
	for n := from; n < to && len(b.left()) > 0; n++ {
		bin, err := b.link(ctx, b.table.Builds[n])
		if err != nil {
			return err
		}
		if err := b.audit(bin, n); err != nil {
			return err
		}
	}
	return nil
}

// link links the tests of the package with all mutants that are left. What the linker refuses
// is killed.
func (b *batch) link(ctx context.Context, build Build) (bin string, err error) {
	bin = filepath.Join(b.dir, "tests")
	for {
		overlay, err := b.writeOverlay()
		if err != nil {
			return "", err
		}
		out, err := b.output(b.command(ctx, build, "go", "test", "-c", "-vet=off", "-overlay="+overlay, "-o", bin, "./"+filepath.Dir(b.source)))
		if err == nil || ctx.Err() != nil {
			return bin, ctx.Err()
		}
		if b.killNamed(refused.FindAllSubmatch(out, -1), "linker") == 0 {
			return "", fmt.Errorf("go test -c: %w\n%s", err, out)
		}
	}
}

var refused = regexp.MustCompile(`(?m)\.(m\d{5})\w*: `)

// killNamed decides that the mutants that a command names are killed, and returns how many
// these are.
func (b *batch) killNamed(names [][][]byte, by string) (n int) {
	for _, m := range b.left() {
		if slices.ContainsFunc(names, func(name [][]byte) bool { return string(name[1]) == b.id(m) }) {
			b.decide(m, killed, by)
			n++
		}
	}
	return n
}

func (b *batch) audit(bin string, build int) error {
	f, err := elf.Open(bin)
	if err != nil {
		return err
	}
	defer f.Close()
	symbols := map[string]string{}
	for _, m := range b.left() {
		for _, fn := range m.changed {
			symbols[b.symbol(m, fn)] = fn.name
		}
	}
	rules, err := b.pkg.Audit(b.arch, build, f, symbols)
	if err != nil {
		return err
	}
	for _, m := range b.left() {
		for _, fn := range m.changed {
			if rule := rules[b.symbol(m, fn)]; rule != "" {
				b.decide(m, killed, "audit ("+rule+")")
			}
		}
	}
	return nil
}

// machines returns what runs programs of the architecture here.
func (b *batch) machines() (all []Machine, err error) {
	if runtime.GOARCH == b.arch && runtime.GOOS == "linux" {
		return []Machine{{}}, nil
	}
	for _, m := range b.table.Machines {
		names := strings.Split(m.Line[0], "|")
		k := slices.IndexFunc(names, func(name string) bool { _, err := exec.LookPath(name); return err == nil })
		if k < 0 {
			return nil, fmt.Errorf("%s: no %s here to run its tests", b.arch, strings.Join(names, " or "))
		}
		all = append(all, Machine{slices.Concat(names[k:k+1], m.Line[1:]), m.Env})
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: its table names nothing that runs its tests here", b.arch)
	}
	return all, nil
}

// test runs tests with each mutant that is left, on each machine.
func (b *batch) test(ctx context.Context) error {
	machines, err := b.machines()
	if err != nil {
		return err
	}
	bin, err := b.link(ctx, b.table.Builds[0])
	if err != nil {
		return err
	}
	hash, err := hashOf(bin)
	if err != nil {
		return err
	}
	p := b.newProgram(bin, filepath.Join(b.pkg.Root, b.pkg.Dir), machines)
	return each(ctx, cap(b.slots), b.left(), func(ctx context.Context, m *Mutant) error {
		v, by, err := b.state.remember(hash+" "+b.id(m), func() (verdict, string, error) { return b.judge(ctx, p, m) })
		if err == nil {
			b.decide(m, v, by)
		}
		return err
	})
}

// hashOf returns a hash of a file.
func hashOf(name string) (string, error) {
	text, err := os.ReadFile(name)
	return fmt.Sprintf("%x", sha256.Sum256(text)), err
}

// judge runs the tests that concern a mutant, the fewest first.
func (b *batch) judge(ctx context.Context, p *program, m *Mutant) (verdict, string, error) {
	for step := 0; ; step++ {
		more := false
		for _, f := range m.changed {
			patterns := b.pkg.Tests(f.name)
			if step >= len(patterns) {
				continue
			}
			more = true
			if by, err := p.kill(ctx, patterns[step], b.id(m)); err != nil || by != "" {
				return killed, by, err
			}
		}
		if !more {
			return survived, "audit and tests", nil
		}
	}
}

var failedTest = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)

// reason says by what a test program has failed.
func reason(out []byte) string {
	if m := failedTest.FindSubmatch(out); m != nil {
		return "test " + string(m[1])
	}
	if bytes.Contains(out, []byte("panic:")) {
		return "panic in a test"
	}
	return "crash in a test"
}
