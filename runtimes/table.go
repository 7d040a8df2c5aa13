package runtimes

import (
	_ "embed"
	"encoding/json"
	"maps"
	"strings"

	"drey/flink"
)

// table lists what can be installed, oldest first. The service puts the runtime library and the connector base on the
// cluster's class path (developer guide, "Create an application using the Apache Flink APIs"), S3 is a plugin, connectors are
// the user's. An S3 plugin of another patch release stands where Maven Central has none of Flink's own. From Flink 2.0 on, the
// distribution brings its JSON layout along.
var table = []Runtime{
	{
		Name: "FLINK-1_15", Flink: "1.15.2", ConfFile: "flink-conf.yaml", Java: 11, ClassVersion: jdk17,
		JVMOptions: java17, Overrides: flink.MasterSwitchClass, Options: fixedDelay, Renamed: before118,
		sdist: artifact{"apache-flink-libraries==1.15.2", "d4654d3b10c3bdd470d0860a402032491e90246b4ff1e04252ffbbd10d885746", ""},
		maven: []artifact{
			{"org.apache.flink:flink-s3-fs-hadoop:1.15.2", "cfc9a46feb78a7ab6ce2458063b4569c3e369dcb4749984c440c5f136901757c", "plugins/s3-fs-hadoop"},
			runtimeLibrary,
			{"org.apache.flink:flink-connector-base:1.15.2", "37b32010de9c4671c2a7aeed1edd57b880291ceeb64fd34787837fc1e61d2e9d", "lib"},
			{"org.apache.logging.log4j:log4j-layout-template-json:2.17.1", "3bb8b7442ab67b222968add9ef044fbe3cab800a1be9b9b98504bc6923376eb7", "lib"},
		},
	},
	{
		Name: "FLINK-1_18", Flink: "1.18.1", OldestState: "FLINK-1_8", ConfFile: "flink-conf.yaml", Java: 11, ClassVersion: jdk17,
		JVMOptions: java17, Scheduler: adaptive, Overrides: flink.MasterSwitchClass, Options: fixedDelay,
		sdist: artifact{"apache-flink-libraries==1.18.1", "369ce11ab33e5e15cdd349db2f5412dcc2fad163b6a87aa93b927a3631bcca7f", ""},
		maven: []artifact{
			{"org.apache.flink:flink-s3-fs-hadoop:1.18.1", "1176e2d95f37b760f3171f50e3250be7ae82f6514e8c974094c22d0066b49965", "plugins/s3-fs-hadoop"},
			runtimeLibrary,
			{"org.apache.flink:flink-connector-base:1.18.1", "bae372d252d795dc34c8aae2b45b25187bfa6e3c64be7de17dc8e793a46b4058", "lib"},
			{"org.apache.logging.log4j:log4j-layout-template-json:2.17.1", "3bb8b7442ab67b222968add9ef044fbe3cab800a1be9b9b98504bc6923376eb7", "lib"},
		},
	},
	{
		Name: "FLINK-1_19", Flink: "1.19.1", OldestState: "FLINK-1_8", ConfFile: "flink-conf.yaml", Java: 11, ClassVersion: jdk17,
		JVMOptions: java17, Scheduler: adaptive, Overrides: flink.MasterSwitchClass, Options: exponentialDelay,
		sdist: artifact{"apache-flink-libraries==1.19.1", "f5e6a896e8e931120be74ae0425b604743f95baddd50406277fc3a600153484d", ""},
		maven: []artifact{
			{"org.apache.flink:flink-s3-fs-hadoop:1.19.2", "878489d43bed0d95deb70dc90e5252632b72e3e8ac78ff0bbd8df6b66af198b5", "plugins/s3-fs-hadoop"},
			runtimeLibrary,
			{"org.apache.flink:flink-connector-base:1.19.1", "64599e3b044af030d450645c91ef339a2e82f99dfd323eca1290d60a4a9f11ae", "lib"},
			{"org.apache.logging.log4j:log4j-layout-template-json:2.17.1", "3bb8b7442ab67b222968add9ef044fbe3cab800a1be9b9b98504bc6923376eb7", "lib"},
		},
	},
	{
		Name: "FLINK-1_20", Flink: "1.20.5", OldestState: "FLINK-1_8", ConfFile: "flink-conf.yaml", Java: 11, ClassVersion: jdk17,
		JVMOptions: java17, Scheduler: adaptive, Overrides: flink.MasterSwitchClass, Options: exponentialDelay,
		sdist: artifact{"apache-flink-libraries==1.20.5", "e6aee62ea1a1fe7b32e28894ad079f3f1a50a372a4caac3df52405267f4228c8", ""},
		maven: []artifact{
			{"org.apache.flink:flink-s3-fs-hadoop:1.20.1", "4dabe5d51519984f88d677c477b99c5e18cec924af2e41816da67df527a5c679", "plugins/s3-fs-hadoop"},
			runtimeLibrary,
			{"org.apache.flink:flink-connector-base:1.20.5", "c67b3efbad9c9ebfd72ae91797cf4e7e3d8daa10e263f16f177fe12e05042a22", "lib"},
			{"org.apache.logging.log4j:log4j-layout-template-json:2.24.3", "53e89d35be783d0d47de319dcfeed5b2ea16b0b39929a302f2b7e681efaf18ec", "lib"},
		},
	},
	{
		Name: "FLINK-2_2", Flink: "2.2.1", OldestState: "FLINK-1_8", ConfFile: "config.yaml", Java: 17, ClassVersion: jdk17,
		JVMOptions: java17, Scheduler: adaptive20, Options: strict, Renamed: since20,
		sdist: artifact{"apache-flink-libraries==2.2.1", "eec27ffa86d01184de7f5ab668c479c83cdb75ebc7fba8091307da4f1a9d3348", ""},
		maven: []artifact{
			{"org.apache.flink:flink-s3-fs-hadoop:2.2.0", "fe14908b4d04c2fb199bf5c9dddfa80fd6b64d7a6decb3cc8826e644c5449262", "plugins/s3-fs-hadoop"},
			runtimeLibrary,
			{"org.apache.flink:flink-connector-base:2.2.1", "5ea649f0abc04b7157b8de209c05baba5f7573733187ac11296e037c276ebe3a", "lib"},
		},
	},
	{
		Name: "FLINK-2_3", Flink: "2.3.0", OldestState: "FLINK-1_8", ConfFile: "config.yaml", Java: 17, ClassVersion: jdk17,
		JVMOptions: java17, Scheduler: adaptive20, Options: strict, Renamed: since20,
		sdist: artifact{"apache-flink-libraries==2.3.0", "570bf8831d3c1336311e924e97119e52d8842e5485a4a7709ff9a92db709b006", ""},
		maven: []artifact{
			{"org.apache.flink:flink-s3-fs-hadoop:2.3.0", "5a3de2daac49e9df1783367391f994dace3bfa18c168b45c3d4563decca7d3d0", "plugins/s3-fs-hadoop"},
			runtimeLibrary,
			{"org.apache.flink:flink-connector-base:2.3.0", "ac3e942255320837988a69c5b83dcc68758e2703f70626f9b2cd7e81ff9c32b5", "lib"},
		},
	},
}

