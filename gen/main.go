// Gen writes model/<service> from the service descriptions of the Python package botocore, for the operations that
// gen/operations/<service>.txt names. Documentation texts are left out. It also writes docs/unserved-operations.md.
//
//	go run ./gen
package main

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"drey/wire"
)

// botocoreVersion is the first that knows all operations of kinesisanalyticsv2 that are served here.
const botocoreVersion = "1.44.5"

// services are the generated packages, with what the descriptions do not say.
var services = []struct {
	name       string
	validation wire.ErrorCode // of a violated constraint
	maxBody    int64          // of the largest legal request, with all that JSON's escapes can add to it
}{
	{"kinesis", wire.ValidationException, 16 << 20},                                                       // PutRecords of 10 MiB, in base64
	{"kinesisanalyticsv2", wire.ErrorCode{Code: "InvalidArgumentException", Member: "Message"}, 72 << 20}, // 50 MiB of inline code, in base64
	{"s3", wire.ErrorCode{Code: "InvalidArgument"}, 0},
	{"iam", wire.ErrorCode{Code: "ValidationError"}, 1 << 20},
	{"sts", wire.ErrorCode{Code: "ValidationError"}, 1 << 20},
	{"cloudwatch", wire.ErrorCode{Code: "ValidationError"}, 8 << 20},     // PutMetricData of 1 MiB, before gzip
	{"logs", wire.ErrorCode{Code: "InvalidParameterException"}, 8 << 20}, // PutLogEvents of 1 MiB, of escapes alone
}

func main() {
	log.SetFlags(0)
	data, err := botocore()
	if err != nil {
		log.Fatal(err)
	}
	var gaps strings.Builder
	gaps.WriteString("# Operations that AWS has and Drey does not serve yet\n\nWritten by `go run ./gen`. A call of one of these answers as AWS does for an operation it does not know.\n")
	for _, s := range services {
		unserved, total, err := generate(data, s.name, s.validation, s.maxBody)
		if err != nil {
			log.Fatalf("%s: %v", s.name, err)
		}
		fmt.Fprintf(&gaps, "\n## %s: %d of %d served\n\n%s\n", s.name, total-len(unserved), total, strings.Join(unserved, ", "))
	}
	if err := os.WriteFile("docs/unserved-operations.md", []byte(gaps.String()), 0o644); err != nil {
		log.Fatal(err)
	}
}

func generate(data, service string, validation wire.ErrorCode, maxBody int64) (unserved []string, total int, err error) {
	m, err := readModel(data, service)
	if err != nil {
		return nil, 0, err
	}
	served, err := readLines(filepath.Join("gen", "operations", service+".txt"))
	if err != nil {
		return nil, 0, err
	}
	for _, op := range served {
		if m.Operations[op] == nil {
			return nil, 0, fmt.Errorf("the description has no operation %s", op)
		}
	}
	for op := range m.Operations {
		if !slices.Contains(served, op) {
			unserved = append(unserved, op)
		}
	}
	slices.Sort(unserved)
	e := newEmitter(service, m, served)
	dir := filepath.Join("model", service)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, 0, err
	}
	if err := e.write(filepath.Join(dir, "z_types.go"), e.types()); err != nil {
		return nil, 0, err
	}
	return unserved, len(m.Operations), e.write(filepath.Join(dir, "z_api.go"), e.api(unserved, validation, maxBody))
}

func readLines(path string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var lines []string
	for sc := bufio.NewScanner(f); sc.Scan(); {
		if s := strings.TrimSpace(sc.Text()); s != "" {
			lines = append(lines, s)
		}
	}
	return lines, nil
}

// botocore gives the folder of the service descriptions, fetched once into the cache.
func botocore() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "drey", "botocore-"+botocoreVersion)
	data := filepath.Join(dir, "botocore", "data")
	if _, err := os.Stat(data); err == nil {
		return data, nil
	}
	cmd := exec.Command("python3", "-m", "pip", "install", "--quiet", "--no-deps", "--target", dir, "botocore=="+botocoreVersion)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("install botocore %s with pip: %w", botocoreVersion, err)
	}
	return data, nil
}

func readModel(data, service string) (*model, error) {
	files, err := filepath.Glob(filepath.Join(data, service, "*", "service-2.json.gz"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no description below %s", filepath.Join(data, service))
	}
	f, err := os.Open(files[len(files)-1])
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	var m model
	if err := json.NewDecoder(z).Decode(&m); err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	return &m, nil
}
