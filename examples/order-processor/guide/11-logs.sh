aws logs filter-log-events \
    --log-group-name /aws/kinesis-analytics/order-processor \
    --filter-pattern '"switched from INITIALIZING to RUNNING"' \
    --query 'events[].message' --output json
