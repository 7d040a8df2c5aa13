package flink

import (
	"archive/zip"
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"drey/app"
)

const maxManifest = 1 << 20

// Java is what a runtime loads.
type Java struct {
	Release      int // what code should be compiled for, e.g. 11
	ClassVersion int // of the newest class files that can be loaded, e.g. 61
}

// CheckJar tells why a jar cannot be run: no archive, no Main-Class, a main class that is missing or was compiled for a newer
// Java than the runtime's. It reads the archive's directory, the manifest and eight bytes of the main class.
func CheckJar(path string, java Java) error {
	z, err := zip.OpenReader(path)
	if err != nil {
		return errors.New("the file is no jar: it is not a zip archive")
	}
	defer z.Close()
	main, err := mainClass(&z.Reader)
	if err != nil {
		return err
	}
	if err := checkConnector(&z.Reader); err != nil {
		return err
	}
	f, err := z.Open(strings.ReplaceAll(main, ".", "/") + ".class")
	if err != nil {
		return fmt.Errorf("the jar's manifest names the main class %s, and the jar does not hold it", main)
	}
	defer f.Close()
	var header [8]byte
	if _, err := io.ReadFull(f, header[:]); err != nil || binary.BigEndian.Uint32(header[:4]) != 0xCAFEBABE {
		return fmt.Errorf("the main class %s is no Java class", main)
	}
	if v := int(binary.BigEndian.Uint16(header[6:])); v > java.ClassVersion {
		return fmt.Errorf("UnsupportedClassVersionError: %s has been compiled by a more recent version of the Java Runtime (class file version %d.0, Java %d); this runtime recognizes class file versions up to %d.0. Compile for Java %d (maven.compiler.release)", main, v, v-44, java.ClassVersion, java.Release)
	}
	return nil
}

// mainClass reads the manifest (JAR File Specification, "JAR Manifest"): lines of 72 bytes that go on with a space.
func mainClass(z *zip.Reader) (string, error) {
	f, err := z.Open("META-INF/MANIFEST.MF")
	if err != nil {
		return "", errors.New("the jar has no manifest, and so no Main-Class: set it in the manifest of the jar. If this is a Python application, it needs the property group " + app.RunOptions + " with the key python")
	}
	defer f.Close()
	var attribute, main string
	lines := bufio.NewScanner(io.LimitReader(f, maxManifest))
	for lines.Scan() {
		line := strings.TrimSuffix(lines.Text(), "\r")
		if line == "" {
			break // the main section ends
		}
		if rest, ok := strings.CutPrefix(line, " "); ok {
			attribute += rest
		} else {
			attribute = line
		}
		if name, value, ok := strings.Cut(attribute, ":"); ok && strings.EqualFold(name, "Main-Class") {
			main = strings.TrimSpace(value)
		}
	}
	if main == "" {
		return "", errors.New("the jar's manifest has no Main-Class: set it (maven-shade-plugin: ManifestResourceTransformer, mainClass)")
	}
	return main, lines.Err()
}
