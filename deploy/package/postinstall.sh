#!/bin/sh
# After an installation or an upgrade, of Debian's packages and of RPM's.
set -e
if ! getent passwd yanquan >/dev/null; then
  useradd --system --user-group --no-create-home --home-dir /var/lib/yanquan --shell /usr/sbin/nologin yanquan
fi
install -d -m 0700 -o yanquan -g yanquan /var/lib/yanquan
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
  systemctl try-restart yanquan.service # not started by itself: it is to be configured first
fi
if { [ "$1" = configure ] && [ -z "$2" ]; } || [ "$1" = 1 ]; then
  echo "yanquan: set it up by: yanquan init --dir /etc/yanquan (or edit config.yaml and .env there, then: yanquan doctor --config /etc/yanquan/config.yaml); then: systemctl enable --now yanquan"
fi
