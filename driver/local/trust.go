package local

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// trust is what makes a sandbox believe the server's authority.
type trust struct {
	caPEM    string
	keystore string   // the JDK's cacerts and ours
	bundle   string   // the system's bundle and ours, "" = the system has none
	hashes   []string // OpenSSL's subject hashes, by which its directories are searched
}

const systemBundle = "/etc/ssl/certs/ca-certificates.crt"

// buildTrust makes the stores once per authority and JDK.
func buildTrust(ctx context.Context, dir, caPEM string, t tools) (*trust, error) {
	body, err := os.ReadFile(caPEM)
	if err != nil {
		return nil, fmt.Errorf("trust: %w", err)
	}
	sum := sha256.Sum256(append(body, t.javaBuild...))
	dir = filepath.Join(dir, hex.EncodeToString(sum[:8]))
	tr := &trust{caPEM: caPEM, keystore: filepath.Join(dir, "cacerts")}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	for _, flag := range []string{"-subject_hash", "-subject_hash_old"} {
		out, err := exec.CommandContext(ctx, "openssl", "x509", "-noout", flag, "-in", caPEM).Output()
		if err != nil {
			return nil, fmt.Errorf("trust: openssl is needed to name the certificate: %w", err)
		}
		tr.hashes = append(tr.hashes, strings.TrimSpace(string(out)))
	}
	if system, err := os.ReadFile(systemBundle); err == nil {
		tr.bundle = filepath.Join(dir, "ca-certificates.crt")
		if err := writeFile(tr.bundle, append(append(system, '\n'), body...)); err != nil {
			return nil, err
		}
	}
	return tr, tr.buildKeystore(ctx, t)
}

func (tr *trust) buildKeystore(ctx context.Context, t tools) error {
	if _, err := os.Stat(tr.keystore); err == nil {
		return nil
	}
	body, err := os.ReadFile(t.cacerts())
	if err != nil {
		return fmt.Errorf("trust: the JDK's truststore: %w", err)
	}
	tmp := tr.keystore + ".making"
	if err := writeFile(tmp, body); err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, filepath.Join(t.javaHome, "bin", "keytool"), "-importcert", "-noprompt", "-trustcacerts",
		"-alias", "drey-local-ca", "-file", tr.caPEM, "-keystore", tmp, "-storepass", "changeit").CombinedOutput()
	if err != nil {
		return fmt.Errorf("trust: keytool: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return os.Rename(tmp, tr.keystore)
}

// mounts lays the stores over the system's.
func (tr *trust) mounts(t tools) []string {
	a := []string{"--ro-bind", tr.keystore, t.cacerts()}
	if tr.bundle != "" {
		a = append(a, "--ro-bind", tr.bundle, systemBundle)
	}
	return a
}

// placeForKPL puts the certificate where the Kinesis Producer Library's native daemon looks, below its java.io.tmpdir.
func (tr *trust) placeForKPL(tmp string) error {
	dir := filepath.Join(tmp, "amazon-kinesis-producer-native-binaries", "cacerts")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	body, err := os.ReadFile(tr.caPEM)
	if err != nil {
		return err
	}
	for _, hash := range tr.hashes {
		if err := os.WriteFile(filepath.Join(dir, hash+".0"), body, 0o600); err != nil {
			return err
		}
	}
	return nil
}
