aws kinesisanalyticsv2 describe-application \
    --application-name "order-processor"
