//go:build purego || !(amd64 || arm64)

package torture

const noPurego = "" // this is such a program
