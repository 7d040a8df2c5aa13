aws kinesis create-stream --stream-name orders-stream --shard-count 2
aws kinesis create-stream --stream-name order-summaries-stream --shard-count 1
aws kinesis wait stream-exists --stream-name orders-stream
aws kinesis wait stream-exists --stream-name order-summaries-stream
