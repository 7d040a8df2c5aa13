aws logs tail /aws/kinesis-analytics/order-processor --since 1h --format short
