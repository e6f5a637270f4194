//go:build race || !amd64

package words

// copies says that Load and Store must go word by word: see copy_amd64.go.
const copies = false
