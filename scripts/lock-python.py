#!/usr/bin/env python3
"""Writes the list of a runtime's Python packages anew: each version and hash that PyFlink needs, as pip resolves it today.

    scripts/lock-python.py FLINK-1_20 1.20.3 python3.11

The jars of apache-flink-libraries are those of the distribution, and are left out."""
import json
import pathlib
import subprocess
import sys
import tempfile


def resolve(interpreter, requirement):
    with tempfile.TemporaryDirectory() as work:
        subprocess.run([interpreter, "-m", "venv", work + "/venv"], check=True)
        report = pathlib.Path(work, "report.json")
        subprocess.run([work + "/venv/bin/python", "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed",
                        "--report", str(report), requirement], check=True)
        return json.loads(report.read_text())["install"]


def main(runtime, version, interpreter):
    lines = []
    for package in resolve(interpreter, "apache-flink==" + version):
        name, digest = package["metadata"]["name"].lower(), package["download_info"]["archive_info"]["hashes"]["sha256"]
        if name != "apache-flink-libraries":
            lines.append(f"{name}=={package['metadata']['version']} --hash=sha256:{digest}\n")
    target = pathlib.Path(__file__).parent.parent / "runtimes" / "python" / (runtime + ".txt")
    python = pathlib.Path(interpreter).name
    target.write_text(f"# PyFlink {version} for {python} on Linux x86-64, made by scripts/lock-python.py\n" + "".join(sorted(lines)))


main(*sys.argv[1:])
