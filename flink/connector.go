package flink

import (
	"archive/zip"
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// ErrUnsupportedConnector is answered for a jar that brings a Kinesis connector older than 1.15.2, which loses records when
// a job stops with a savepoint (FLINK-23528; developer guide, "Earlier version information").
var ErrUnsupportedConnector = errors.New("unsupported Kinesis connector")

const connectorProperties = "META-INF/maven/org.apache.flink/flink-connector-kinesis"

// checkConnector reads the version that Maven noted in the archive. Connectors have been numbered apart from Flink since
// 4.0, so that only numbers that begin with 1 can be too old.
func checkConnector(z *zip.Reader) error {
	for _, f := range z.File {
		if !strings.HasPrefix(f.Name, connectorProperties) || !strings.HasSuffix(f.Name, "/pom.properties") {
			continue
		}
		version, err := mavenVersion(f)
		if err != nil {
			return err
		}
		var major, minor, patch int
		if n, _ := fmt.Sscanf(version, "%d.%d.%d", &major, &minor, &patch); n >= 2 && major == 1 && (minor < 15 || minor == 15 && patch < 2) {
			return fmt.Errorf("%w: flink-connector-kinesis %s. Use 1.15.2 or later, see FLINK-23528", ErrUnsupportedConnector, version)
		}
	}
	return nil
}

func mavenVersion(f *zip.File) (string, error) {
	r, err := f.Open()
	if err != nil {
		return "", fmt.Errorf("the jar is damaged at %s: %w", f.Name, err)
	}
	defer r.Close()
	lines := bufio.NewScanner(io.LimitReader(r, maxManifest))
	for lines.Scan() {
		if version, ok := strings.CutPrefix(lines.Text(), "version="); ok {
			return strings.TrimSpace(version), nil
		}
	}
	return "", nil
}
