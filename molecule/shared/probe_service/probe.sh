# One task of the probe service: tests that it shares files and a network with all others.
#   SLOT, TASKS, BOARD; /work is a folder of the share
set -eu
address=$(hostname -i)
mkdir -p /tmp/www
echo "$SLOT" >/tmp/www/slot
httpd -p 8080 -h /tmp/www
# Written under another name and renamed, so that nobody reads half a line.
echo "$address" >"/work/.$SLOT"
mv "/work/.$SLOT" "/work/address.$SLOT"

tries=0
until [ "$(ls /work | grep -c '^address\.')" -eq "$TASKS" ]; do
    tries=$((tries + 1))
    [ "$tries" -le 120 ] || { echo "not all tasks came up" && exit 1; }
    sleep 1
done
reached=0
for peer in $(seq "$TASKS"); do
    if [ "$(wget -q -T 20 -O - "http://$(cat "/work/address.$peer"):8080/slot")" = "$peer" ]; then
        reached=$((reached + 1))
    fi
done
outside=closed
if ip route | grep -q '^default'; then outside=open; fi
privileges=$(awk '/^NoNewPrivs/ { print $2 }' /proc/self/status)
echo "$BOARD $reached $outside $privileges" >"/work/.done.$SLOT"
mv "/work/.done.$SLOT" "/work/done.$SLOT"
# Run until all tasks have connected, else the last ones would find no peer.
tries=0
until [ "$(ls /work | grep -c '^done\.')" -eq "$TASKS" ] || [ "$tries" -ge 120 ]; do
    tries=$((tries + 1))
    sleep 1
done
