"""Plays the guide to Amazon Managed Service for Apache Flink on this machine, from an empty bucket to metrics.

The commands are those in examples/order-processor/guide, run by the real AWS CLI. KEEP=1 leaves the server running.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import boto3

import stage
from orders import Probe, Producer, Reader, money
from stage import heading, say

ROOT = pathlib.Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache"
EXAMPLE = ROOT / "examples" / "order-processor"
KEEP = bool(os.environ.get("KEEP"))
APPLICATION = "order-processor"
LOG_GROUP = "/aws/kinesis-analytics/order-processor"


class Demo:
    def __init__(self):
        self.began = time.monotonic()
        self.data = pathlib.Path(tempfile.mkdtemp(prefix="drey-demo-"))
        self.log = self.data.with_suffix(".log")
        self.server = None
        tools = [CACHE / "venv" / "bin", ROOT / "bin"]
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        self.env |= {"PATH": ":".join(map(str, tools)) + ":" + os.environ["PATH"], "AWS_PAGER": "",
                     "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}

    # The story.

    def play(self):
        self.build()
        self.serve()
        self.prepare()
        self.create()
        self.start_denied()
        self.start_allowed()
        first = self.orders(12_000)
        self.update()
        self.orders(8_000, since=first)
        self.monitor()
        self.last_screen()

    def build(self):
        heading("Drey, Flink, and the application")
        self.shell("go build -o bin/drey ./cmd/drey", cwd=ROOT)
        self.allow_low_ports()
        self.shell(f"drey runtime install FLINK-1_18 --data-dir {CACHE / 'drey'}", cwd=ROOT)
        (self.data / "runtimes").symlink_to(CACHE / "drey" / "runtimes")
        self.shell("mvn --quiet --batch-mode --no-transfer-progress package -DskipTests", cwd=EXAMPLE)

    def allow_low_ports(self):
        """Applications see AWS on ports 53, 80 and 443 of a loopback address; an ordinary user may need a capability for that."""
        start = pathlib.Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
        if os.geteuid() != 0 and int(start.read_text()) > 53:
            self.shell(f"sudo setcap cap_net_bind_service=+ep {ROOT / 'bin' / 'drey'}", cwd=ROOT)

    def serve(self):
        heading("The server")
        port, app_address = (4566, "127.0.77.1") if free("127.0.0.1", 4566) and free("127.0.77.1", 443) else (unused_port(), "127.0.77.2")
        command = f"drey serve --data-dir {self.data} --listen 127.0.0.1:{port} --app-address {app_address} --kpu-memory 1g"
        say(stage.paint("1", f"$ {command} &"))
        self.server = subprocess.Popen(command.split(), env=self.env, stdout=self.log.open("w"), stderr=subprocess.STDOUT,
                                       stdin=subprocess.DEVNULL, start_new_session=True)
        stage.wait("the server answers", lambda: self.alive() and healthy(port), 30)
        say(stage.paint("1", f'$ eval "$(drey env --data-dir {self.data})"'))
        lines = subprocess.run(["bash", "-ec", f'eval "$(drey env --data-dir {self.data})"; env -0'], env=self.env, check=True,
                               capture_output=True, text=True).stdout.split("\0")
        self.env |= dict(line.split("=", 1) for line in lines if line.startswith("AWS_"))
        self.kinesis = self.client("kinesis")
        self.flink = self.client("kinesisanalyticsv2")
        self.shell("aws sts get-caller-identity")

    def prepare(self):
        heading("Bucket, streams and role")
        self.guide("01-bucket.sh")
        self.guide("02-streams.sh")
        say("\nThe role has the guide's policy, word for word.")
        self.guide("03-role.sh", lines=3)

    def create(self):
        heading("Creating the application")
        self.guide("04-create.sh", lines=8)
        self.guide("05-logging.sh", lines=4)

    def start_denied(self):
        heading("Starting it: the guide's policy forgot two actions")
        self.operation(self.guide("06-start.sh"), wanted="FAILED")
        say("\nWhat the operation says:")
        failed = self.flink.list_application_operations(ApplicationName=APPLICATION, OperationStatus="FAILED")
        operation = self.flink.describe_application_operation(
            ApplicationName=APPLICATION, OperationId=failed["ApplicationOperationInfoList"][0]["OperationId"])["ApplicationOperationInfoDetails"]
        error = operation["OperationFailureDetails"]["ErrorInfo"]["ErrorString"]
        stage.plain_to_see(error)
        if '{"Effect":"Allow","Action":"kinesis:DescribeStreamSummary","Resource":' not in error:
            raise stage.Failed("the denial of kinesis:DescribeStreamSummary is not in the operation's error")
        say("What the server says:")
        stage.plain_to_see(next(line for line in self.log.read_text().splitlines() if "DescribeStreamSummary" in line)[:400])
        say("What the application's log says:")
        self.shell(f"aws logs filter-log-events --log-group-name {LOG_GROUP} --filter-pattern DescribeStreamSummary "
                   "--query 'events[0].message' --output text | cut -c1-400")

    def start_allowed(self):
        heading("Allowing them; Flink tries again by itself")
        self.guide("08-allow.sh")
        self.guide("07-describe.sh", lines=6)
        self.reader = Reader(self.kinesis, "order-summaries-stream")
        self.producer = Producer(self.kinesis, "orders-stream", seed=1912)
        self.await_consumption()

    def await_consumption(self):
        probe = Probe(self.kinesis, "orders-stream")
        sent = 0.0

        def consumed():
            nonlocal sent
            if time.monotonic() - sent > 3:
                probe.send()
                sent = time.monotonic()
            self.reader.poll()
            missing = probe.shards.keys() - self.reader.regions()
            return (not missing, f"({len(missing)} shards to go)")

        stage.wait("the application reads every shard, and a window of ten seconds has passed", consumed, 240)

    def orders(self, number, since=None):
        heading(f"{number:,} orders" + (", now for 2.0" if since else ""))
        with stage.Progress("sending") as clock:
            self.producer.send(number, lambda sent: setattr(clock, "detail", f"{sent:,} of {number:,}"))
        stage.good(f"{number:,} orders put in {clock.seconds:.1f} s")

        def summarised():
            self.reader.poll()
            there = sum(count for count, _ in self.reader.totals().values())
            wanted = sum(count for count, _ in self.producer.expected.values())
            return (there >= wanted, f"({there:,} of {wanted:,} orders in summaries)")

        stage.wait("summaries of all orders", summarised, 120)
        last = self.reader.last()
        for summary in list(last.values())[:3]:
            say("  " + json.dumps(summary, default=float))
        if since:
            kept = all(last[r]["version"] == "2.0" and last[r]["totalCount"] > since[r]["totalCount"] for r in last)
            if not kept:
                raise stage.Failed("the totals of 1.0 did not survive the update to 2.0")
            stage.good("2.0 counts on from the totals of 1.0: the state has survived the update")
        return last

    def update(self):
        heading("Updating to 2.0: another operator graph, the same state")
        self.operation(self.guide("09-update.sh", lines=6), wanted="SUCCESSFUL")
        self.shell("aws kinesisanalyticsv2 list-application-snapshots --application-name order-processor")

    def monitor(self):
        heading("Monitoring")
        stage.wait("downtime, uptime and a checkpoint have datapoints", lambda: all(map(self.datapoints, ["downtime", "uptime", "lastCheckpointDuration"])), 120)
        for metric in ["downtime", "uptime", "fullRestarts", "numberOfFailedCheckpoints", "lastCheckpointDuration"]:
            self.guide("10-metrics.sh", metric=metric)
        # How far the consumer is behind is a metric of the stream.
        lag = (EXAMPLE / "guide" / "10-metrics.sh").read_text().replace("${METRIC:-downtime}", "millisBehindLatest")
        self.shell(lag.replace("--dimensions ", "--dimensions Name=Id,Value=orders-stream Name=Flow,Value=Input "))
        self.guide("11-logs.sh", lines=8)

    def last_screen(self):
        heading("Totals by region")
        from_stream, from_input, last = self.reader.totals(), self.producer.expected, self.reader.last()
        say(f"  {'':16}{'summaries in the stream':>28}{'computed from the input':>28}{'total kept by the job':>26}")
        for region, (count, cents) in sorted(from_input.items()):
            c, a = from_stream[region]
            kept = int(last[region]["totalAmount"] * 100)
            same = (c, a) == (count, cents) and kept == cents
            say(f"  {region:16}{c:>10,} {money(a):>17}{count:>10,} {money(cents):>17}{money(kept):>26}  {stage.paint('32', '✓') if same else stage.paint('31', '✗')}")
        if dict(from_stream) != dict(from_input):
            raise stage.Failed("the summaries do not come to what was sent")
        stage.good(f"{self.producer.sent:,} orders, equal to the cent. The guide took {time.monotonic() - self.began:.0f} s.")

    # Its tools.

    def client(self, service):
        return boto3.client(service, endpoint_url=self.env["AWS_ENDPOINT_URL"], region_name=self.env["AWS_REGION"],
                            aws_access_key_id=self.env["AWS_ACCESS_KEY_ID"], aws_secret_access_key=self.env["AWS_SECRET_ACCESS_KEY"])

    def shell(self, script, cwd=EXAMPLE, **how):
        return stage.run(script, cwd, self.env, **how)

    def guide(self, name, metric="downtime", **how):
        script = (EXAMPLE / "guide" / name).read_text()
        return self.shell(script.replace("${METRIC:-downtime}", metric), **how)

    def operation(self, answer, wanted):
        """Waits until the operation that a command's answer names has ended, as it should."""
        operation = re.search(r'"OperationId": "([^"]+)"', answer)[1]

        def ended():
            if not self.alive():
                raise stage.Failed("the server has ended")
            info = self.flink.describe_application_operation(ApplicationName=APPLICATION, OperationId=operation)["ApplicationOperationInfoDetails"]
            status = self.flink.describe_application(ApplicationName=APPLICATION)["ApplicationDetail"]["ApplicationStatus"]
            return (info if info["OperationStatus"] != "IN_PROGRESS" else None, f"(the application is {status})")

        info = stage.wait(f"operation {operation}", ended, 600)  # on a busy machine a start takes minutes
        if info["OperationStatus"] != wanted:
            raise stage.Failed(f"the operation is {info['OperationStatus']}: {info.get('OperationFailureDetails')}")
        say(f"  the operation has ended: {info['OperationStatus']}")

    def datapoints(self, metric):
        answer = subprocess.run(["bash", EXAMPLE / "guide" / "10-metrics.sh"], env=self.env | {"METRIC": metric},
                                capture_output=True, text=True, check=True).stdout
        return json.loads(answer)["Datapoints"]

    def alive(self):
        if self.server.poll() is not None:
            raise stage.Failed(f"the server ended with code {self.server.returncode}: {self.log.read_text()[-2000:]}")
        return True

    # Its end.

    def keep(self):
        heading("The server is still running, and so is the application")
        say(f"""  point AWS tools at it   eval "$({ROOT / 'bin' / 'drey'} env --data-dir {self.data})"
  AWS address             {self.env['AWS_ENDPOINT_URL']}
  AWS CLI                 {CACHE / 'venv' / 'bin' / 'aws'} kinesisanalyticsv2 describe-application --application-name {APPLICATION}
  the server's log        {self.log}
  the data                {self.data}
  stop the application    aws kinesisanalyticsv2 stop-application --application-name {APPLICATION} --force
  stop the server         kill {self.server.pid}""")

    def clean(self):
        """Ends everything that was started: the application by the API while there is a server, its processes otherwise."""
        if self.server and self.server.poll() is None:
            self.stop_application()
            self.server.terminate()
            try:
                self.server.wait(15)
            except subprocess.TimeoutExpired:
                self.server.kill()
                self.server.wait()
        self.end_leftovers()
        shutil.rmtree(self.data, ignore_errors=True)

    def stop_application(self):
        try:
            with stage.Progress("stopping the application"):
                if self.flink.list_applications()["ApplicationSummaries"]:
                    self.flink.stop_application(ApplicationName=APPLICATION, Force=True)
                    for _ in range(100):
                        if self.flink.describe_application(ApplicationName=APPLICATION)["ApplicationDetail"]["ApplicationStatus"] == "READY":
                            return
                        time.sleep(0.3)
        except Exception:  # Whatever the API refuses, end_leftovers does.
            pass

    def end_leftovers(self):
        """Ends processes of the data directory, which is this demo's alone."""
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if int(entry.name) != os.getpid() and f"{self.data}/".encode() in (entry / "cmdline").read_bytes():
                    os.kill(int(entry.name), signal.SIGKILL)
            except OSError:
                continue


