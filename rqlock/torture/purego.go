//go:build !gc || purego || go1.28 || !(amd64 || arm64 || riscv64)

package torture

const noPurego = "" // this is such a program
