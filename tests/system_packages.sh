#!/usr/bin/env bash
# What the tests need from the system: a real Redis, a real browser, a real helpdesk, a real mailbox, Prometheus, a real image
# registry, and what lists system calls. Installed only where it is missing and we may.
set -euo pipefail
missing=()
command -v redis-server >/dev/null || missing+=(redis-server)
[ -x /usr/bin/chromium ] || missing+=(chromium)
command -v ip >/dev/null || missing+=(iproute2)
{ command -v dovecot || [ -x /usr/sbin/dovecot ]; } >/dev/null || missing+=(dovecot-imapd)
command -v promtool >/dev/null || missing+=(prometheus)
command -v strace >/dev/null || missing+=(strace)
# Container images without an engine, and a registry to push them to: 17 MB.
command -v skopeo >/dev/null || missing+=(skopeo)
command -v docker-registry >/dev/null || missing+=(docker-registry)
# A helpdesk to test against. It wants something that sends mail, and gets the smallest.
[ -x /usr/share/request-tracker5/libexec/rt-server ] ||
    missing+=(request-tracker5 rt5-standalone rt5-db-sqlite msmtp-mta dbconfig-no-thanks)
[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    # Only the programs: a service that starts by itself would hold ports that the tests use.
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
    for one in redis-server dovecot prometheus docker-registry; do
        command -v service >/dev/null && service "$one" stop >/dev/null 2>&1 || true
    done
else
    echo "not installed: ${missing[*]}; the tests that need them are skipped" >&2
fi