def free(host, port):
    """Whether nobody listens there."""
    with socket.socket() as s:
        return s.connect_ex((host, port)) != 0


def healthy(port):
    try:
        return urllib.request.urlopen(f"http://127.0.0.1:{port}/_drey/health", timeout=5).status == 200
    except OSError:
        return False


def unused_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    demo, outcome = Demo(), 1
    try:
        demo.play()
        outcome = 0
    except KeyboardInterrupt:
        say("\ninterrupted; cleaning up")
        outcome = 130
    except Exception as e:
        say(stage.paint("31", f"\n✗ {e}" if isinstance(e, stage.Failed) else f"\n✗ {type(e).__name__}: {e}"))
        say(f"  the server's log: {demo.log}")
        logs = demo.log.with_suffix(".flink")
        if (demo.data / "clusters").exists():
            shutil.copytree(demo.data / "clusters", logs, ignore=shutil.ignore_patterns("*.jar", "tmp", "upload"), dirs_exist_ok=True)
            say(f"  the logs of Flink: {logs}")
    if KEEP:
        demo.keep()
        return outcome
    demo.clean()
    if outcome in (0, 130):
        demo.log.unlink(missing_ok=True)
    if outcome == 0:
        say("Everything that was started has ended. KEEP=1 make demo leaves it running to look around:")
        say("  AWS APIs    http://127.0.0.1:4566, with the variables that bin/drey env prints")
        say("  application aws kinesisanalyticsv2 describe-application --application-name order-processor")
        say("  its log     aws logs filter-log-events --log-group-name " + LOG_GROUP)
        say("  read on     README.md, ARCHITECTURE.md, examples/order-processor/guide")
    return outcome


if __name__ == "__main__":
    sys.exit(main())
