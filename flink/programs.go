package flink

import _ "embed"

// The programs that stand beside Flink, one class each, compiled against each runtime.
const (
	StateCheckClass   = "StateCheck"
	MasterSwitchClass = "MasterSwitch"
)

// StateCheckSource is what CheckState runs in a JobManager.
//
//go:embed statecheck/StateCheck.java
var StateCheckSource []byte

// MasterSwitchSource lets the configuration's checkpointing win over what a program sets in its code, as AWS does up to
// Flink 1.20 (developer guide, "Apache Flink settings"). Run once it makes a class that has to stand before Flink on the class
// path.
//
//go:embed masterswitch/MasterSwitch.java
var MasterSwitchSource []byte
