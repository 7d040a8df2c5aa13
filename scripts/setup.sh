#!/usr/bin/env bash
# Installs what Drey's demo and tests need and is missing: Java 17, Maven, bubblewrap, Python with the AWS CLI; with the argument
# `tests` also version 2 of the AWS CLI, which PyPI does not carry, Chromium for the dashboard, and Node.js; with `bench`
# Node.js, for what Kinesis is measured beside. Says nothing and takes no time when all is there. Go is the
# one thing it does not install.
set -euo pipefail
cd "$(dirname "$0")/.."

for=${1:-demo}
awscli=1.46.3 boto3=1.44.5
say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

check_go() {
  local wanted have
  wanted=$(sed -n 's/^go \([0-9]*\.[0-9]*\).*/\1/p' go.mod)
  command -v go >/dev/null || die "Go is missing. Install Go $wanted or newer from https://go.dev/dl/ and put it on the PATH."
  # An older go fetches the toolchain that go.mod asks for, unless it is told not to or predates that ability.
  have=$(go env GOVERSION 2>/dev/null | sed 's/^go//') || die "Go $wanted or newer is needed, this one cannot read go.mod: $(go version)"
  [ "$(printf '%s\n' "$wanted" "$have" | sort -V | head -1)" = "$wanted" ] || die "Go $wanted or newer is needed, this is $have. See https://go.dev/dl/."
}

java_is_17() { command -v javac >/dev/null && [ "$(javac -version 2>&1 | sed 's/javac \([0-9]*\).*/\1/')" -ge 17 ]; }
python_has() { command -v python3 >/dev/null && python3 -c "import $1" 2>/dev/null; }

missing_packages() {
  java_is_17 || echo openjdk-17-jdk-headless
  command -v mvn >/dev/null || echo maven
  command -v bwrap >/dev/null || echo bubblewrap
  command -v openssl >/dev/null || echo openssl
  command -v curl >/dev/null || echo curl
  command -v python3 >/dev/null || echo python3
  python_has ensurepip || echo python3-venv
  python_has pip || echo python3-pip
  [ "$for" != tests ] || [ -x /usr/bin/aws ] || echo awscli
  [ "$for" != tests ] || command -v chromium chromium-browser google-chrome >/dev/null || echo chromium
  [ "$for" = demo ] || command -v node >/dev/null || echo nodejs
  [ "$for" = demo ] || command -v npm >/dev/null || echo npm
}

# Runs a command with its output in a log; a dot every two seconds tells that it lives.
quietly() {
  local what=$1 log pid
  shift
  log=$(mktemp)
  printf 'setup: %s ' "$what" >&2
  "$@" >"$log" 2>&1 &
  pid=$!
  while kill -0 "$pid" 2>/dev/null; do
    sleep 2
    printf '.' >&2
  done
  if wait "$pid"; then
    printf ' done\n' >&2
    rm -f "$log"
  else
    printf ' failed\n' >&2
    tail -20 "$log" >&2
    die "$what failed; all of its output is in $log"
  fi
}

install_packages() {
  local packages root=()
  packages=$(missing_packages)
  [ -n "$packages" ] || return 0
  command -v apt-get >/dev/null || die "Please install these yourself, this is no Debian or Ubuntu:" $packages
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || die "Please install these as root:" $packages
    sudo -v
    root=(sudo)
  fi
  quietly "refreshing the list of packages" "${root[@]}" apt-get update
  # shellcheck disable=SC2086
  quietly "installing $(echo $packages)" "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $packages
}

install_aws() {
  local stamp=.cache/venv/drey-$awscli-$boto3
  [ -e "$stamp" ] && return 0
  rm -rf .cache/venv
  mkdir -p .cache
  quietly "making a Python environment" python3 -m venv .cache/venv
  quietly "installing the AWS CLI $awscli" .cache/venv/bin/python -m pip install --disable-pip-version-check "awscli==$awscli" "boto3==$boto3"
  touch "$stamp"
}

check_go
install_packages
install_aws
