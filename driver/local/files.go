package local

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
)

// place links a file, or copies it to another file system. The target appears in whole.
func place(from, to string) error {
	if os.Link(from, to) == nil {
		return nil
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	return replaceFile(to, in)
}

func writeJSON(path string, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return writeFile(path, body)
}

func writeFile(path string, body []byte) error { return replaceFile(path, bytes.NewReader(body)) }

// replaceFile replaces a file in whole, durably.
func replaceFile(path string, content io.Reader) error {
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err = io.Copy(f, content); err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return os.Rename(tmp, path)
}
