package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// envCmd is `drey env`.
type envCmd struct {
	dataDir
}

// Help shows how to use it.
func (envCmd) Help() string {
	return `Examples:
  eval "$(drey env)"
  eval "$(drey env --data-dir /tmp/drey)"`
}

// access is how to reach a server. The server writes it at start, readable by its user alone.
type access struct {
	Endpoint        string `json:"endpoint"`
	Region          string `json:"region"`
	AccessKeyID     string `json:"access_key_id"`
	SecretAccessKey string `json:"secret_access_key"`
}

func accessPath(dataDir string) string { return filepath.Join(dataDir, "access.json") }

func (a access) save(dataDir string) error {
	body, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		return err
	}
	tmp := accessPath(dataDir) + ".new"
	if err := os.WriteFile(tmp, append(body, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, accessPath(dataDir))
}

// loadAccess reads what the last server has written.
func loadAccess(dataDir string) (a access, err error) {
	body, err := os.ReadFile(accessPath(dataDir))
	if err != nil {
		return a, err
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return a, fmt.Errorf("%s: %w", accessPath(dataDir), err)
	}
	return a, nil
}

// Run prints lines for eval.
func (c *envCmd) Run() error {
	a, err := loadAccess(c.DataDir)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("no server has served %s yet; start one with\n  drey serve --data-dir %s", c.DataDir, c.DataDir)
	}
	if err != nil {
		return err
	}
	fmt.Printf("export AWS_ENDPOINT_URL=%s\n", a.Endpoint)
	fmt.Printf("export AWS_ACCESS_KEY_ID=%s\n", a.AccessKeyID)
	fmt.Printf("export AWS_SECRET_ACCESS_KEY=%s\n", a.SecretAccessKey)
	fmt.Printf("export AWS_REGION=%s\nexport AWS_DEFAULT_REGION=%s\n", a.Region, a.Region)
	fmt.Println("export AWS_DISABLE_HOST_PREFIX_INJECTION=true") // StartLiveTail would go to stream-127.0.0.1
	fmt.Println("unset AWS_SESSION_TOKEN AWS_PROFILE")
	return nil
}
