package bench

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// writeFiles writes all of the files or, if one of them cannot be written, none.
// Each appears with all of its contents.
func writeFiles(files map[string][]byte) (err error) {
	temps := map[string]string{}
	defer func() {
		for _, temp := range temps {
			os.Remove(temp)
		}
	}()
	for _, path := range slices.Sorted(maps.Keys(files)) {
		if temps[path], err = writeTemp(path, files[path]); err != nil {
			return fmt.Errorf("%s: %w", path, pathless(err))
		}
	}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		if err := os.Rename(temps[path], path); err != nil {
			return fmt.Errorf("%s: %w", path, pathless(err))
		}
		delete(temps, path)
	}
	return nil
}

// writeTemp writes a file beside path, to be renamed.
func writeTemp(path string, contents []byte) (temp string, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return "", err
	}
	_, err = io.Copy(f, bytes.NewReader(contents))
	return f.Name(), errors.Join(err, f.Chmod(0o644), f.Close())
}

// checkWritable returns an error if no file can be written at path. It is called before
// minutes of measuring.
func checkWritable(path string) error {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s: not a regular file, and a new one would replace it", path)
	}
	temp, err := writeTemp(path, nil)
	if temp != "" {
		os.Remove(temp)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, pathless(err))
	}
	return nil
}

// pathless removes the path from an error, as the message names it already.
func pathless(err error) error {
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		return pe.Err
	}
	if le := (*os.LinkError)(nil); errors.As(err, &le) {
		return le.Err
	}
	return err
}
