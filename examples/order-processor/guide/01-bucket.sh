aws s3 mb s3://my-flink-apps
aws s3 cp target/order-processor-1.0.jar s3://my-flink-apps/order-processor-1.0.jar