var runtimeLibrary = artifact{"com.amazonaws:aws-kinesisanalytics-runtime:1.2.0", "b3b940a060044304193594756757d9b0d167c63e61e72654a2e41d166f3be67d", "lib"}

// The restart strategies of the service (developer guide, "Apache Flink settings"; from 1.19 on Flink's own default).
var (
	fixedDelay = map[string]string{
		"restart-strategy.type": "fixed-delay", "restart-strategy.fixed-delay.attempts": "2147483647", "restart-strategy.fixed-delay.delay": "10 s",
	}
	exponentialDelay = map[string]string{
		"restart-strategy.type": "exponential-delay", "restart-strategy.exponential-delay.initial-backoff": "1 s",
		"restart-strategy.exponential-delay.max-backoff": "1 min", "restart-strategy.exponential-delay.backoff-multiplier": "1.5",
		"restart-strategy.exponential-delay.reset-backoff-threshold": "1 h", "restart-strategy.exponential-delay.jitter-factor": "0.1",
	}
)

// The adaptive scheduler, from where resource requirements can be changed (Flink documentation, "Elastic Scaling"). It never runs
// a job with fewer slots than wanted, waits for them as long as the keeper does, and takes another parallelism at once: the
// keeper has taken a checkpoint before it says so. Values are spelled as Flink itself does: from 2.0 on it compares the texts to
// tell what a program has changed. Batch jobs get another scheduler from Flink itself.
var (
	adaptive = map[string]string{
		"jobmanager.scheduler": "Adaptive", "jobmanager.adaptive-scheduler.resource-wait-timeout": "365 d",
		"jobmanager.adaptive-scheduler.resource-stabilization-timeout": "365 d", "jobmanager.adaptive-scheduler.scaling-interval.min": "0 ms",
	}
	adaptive20 = map[string]string{
		"jobmanager.scheduler": "Adaptive", "jobmanager.adaptive-scheduler.submission.resource-wait-timeout": "365 d",
		"jobmanager.adaptive-scheduler.submission.resource-stabilization-timeout": "365 d",
		"jobmanager.adaptive-scheduler.executing.cooldown-after-rescaling":        "0 ms",
		"jobmanager.adaptive-scheduler.executing.resource-stabilization-timeout":  "0 ms",
		"jobmanager.adaptive-scheduler.rescale-trigger.max-delay":                 "0 ms",
	}
)

