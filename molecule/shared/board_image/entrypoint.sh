#!/bin/bash
# Boots the board. The first time, it first writes the card, as a user does with an imager.
#   BOARD_NAME, BOARD_ADDRESS (with prefix length), BOARD_GATEWAY, BOARD_DNS: what to write on the card
#   BOARD_MEMORY_MB, BOARD_DISK_GB: the machine
#   /flash: authorized_keys, ssh_host_ed25519_key and its .pub, put there by create.yml before the first start
#   /disk: a volume; the card and, when BOARD_DATA_DISK_GB is not 0, a blank second disk
set -euo pipefail

flash() {
    local card=$1 files commands
    files=$(mktemp -d)
    commands=$files/commands
    cp --sparse=always /card.img "$card"
    truncate -s "${BOARD_DISK_GB}G" "$card"
    e2fsck -fp "$card" >/dev/null || [ $? -le 1 ]
    resize2fs "$card" >/dev/null 2>&1

    printf '%s\n' "$BOARD_NAME" >"$files/hostname"
    printf '127.0.0.1 localhost\n127.0.1.1 %s\n' "$BOARD_NAME" >"$files/hosts"
    printf 'nameserver %s\n' $BOARD_DNS >"$files/resolv.conf"
    printf '[Match]\nType=ether\nKind=!bridge\nName=eth0 vec0\n\n[Network]\nAddress=%s\nGateway=%s\nLinkLocalAddressing=no\n' \
        "$BOARD_ADDRESS" "$BOARD_GATEWAY" >"$files/lab.network"

    # debugfs writes into the unmounted file system, so no privilege is needed. It creates files as root, 0644.
    {
        for target in hostname hosts resolv.conf; do
            printf 'rm /etc/%s\nwrite %s /etc/%s\n' "$target" "$files/$target" "$target"
        done
        printf 'write %s /etc/systemd/network/lab.network\n' "$files/lab.network"
        printf 'write /flash/ssh_host_ed25519_key /etc/ssh/ssh_host_ed25519_key\n'
        printf 'sif /etc/ssh/ssh_host_ed25519_key mode 0100600\n'
        printf 'write /flash/ssh_host_ed25519_key.pub /etc/ssh/ssh_host_ed25519_key.pub\n'
        printf 'write /flash/authorized_keys /home/maker/.ssh/authorized_keys\n'
        printf 'sif /home/maker/.ssh/authorized_keys %s\n' 'mode 0100600' 'uid 1000' 'gid 1000'
    } >"$commands"
    debugfs -w -f "$commands" "$card" >"$files/log" 2>&1
    # debugfs always exits with 0, so its messages are checked ("rm" of a missing file is not an error here).
    if grep -vE '^debugfs( |:)|^Allocated inode|^rm: File not found' "$files/log" | grep .; then
        echo "flashing the card failed" >&2
        return 1
    fi
    rm -rf "$files"
}

card=/disk/card.img
if [ ! -e "$card" ]; then
    flash "$card.new"
    mv "$card.new" "$card"  # a container stopped half way flashes anew
fi
disks=("ubd0=$card")
if [ "${BOARD_DATA_DISK_GB:-0}" != 0 ]; then
    [ -e /disk/data.img ] || truncate -s "${BOARD_DATA_DISK_GB}G" /disk/data.img
    disks+=("ubd1=/disk/data.img")
fi

# The container's address belongs to the board, which sends and receives on eth0 itself, with its hardware address.
mac=$(cat /sys/class/net/eth0/address)
ip address flush dev eth0

one-core </dev/null >/dev/null 2>&1 &  # see pin_to_core.c
exec linux.uml seccomp=auto "mem=${BOARD_MEMORY_MB}M" "${disks[@]}" root=/dev/ubda rw rootflags=barrier=0 \
    "vec0:transport=raw,ifname=eth0,depth=128,gro=1,mac=$mac" \
    con=null con0=fd:0,fd:1 con1=null "hostname=$BOARD_NAME" umid=board init=/sbin/init
