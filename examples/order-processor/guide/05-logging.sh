aws logs create-log-group --log-group-name /aws/kinesis-analytics/order-processor
aws logs create-log-stream \
    --log-group-name /aws/kinesis-analytics/order-processor \
    --log-stream-name kinesis-analytics-log-stream
aws kinesisanalyticsv2 add-application-cloud-watch-logging-option \
    --application-name "order-processor" \
    --current-application-version-id 1 \
    --cloud-watch-logging-option 'LogStreamARN=arn:aws:logs:us-east-1:123456789012:log-group:/aws/kinesis-analytics/order-processor:log-stream:kinesis-analytics-log-stream'
