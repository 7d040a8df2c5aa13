aws iam put-role-policy \
    --role-name FlinkApplicationRole \
    --policy-name FlinkApplicationPolicy \
    --policy-document file://guide/policy-complete.json
