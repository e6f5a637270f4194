//go:build gc && !purego && !go1.28 && (amd64 || arm64 || riscv64)

package torture

const noPurego = "this program has the assembly; build it with -tags purego"
