aws iam create-role \
    --role-name FlinkApplicationRole \
    --assume-role-policy-document file://guide/trust.json
aws iam put-role-policy \
    --role-name FlinkApplicationRole \
    --policy-name FlinkApplicationPolicy \
    --policy-document file://guide/policy.json
