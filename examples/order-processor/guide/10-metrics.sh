aws cloudwatch get-metric-statistics \
    --namespace "AWS/KinesisAnalytics" \
    --metric-name "${METRIC:-downtime}" \
    --dimensions Name=Application,Value=order-processor \
    --start-time "$(date -u -d '1 hour ago' +%Y-%m-%dT%H:%M:00Z)" \
    --end-time "$(date -u -d '1 minute' +%Y-%m-%dT%H:%M:00Z)" \
    --period 300 \
    --statistics Maximum
