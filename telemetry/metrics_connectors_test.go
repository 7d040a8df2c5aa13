package telemetry

import (
	"strings"
	"testing"
)

// everyLevel gives the samples that a report makes at the level PARALLELISM.
func everyLevel(t *testing.T, report string, check func(s *shelf)) {
	t.Helper()
	onDesk(t, "PARALLELISM", func(t *testing.T, r *Receiver, s *shelf) {
		write(t, r, report)
		check(s)
	})
}

// TestKafkaReport is of the source of connector 3.2.0 on Flink 1.18, which has read a hundred records and committed none yet.
func TestKafkaReport(t *testing.T) {
	const app, task, reader = "Application:order-processor", ",Task:Source:_in_->_Map_->_Sink:_Writer_->_Sink:_Committer", ",Operator:Source:_in"
	everyLevel(t, captured(t, "kafka"), func(s *shelf) {
		for metric, value := range map[string]string{
			"records_lag_max": "=0 Count", "bytes_consumed_rate": "=45.717 Bytes", "commitsSucceeded": "=0 Count", "commitsFailed": "=0 Count",
		} {
			wantSamples(t, s, metric, app+reader+",Parallelism:0"+value, app+reader+value, app+task+value, app+value)
		}
		wantSamples(t, s, "currentoffsets", app+",Flow:Input,Id:in,Partition:0=99 None", app+",Flow:Input,Id:in=99 None")
		wantSamples(t, s, "committedoffsets", app+",Flow:Input,Id:in,Partition:0=-1 None", app+",Flow:Input,Id:in=-1 None")
		if got := len(s.all()); got != 20 {
			t.Errorf("%d samples; the consumer's other metrics are not exported", got)
		}
	})
}

// TestEarlierKafkaConsumer names its metrics otherwise (KafkaConsumerMetricConstants of Flink 1.15).
func TestEarlierKafkaConsumer(t *testing.T) {
	const from, tags = "taskmanager_job_task_operator_KafkaConsumer_", ",host=a,tm_id=1,task_id=t,task_name=T,operator_id=o,operator_name=O,subtask_index=0"
	report := from + "topic_partition_currentOffsets" + tags + ",topic=in,partition=3 value=41i 1\n" +
		from + "topic_partition_committedOffsets" + tags + ",topic=in,partition=3 value=40i 1\n" +
		from + "commitsSucceeded" + tags + " count=7i 1\n" + from + "commitsFailed" + tags + " count=2i 1\n" +
		from + "records-lag-max" + tags + " value=5.0 1\n" + from + "bytes-consumed-rate" + tags + " value=1.5 1\n"
	const app, operator, task = "Application:order-processor", ",Operator:O", ",Task:T"
	everyLevel(t, report, func(s *shelf) {
		for metric, value := range map[string]string{"records_lag_max": "=5 Count", "bytes_consumed_rate": "=1.5 Bytes", "commitsSucceeded": "=7 Count", "commitsFailed": "=2 Count"} {
			wantSamples(t, s, metric, app+operator+",Parallelism:0"+value, app+operator+value, app+task+value, app+value)
		}
		wantSamples(t, s, "currentoffsets", app+",Flow:Input,Id:in,Partition:3=41 None", app+",Flow:Input,Id:in=41 None")
		wantSamples(t, s, "committedoffsets", app+",Flow:Input,Id:in,Partition:3=40 None", app+",Flow:Input,Id:in=40 None")
	})
}

// TestKinesisReport is of the polling consumer on two shards.
func TestKinesisReport(t *testing.T) {
	const of = "Application:order-processor,Flow:Input,Id:in"
	everyLevel(t, captured(t, "kinesis"), func(s *shelf) {
		for metric, value := range map[string]string{"millisBehindLatest": "=0 Milliseconds", "bytesRequestedPerFetch": "=0 Bytes"} {
			wantSamples(t, s, metric, of+",ShardId:shardId-000000000000"+value, of+",ShardId:shardId-000000000001"+value, of+value, of+value)
		}
	})
}

// TestKinesisStreamsSource has another scope, and comes to the same dimensions; -1 says that nothing was read yet.
func TestKinesisStreamsSource(t *testing.T) {
	report := "taskmanager_job_task_operator_KinesisStreamSource_accountId_region_stream_shardId_millisBehindLatest,accountId=123456789012,host=a,operator_id=o," +
		"operator_name=Source:\\ Orders,region=us-east-1,shardId=shardId-000000000002,stream=in,subtask_index=0,task_id=t,task_name=Source:\\ Orders,tm_id=1 value=-1i 1\n"
	const of = "Application:order-processor,Flow:Input,Id:in"
	everyLevel(t, report+strings.Replace(report, "000000000002", "000000000003", 1), func(s *shelf) {
		wantSamples(t, s, "millisBehindLatest", of+",ShardId:shardId-000000000002=-1 Milliseconds", of+",ShardId:shardId-000000000003=-1 Milliseconds", of+"=-1 Milliseconds", of+"=-1 Milliseconds")
	})
}