//go:embed programconfig.txt
var programConfig string

// pythonDependencies are what add_python_file, add_python_archive and set_python_requirements set beside the keys python.internal.*
// of the list, which nothing else sets.
var pythonDependencies = []string{"python.files", "python.archives", "python.requirements"}

// strict is 2.2 and later: a program that sets what is not on the list is refused by Flink (developer guide, "Programmatic Flink
// configuration properties").
var strict = func() map[string]string {
	options := maps.Clone(exponentialDelay)
	allowed, _ := json.Marshal(append(strings.Fields(programConfig), pythonDependencies...)) // strings always encode
	options["execution.program-config.enabled"] = "false"
	options["execution.program-config.wildcards"] = string(allowed)
	return options
}()

var before118 = map[string]string{"restart-strategy.type": "restart-strategy", "state.backend.type": "state.backend"}

// since20 are the names of Flink 2.0 (Flink release notes, "Configuration options").
var since20 = map[string]string{
	"state.backend.incremental":      "execution.checkpointing.incremental",
	"state.checkpoints.dir":          "execution.checkpointing.dir",
	"state.savepoints.dir":           "execution.checkpointing.savepoint-dir",
	"state.checkpoints.num-retained": "execution.checkpointing.num-retained",
}

// jdk17 is the newest class file version that the JDK loads which all runtimes have here (JVM Specification, "The ClassFile
// Structure").
const jdk17 = 61

// ended are runtimes that are no longer offered, oldest first. Their state may be about (developer guide, "Earlier version
// information for Managed Service for Apache Flink").
var ended = []string{"FLINK-1_6", "FLINK-1_8", "FLINK-1_11", "FLINK-1_13"}

// java17 is what Flink 1.x needs of JDK 17 (env.java.opts.all of Flink's default configuration).
var java17 = []string{
	"--add-exports=java.base/sun.net.util=ALL-UNNAMED", "--add-exports=java.rmi/sun.rmi.registry=ALL-UNNAMED",
	"--add-exports=jdk.compiler/com.sun.tools.javac.api=ALL-UNNAMED", "--add-exports=jdk.compiler/com.sun.tools.javac.file=ALL-UNNAMED",
	"--add-exports=jdk.compiler/com.sun.tools.javac.parser=ALL-UNNAMED", "--add-exports=jdk.compiler/com.sun.tools.javac.tree=ALL-UNNAMED",
	"--add-exports=jdk.compiler/com.sun.tools.javac.util=ALL-UNNAMED", "--add-exports=java.security.jgss/sun.security.krb5=ALL-UNNAMED",
	"--add-opens=java.base/java.lang=ALL-UNNAMED", "--add-opens=java.base/java.net=ALL-UNNAMED", "--add-opens=java.base/java.io=ALL-UNNAMED",
	"--add-opens=java.base/java.nio=ALL-UNNAMED", "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
	"--add-opens=java.base/java.lang.reflect=ALL-UNNAMED", "--add-opens=java.base/java.text=ALL-UNNAMED",
	"--add-opens=java.base/java.time=ALL-UNNAMED", "--add-opens=java.base/java.util=ALL-UNNAMED",
	"--add-opens=java.base/java.util.concurrent=ALL-UNNAMED", "--add-opens=java.base/java.util.concurrent.atomic=ALL-UNNAMED",
	"--add-opens=java.base/java.util.concurrent.locks=ALL-UNNAMED",
}
