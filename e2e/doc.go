// Package e2e holds the tests of the whole: the built binary, spoken to by the real AWS CLI, running real Flink. Nothing in
// them knows more of the server than a user does, except where processes are killed. Tests that wait for most of their time
// run side by side, after the others; what they compare does not depend on how fast the machine is.
//
// The developer guide's sections, in its order, and the tests that follow them:
//
//	Create and run a Managed Service for Apache Flink application: TestGuide, TestMissingThings, TestCodeThatCannotRun
//	Use the DataStream API: TestGuide, TestKafka, TestParquet
//	Use the Table API: TestTables, TestPython
//	Use Python with Managed Service for Apache Flink: TestPython
//	Use runtime properties: TestKilledServerFinishesWhatItBegan, TestGuide
//	Use checkpoints to implement fault tolerance: TestConfigurationWins, TestKilledFlinkRecovers
//	Manage application backups using snapshots: TestState, TestVersions
//	Import and export enhanced snapshots: TestSnapshotsToAndFromPlainFlink
//	In-place version upgrades for Apache Flink: TestRuntimes, TestFlink2, TestEveryRuntime
//	Implement application scaling: TestState, TestRescaleInPlace, TestEveryRuntimeRescales, TestAutoScaling, TestThroughputPolicy
//	Use the Apache Flink Dashboard: TestDashboard
//	Understand application resources: TestFullDisk
//	Security in Amazon Managed Service for Apache Flink: TestWrongCredentials, TestSkewedClock, TestMalformedBodies, TestTruncatedChunks
//	Logging and monitoring: TestMetricsAreFlinks, TestTailFollows, TestCrashLoops, TestConfigurationWins, TestLogsActOnWhatArrives, TestTenThousandLinesASecond, TestAlarmsPage
//	Use system rollback: TestVersions
//	Troubleshoot: TestCodeThatFails, TestCrashLoops, TestWrongMoment
//	API reference, and its clients: TestClients, TestTerraformAround, TestTerraformWatching, TestTerraformApplication, TestTerraformStart
//
// The developer guide of Kinesis Data Streams: TestStreamsBySDKs, TestStreamsByTheGoSDK, TestRelay, TestReshardingUnderAJob,
// TestStreamMetrics, TestChannels, TestLargestRecords.
//
// And what a service of one's own is asked beside: TestSubscribersThatDoNotRead, TestThousandIdleConnections, TestKilledServerAdoptsTheJob, TestKilledServerFinishesWhatItBegan,
// TestAcknowledgedSurvivesKill, TestKilledWhileBusy, TestTakenAddressIsNamed.
package e2e
