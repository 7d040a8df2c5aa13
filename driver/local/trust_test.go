package local_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drey/driver/local"
)

// authority writes the certificate of a new authority.
func authority(t *testing.T) (path string, body []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Authority Of A Test"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	body = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	path = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(path, body, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, body
}

func TestSandboxTrustsTheAuthority(t *testing.T) {
	ca, body := authority(t)
	dir := t.TempDir()
	d := openWith(t, local.Config{Dir: dir, Runtimes: library(t), CAPEM: ca, Resolver: "127.0.77.1"})
	start(t, d, small("c"))
	root := fmt.Sprintf("/proc/%d/root", jvm(t, dir, "c", "flink-taskmanager-1-1"))

	t.Run("InTheJVM", func(t *testing.T) {
		home, err := local.FindJava()
		if err != nil {
			t.Fatal(err)
		}
		store, err := filepath.EvalSymlinks(filepath.Join(home, "lib", "security", "cacerts"))
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(filepath.Join(home, "bin", "keytool"), "-list", "-alias", "drey-local-ca", "-storepass", "changeit",
			"-keystore", root+store).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "trustedCertEntry") {
			t.Errorf("keytool: %v: %s", err, out)
		}
	})
	t.Run("InTheSystemsBundle", func(t *testing.T) {
		bundle, err := os.ReadFile(root + "/etc/ssl/certs/ca-certificates.crt")
		if err != nil || !bytes.Contains(bundle, body) {
			t.Errorf("the bundle lacks the authority (%v)", err)
		}
	})
	t.Run("InTheProducerLibrary", func(t *testing.T) {
		hash, err := exec.Command("openssl", "x509", "-noout", "-subject_hash", "-in", ca).Output()
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(root, "tmp", "amazon-kinesis-producer-native-binaries", "cacerts", strings.TrimSpace(string(hash))+".0"))
		if err != nil || !bytes.Equal(got, body) {
			t.Errorf("the daemon's directory lacks the authority (%v)", err)
		}
	})
	t.Run("AndAsksTheResolver", func(t *testing.T) {
		got, err := os.ReadFile(root + "/etc/resolv.conf")
		if err != nil || string(got) != "nameserver 127.0.77.1\noptions ndots:1 timeout:2\n" {
			t.Errorf("resolv.conf %q (%v)", got, err)
		}
	})
}
