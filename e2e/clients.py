"""What boto3 sees of the kinesisanalyticsv2 API without any job: python clients.py JAR OTHER_JAR. The environment names the server."""

import io
import json
import sys
import time
import unittest
import zipfile

import boto3
from botocore.exceptions import ClientError

ACCOUNT = "123456789012"
LOGS = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:flink:log-stream:"
TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "kinesisanalytics.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}

flink = boto3.client("kinesisanalyticsv2")
s3 = boto3.client("s3")
iam = boto3.client("iam")


def make_role(name):
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=json.dumps(ALL))
    return arn


def changed(before, after, path=()):
    """The paths at which two answers differ."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [p for k in sorted(before.keys() | after.keys()) for p in changed(before.get(k), after.get(k), path + (k,))]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return [p for i, (b, a) in enumerate(zip(before, after)) for p in changed(b, a, path + (i,))]
    return [] if before == after else [path]


def at(answer, path):
    for step in path:
        answer = answer[step]
    return answer


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not hasattr(Case, "role"):
            Case.role, Case.other_role = make_role("app"), make_role("other")
            for bucket in ("code", "copies"):
                s3.create_bucket(Bucket=bucket)
                s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
                for key, path in (("good.jar", sys.argv[1]), ("other.jar", sys.argv[2])):
                    s3.upload_file(path, bucket, key)
            Case.old = s3.list_object_versions(Bucket="copies", Prefix="other.jar")["Versions"][0]["VersionId"]
            s3.upload_file(sys.argv[1], "copies", "other.jar")

    def create(self, name, **more):
        configuration = more.pop("configuration", {})
        configuration["ApplicationCodeConfiguration"] = {
            "CodeContentType": "ZIPFILE", "CodeContent": {"S3ContentLocation": {"BucketARN": "arn:aws:s3:::code", "FileKey": "good.jar"}}}
        return flink.create_application(
            ApplicationName=name, RuntimeEnvironment="FLINK-1_18", ServiceExecutionRole=self.role, ApplicationConfiguration=configuration, **more)["ApplicationDetail"]

    def describe(self, name):
        return flink.describe_application(ApplicationName=name)["ApplicationDetail"]

    def refused(self, error, says, operation, **request):
        with self.assertRaises(error) as caught:
            getattr(flink, operation)(**request)
        self.assertIn(says, caught.exception.response["Error"]["Message"])
        self.assertEqual(400, caught.exception.response["ResponseMetadata"]["HTTPStatusCode"])


# Each leaf of an update, by where the description shows it. A section's ConfigurationType comes first: without CUSTOM the rest does not count.
SECTIONS = "FlinkApplicationConfiguration"
FLINK = [
    ("Checkpoint", "ConfigurationType", "CUSTOM"), ("Checkpoint", "CheckpointInterval", 30000), ("Checkpoint", "MinPauseBetweenCheckpoints", 0),
    ("Checkpoint", "CheckpointingEnabled", False),
    ("Monitoring", "ConfigurationType", "CUSTOM"), ("Monitoring", "MetricsLevel", "TASK"), ("Monitoring", "LogLevel", "WARN"),
    ("Parallelism", "ConfigurationType", "CUSTOM"), ("Parallelism", "Parallelism", 2), ("Parallelism", "ParallelismPerKPU", 2), ("Parallelism", "AutoScalingEnabled", False),
]


def flink_leaf(section, leaf, value):
    path = (f"{SECTIONS}Description", f"{section}ConfigurationDescription")
    shown = {path + (leaf,): value}
    if leaf == "Parallelism":
        shown[path + ("CurrentParallelism",)] = value
    return {f"{SECTIONS}Update": {f"{section}ConfigurationUpdate": {f"{leaf}Update": value}}}, shown


def code_leaf(leaf, value, *beside):
    content = ("ApplicationCodeConfigurationDescription", "CodeContentDescription")
    shown = {content + ("S3ApplicationCodeLocationDescription", leaf): value, **{content + (other,): None for other in beside}}
    return {"ApplicationCodeConfigurationUpdate": {"CodeContentUpdate": {"S3ContentLocationUpdate": {f"{leaf}Update": value}}}}, shown


def leaves(old_version):
    """Pairs of an ApplicationConfigurationUpdate and what it changes; None stands for whatever the content makes of it."""
    yield from (flink_leaf(*f) for f in FLINK)
    yield code_leaf("BucketARN", "arn:aws:s3:::copies")
    yield code_leaf("FileKey", "other.jar")
    yield code_leaf("ObjectVersion", old_version, "CodeMD5", "CodeSize")
    yield {"ApplicationSnapshotConfigurationUpdate": {"SnapshotsEnabledUpdate": False}}, {("ApplicationSnapshotConfigurationDescription", "SnapshotsEnabled"): False}
    yield {"ApplicationSystemRollbackConfigurationUpdate": {"RollbackEnabledUpdate": True}}, {("ApplicationSystemRollbackConfigurationDescription", "RollbackEnabled"): True}
    groups = [{"PropertyGroupId": "consumer", "PropertyMap": {"stream": "orders", "umlaut": "ä"}}]
    yield {"EnvironmentPropertyUpdates": {"PropertyGroups": groups}}, {("EnvironmentPropertyDescriptions",): {"PropertyGroupDescriptions": groups}}
    vpc = ("VpcConfigurationDescriptions", 0)
    yield {"VpcConfigurationUpdates": [{"VpcConfigurationId": "1.1", "SubnetIdUpdates": ["subnet-b", "subnet-c"]}]}, {vpc + ("SubnetIds",): ["subnet-b", "subnet-c"]}
    yield {"VpcConfigurationUpdates": [{"VpcConfigurationId": "1.1", "SecurityGroupIdUpdates": ["sg-b"]}]}, {vpc + ("SecurityGroupIds", 0): "sg-b"}
    yield {"ApplicationEncryptionConfigurationUpdate": {"KeyTypeUpdate": "AWS_OWNED_KEY"}}, {}


def merge(into, more):
    for key, value in more.items():
        if isinstance(value, dict) and key in into:
            merge(into[key], value)
        elif isinstance(value, list) and key in into:
            into[key][0].update(value[0])
        else:
            into[key] = json.loads(json.dumps(value))
    return into


class Updates(Case):
    def make(self, name):
        return self.create(name, configuration={"VpcConfigurations": [{"SubnetIds": ["subnet-a"], "SecurityGroupIds": ["sg-a"]}]}, CloudWatchLoggingOptions=[{"LogStreamARN": LOGS + "a"}])

    def others(self):
        """The members of UpdateApplication beside the configuration, and what they change of the description."""
        yield {"CloudWatchLoggingOptionUpdates": [{"CloudWatchLoggingOptionId": "1.1", "LogStreamARNUpdate": LOGS + "b"}]}, {("CloudWatchLoggingOptionDescriptions", 0, "LogStreamARN"): LOGS + "b"}
        yield {"ServiceExecutionRoleUpdate": self.other_role}, {("ServiceExecutionRole",): self.other_role}
        yield {"RuntimeEnvironmentUpdate": "FLINK-1_18"}, {}
        yield {"RunConfigurationUpdate": {"FlinkRunConfiguration": {"AllowNonRestoredState": True}}}, {}

    def test_each_alone_and_all_together(self):
        now = self.make("alone")
        together = {}
        wanted = [({"ApplicationConfigurationUpdate": u}, {("ApplicationConfigurationDescription",) + p: v for p, v in shown.items()}) for u, shown in leaves(self.old)]
        for update, shown in wanted + list(self.others()):
            merge(together, update)
            before, now = now, flink.update_application(ApplicationName="alone", CurrentApplicationVersionId=now["ApplicationVersionId"], **update)["ApplicationDetail"]
            with self.subTest(update=update):
                self.assertEqual(before["ApplicationVersionId"] + 1, now["ApplicationVersionId"])
                self.assertEqual(before["ApplicationVersionId"], now["ApplicationVersionUpdatedFrom"])
                moved = {p for p in changed(before, now) if not p[0].startswith("ApplicationVersion") and p[0] not in ("ConditionalToken", "LastUpdateTimestamp")}
                expected = {p for p, v in shown.items() if v is None or not self.same(before, p, v)}
                self.assertEqual(expected, moved)
                for path, value in shown.items():
                    if value is not None:
                        self.assertEqual(value, at(now, path))
                self.assertEqual(now, self.describe("alone"))
        self.make("together")
        once = flink.update_application(ApplicationName="together", CurrentApplicationVersionId=1, **together)["ApplicationDetail"]
        self.assertEqual(2, once["ApplicationVersionId"])
        for member in ("ApplicationConfigurationDescription", "CloudWatchLoggingOptionDescriptions", "ServiceExecutionRole", "RuntimeEnvironment"):
            self.assertEqual(now[member], once[member])
        first = flink.describe_application_version(ApplicationName="alone", ApplicationVersionId=1)["ApplicationVersionDetail"]
        self.assertEqual(LOGS + "a", first["CloudWatchLoggingOptionDescriptions"][0]["LogStreamARN"])

    @staticmethod
    def same(answer, path, value):
        try:
            return at(answer, path) == value
        except (KeyError, IndexError):
            return False

    def test_inline_code_replaces_the_object(self):
        self.make("inline")
        with open(sys.argv[2], "rb") as f:
            body = f.read()
        out = flink.update_application(ApplicationName="inline", CurrentApplicationVersionId=1, ApplicationConfigurationUpdate={
            "ApplicationCodeConfigurationUpdate": {"CodeContentTypeUpdate": "ZIPFILE", "CodeContentUpdate": {"ZipFileContentUpdate": body}}})["ApplicationDetail"]
        content = out["ApplicationConfigurationDescription"]["ApplicationCodeConfigurationDescription"]["CodeContentDescription"]
        self.assertEqual(len(body), content["CodeSize"])
        self.assertNotIn("S3ApplicationCodeLocationDescription", content)

    def test_conditional_token(self):
        first = self.make("tokens")
        request = {"ApplicationName": "tokens", "ServiceExecutionRoleUpdate": self.role}
        self.refused(flink.exceptions.InvalidArgumentException, "CurrentApplicationVersionId", "update_application", **request)
        self.refused(flink.exceptions.InvalidArgumentException, "ConditionalToken", "update_application", ConditionalToken=first["ConditionalToken"], CurrentApplicationVersionId=1, **request)
        second = flink.update_application(ConditionalToken=first["ConditionalToken"], **request)["ApplicationDetail"]
        self.assertNotEqual(first["ConditionalToken"], second["ConditionalToken"])
        self.refused(flink.exceptions.ConcurrentModificationException, "tokens", "update_application", ConditionalToken=first["ConditionalToken"], **request)
        option = self.describe("tokens")["CloudWatchLoggingOptionDescriptions"][0]["CloudWatchLoggingOptionId"]
        out = flink.delete_application_cloud_watch_logging_option(ApplicationName="tokens", CloudWatchLoggingOptionId=option, ConditionalToken=second["ConditionalToken"])
        self.assertEqual(3, out["ApplicationVersionId"])


class Configuration(Case):
    def test_vpc_comes_and_goes(self):
        self.create("vpc")
        wanted = {"SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]}
        added = flink.add_application_vpc_configuration(ApplicationName="vpc", CurrentApplicationVersionId=1, VpcConfiguration=wanted)
        shown = added["VpcConfigurationDescription"]
        self.assertEqual(wanted, {k: shown[k] for k in wanted})
        self.assertEqual([shown], self.describe("vpc")["ApplicationConfigurationDescription"]["VpcConfigurationDescriptions"])
        self.assertEqual("SUCCESSFUL", self.operation("vpc", added["OperationId"])["OperationStatus"])
        self.refused(flink.exceptions.InvalidArgumentException, "only 1 VPC", "add_application_vpc_configuration", ApplicationName="vpc", CurrentApplicationVersionId=2, VpcConfiguration=wanted)
        self.refused(flink.exceptions.ResourceNotFoundException, "9.9", "delete_application_vpc_configuration", ApplicationName="vpc", CurrentApplicationVersionId=2, VpcConfigurationId="9.9")
        gone = flink.delete_application_vpc_configuration(ApplicationName="vpc", CurrentApplicationVersionId=2, VpcConfigurationId=shown["VpcConfigurationId"])
        self.assertEqual(3, gone["ApplicationVersionId"])
        self.assertNotIn("VpcConfigurationDescriptions", self.describe("vpc")["ApplicationConfigurationDescription"])

    def operation(self, name, operation):
        return flink.describe_application_operation(ApplicationName=name, OperationId=operation)["ApplicationOperationInfoDetails"]

    def test_logging_comes_and_goes(self):
        self.create("logging")
        added = flink.add_application_cloud_watch_logging_option(ApplicationName="logging", CurrentApplicationVersionId=1, CloudWatchLoggingOption={"LogStreamARN": LOGS + "a"})
        option = added["CloudWatchLoggingOptionDescriptions"][0]
        self.assertEqual(LOGS + "a", option["LogStreamARN"])
        self.assertEqual({"ApplicationVersionUpdatedFrom": 1, "ApplicationVersionUpdatedTo": 2}, self.operation("logging", added["OperationId"])["ApplicationVersionChangeDetails"])
        self.refused(flink.exceptions.InvalidArgumentException, "only 1 logging option", "add_application_cloud_watch_logging_option",
                     ApplicationName="logging", CurrentApplicationVersionId=2, CloudWatchLoggingOption={"LogStreamARN": LOGS + "b"})
        flink.delete_application_cloud_watch_logging_option(ApplicationName="logging", CurrentApplicationVersionId=2, CloudWatchLoggingOptionId=option["CloudWatchLoggingOptionId"])
        self.assertEqual([], self.describe("logging")["CloudWatchLoggingOptionDescriptions"])

    def test_maintenance_window(self):
        self.create("window")
        out = flink.update_application_maintenance_configuration(ApplicationName="window", ApplicationMaintenanceConfigurationUpdate={"ApplicationMaintenanceWindowStartTimeUpdate": "19:30"})
        window = {"ApplicationMaintenanceWindowStartTime": "19:30", "ApplicationMaintenanceWindowEndTime": "03:30"}
        self.assertEqual(window, out["ApplicationMaintenanceConfigurationDescription"])
        after = self.describe("window")
        self.assertEqual(window, after["ApplicationMaintenanceConfigurationDescription"])
        self.assertEqual(1, after["ApplicationVersionId"])
        self.refused(flink.exceptions.InvalidArgumentException, "applicationMaintenanceWindowStartTimeUpdate", "update_application_maintenance_configuration",
                     ApplicationName="window", ApplicationMaintenanceConfigurationUpdate={"ApplicationMaintenanceWindowStartTimeUpdate": "24:00"})

    def test_tags(self):
        arn = self.create("tags", Tags=[{"Key": "team", "Value": "orders"}, {"Key": "empty"}])["ApplicationARN"]
        flink.tag_resource(ResourceARN=arn, Tags=[{"Key": "team", "Value": "payments"}, {"Key": "stage", "Value": "test"}])
        flink.untag_resource(ResourceARN=arn, TagKeys=["empty", "never-there"])
        tags = {t["Key"]: t["Value"] for t in flink.list_tags_for_resource(ResourceARN=arn)["Tags"]}
        self.assertEqual({"team": "payments", "stage": "test"}, tags)
        self.refused(flink.exceptions.TooManyTagsException, "51", "tag_resource", ResourceARN=arn, Tags=[{"Key": f"k{i}", "Value": ""} for i in range(49)])
        flink.tag_resource(ResourceARN=arn, Tags=[{"Key": f"k{i}", "Value": ""} for i in range(48)])
        self.assertEqual(50, len(flink.list_tags_for_resource(ResourceARN=arn)["Tags"]))
        self.refused(flink.exceptions.ResourceNotFoundException, "none", "list_tags_for_resource", ResourceARN=arn.replace("/tags", "/none"))


class Lists(Case):
    def pages(self, operation, result, size, **request):
        pages = [p[result] for p in flink.get_paginator(operation).paginate(PaginationConfig={"PageSize": size}, **request)]
        self.assertTrue(all(len(p) == size for p in pages[:-1]) and 0 < len(pages[-1]) <= size, [len(p) for p in pages])
        return [row for p in pages for row in p]

    def test_applications(self):
        for i in range(5):
            self.create(f"listed-{i}")
        names = [a["ApplicationName"] for a in self.pages("list_applications", "ApplicationSummaries", 2)]
        self.assertEqual(sorted(set(names)), names)
        self.assertLessEqual({f"listed-{i}" for i in range(5)}, set(names))

    def test_versions_and_operations(self):
        self.create("many")
        for version in range(1, 7):
            flink.update_application(ApplicationName="many", CurrentApplicationVersionId=version, ServiceExecutionRoleUpdate=self.role)
        versions = [v["ApplicationVersionId"] for v in self.pages("list_application_versions", "ApplicationVersionSummaries", 3, ApplicationName="many")]
        self.assertEqual([7, 6, 5, 4, 3, 2, 1], versions)
        operations = self.pages("list_application_operations", "ApplicationOperationInfoList", 4, ApplicationName="many")
        targets = [flink.describe_application_operation(ApplicationName="many", OperationId=o["OperationId"])["ApplicationOperationInfoDetails"]["ApplicationVersionChangeDetails"]["ApplicationVersionUpdatedTo"]
                   for o in operations]
        self.assertEqual([7, 6, 5, 4, 3, 2], targets)
        self.assertEqual([], flink.list_application_operations(ApplicationName="many", OperationStatus="FAILED")["ApplicationOperationInfoList"])
        self.assertEqual(6, len(self.pages("list_application_operations", "ApplicationOperationInfoList", 5, ApplicationName="many", Operation="UpdateApplication")))

    def test_application_snapshots_of_none(self):
        self.create("no-snapshots")
        pages = list(flink.get_paginator("list_application_snapshots").paginate(ApplicationName="no-snapshots", PaginationConfig={"PageSize": 1}))
        self.assertEqual([[]], [p["SnapshotSummaries"] for p in pages])

    def test_snapshots_and_their_operations(self):
        s3.create_bucket(Bucket="savepoints")
        s3.put_object(Bucket="savepoints", Key="in/_metadata", Body=b"\x49\x60\x67\x2d\x00\x00\x00\x04")
        place = {"BucketARN": "arn:aws:s3:::savepoints", "KeyPrefix": "in/"}
        for i in range(5):
            out = flink.import_snapshot(SnapshotName=f"s{i}", ImportSourceConfiguration={"SourceType": "S3", "ImportRoleArn": self.role, "SourceS3PrefixLocation": place})
            self.ended(f"s{i}", out["SnapshotOperationId"])
        self.assertEqual(["s4", "s3", "s2", "s1", "s0"], [s["SnapshotName"] for s in self.pages("list_snapshots", "SnapshotInfoList", 2)])
        for _ in range(3):
            out = flink.export_snapshot(SnapshotName="s0", ExportDestinationConfiguration={
                "DestinationType": "S3", "ExportRoleArn": self.role, "DestinationS3PrefixLocation": {"BucketARN": "arn:aws:s3:::savepoints", "KeyPrefix": "out/"}})
            self.ended("s0", out["SnapshotOperationId"])
        operations = self.pages("list_snapshot_operations", "SnapshotOperationInfoList", 3, SnapshotName="s0")
        self.assertEqual(["ExportSnapshot"] * 3 + ["ImportSnapshot"], [o["SnapshotOperation"] for o in operations])
        self.refused(flink.exceptions.ResourceInUseException, "s0", "import_snapshot", SnapshotName="s0",
                     ImportSourceConfiguration={"SourceType": "S3", "ImportRoleArn": self.role, "SourceS3PrefixLocation": place})

    def ended(self, snapshot, operation):
        for _ in range(200):
            details = flink.describe_snapshot_operation(SnapshotName=snapshot, SnapshotOperationId=operation)["SnapshotOperationInfoDetails"]
            if details["SnapshotOperationStatus"] != "IN_PROGRESS":
                break
            time.sleep(0.05)
        self.assertEqual("SUCCESSFUL", details["SnapshotOperationStatus"], details)


class Errors(Case):
    def test_rollback_is_refused(self):
        self.create("fresh")
        self.refused(flink.exceptions.ResourceInUseException, "READY", "rollback_application", ApplicationName="fresh", CurrentApplicationVersionId=1)

    def test_typed(self):
        made = self.create("typed")
        errors = flink.exceptions
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as z:
            z.writestr("README", "no program")
        s3.put_object(Bucket="code", Key="broken.jar", Body=archive.getvalue())
        code = {"ApplicationCodeConfigurationUpdate": {"CodeContentUpdate": {"S3ContentLocationUpdate": {"FileKeyUpdate": "broken.jar"}}}}
        name = {"ApplicationName": "typed"}
        for error, says, operation, request in (
            (errors.ResourceNotFoundException, "none", "describe_application", {"ApplicationName": "none"}),
            (errors.ResourceInUseException, "typed", "create_application", {**name, "RuntimeEnvironment": "FLINK-1_18", "ServiceExecutionRole": self.role}),
            (errors.CodeValidationException, "broken.jar", "update_application", {**name, "CurrentApplicationVersionId": 1, "ApplicationConfigurationUpdate": code}),
            (errors.ConcurrentModificationException, "create timestamp", "delete_application", {**name, "CreateTimestamp": made["CreateTimestamp"].replace(year=2001)}),
            (errors.InvalidRequestException, "READY", "create_application_snapshot", {**name, "SnapshotName": "s"}),
            (errors.InvalidApplicationConfigurationException, "FLINK-1_20", "create_snapshot", {**name, "SnapshotName": "s"}),
            (errors.UnsupportedOperationException, "SQL-1_0", "create_application", {"ApplicationName": "sql", "RuntimeEnvironment": "SQL-1_0", "ServiceExecutionRole": self.role}),
            (errors.InvalidArgumentException, "sufficient privileges", "create_application",
             {"ApplicationName": "x", "RuntimeEnvironment": "FLINK-1_18", "ServiceExecutionRole": f"arn:aws:iam::{ACCOUNT}:role/nobody"}),
            (errors.UnsupportedOperationException, "SQL", "discover_input_schema", {"ServiceExecutionRole": self.role}),
        ):
            with self.subTest(operation=operation, error=error.__name__):
                self.refused(error, says, operation, **request)
                self.assertTrue(issubclass(error, ClientError))

    def test_delete(self):
        made = self.create("leaving")
        flink.delete_application(ApplicationName="leaving", CreateTimestamp=made["CreateTimestamp"])
        for _ in range(200):
            try:
                self.assertEqual("DELETING", self.describe("leaving")["ApplicationStatus"])
            except flink.exceptions.ResourceNotFoundException:
                return
            time.sleep(0.05)
        self.fail("the application is still there")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
