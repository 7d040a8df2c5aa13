aws s3 cp target/order-processor-2.0.jar s3://my-flink-apps/order-processor-2.0.jar

CURRENT_VERSION=$(aws kinesisanalyticsv2 describe-application \
    --application-name "order-processor" \
    --query 'ApplicationDetail.ApplicationVersionId' \
    --output text)

aws kinesisanalyticsv2 update-application \
    --application-name "order-processor" \
    --current-application-version-id $CURRENT_VERSION \
    --application-configuration-update '{
        "ApplicationCodeConfigurationUpdate": {
            "CodeContentUpdate": {
                "S3ContentLocationUpdate": {
                    "FileKeyUpdate": "order-processor-2.0.jar"
                }
            }
        }
    }' \
    --run-configuration-update '{
        "FlinkRunConfiguration": {
            "AllowNonRestoredState": true
        }
    }'
