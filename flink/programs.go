package flink

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
)

// The programs that stand beside Flink, one class each, compiled against each runtime.
const (
	StateCheckClass   = "StateCheck"   // what CheckState runs in a JobManager
	MasterSwitchClass = "MasterSwitch" // run once, it makes a class that has to stand before Flink on the class path
)

//go:embed statecheck/StateCheck.java
var stateCheck []byte

// The master switch lets the configuration's checkpointing win over what a program sets in its code, as AWS does up to
// Flink 1.20 (developer guide, "Apache Flink settings").
//
//go:embed masterswitch/MasterSwitch.java
var masterSwitch []byte

// ProgramSource gives the Java source of a program, and a digest that tells its versions apart.
func ProgramSource(class string) (source []byte, digest string) {
	switch class {
	case StateCheckClass:
		source = stateCheck
	case MasterSwitchClass:
		source = masterSwitch
	}
	sum := sha256.Sum256(source)
	return source, hex.EncodeToString(sum[:6])
}
