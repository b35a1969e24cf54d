#!/bin/sh
# Before a removal; an upgrade leaves the process to the new package.
set -e
case "$1" in
remove | 0)
  if [ -d /run/systemd/system ]; then
    systemctl disable --now yanquan.service
  fi
  ;;
esac
