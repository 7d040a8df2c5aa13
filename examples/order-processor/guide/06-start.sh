aws kinesisanalyticsv2 start-application \
    --application-name "order-processor" \
    --run-configuration '{
        "FlinkRunConfiguration": {
            "AllowNonRestoredState": false
        }
    }'
