aws kinesisanalyticsv2 create-application \
    --application-name "order-processor" \
    --runtime-environment "FLINK-1_18" \
    --service-execution-role "arn:aws:iam::123456789012:role/FlinkApplicationRole" \
    --application-configuration '{
        "ApplicationCodeConfiguration": {
            "CodeContent": {
                "S3ContentLocation": {
                    "BucketARN": "arn:aws:s3:::my-flink-apps",
                    "FileKey": "order-processor-1.0.jar"
                }
            },
            "CodeContentType": "ZIPFILE"
        },
        "FlinkApplicationConfiguration": {
            "CheckpointConfiguration": {
                "ConfigurationType": "CUSTOM",
                "CheckpointingEnabled": true,
                "CheckpointInterval": 60000,
                "MinPauseBetweenCheckpoints": 30000
            },
            "MonitoringConfiguration": {
                "ConfigurationType": "CUSTOM",
                "MetricsLevel": "APPLICATION",
                "LogLevel": "INFO"
            },
            "ParallelismConfiguration": {
                "ConfigurationType": "CUSTOM",
                "Parallelism": 4,
                "ParallelismPerKPU": 1,
                "AutoScalingEnabled": true
            }
        },
        "EnvironmentProperties": {
            "PropertyGroups": [
                {
                    "PropertyGroupId": "KinesisSource",
                    "PropertyMap": {
                        "stream.name": "orders-stream",
                        "aws.region": "us-east-1"
                    }
                },
                {
                    "PropertyGroupId": "KinesisSink",
                    "PropertyMap": {
                        "stream.name": "order-summaries-stream",
                        "aws.region": "us-east-1"
                    }
                },
                {
                    "PropertyGroupId": "OrderProcessor",
                    "PropertyMap": {
                        "window.seconds": "10"
                    }
                }
            ]
        }
    }'
