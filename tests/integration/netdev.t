#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# linux.netDevices: interfaces of the host that move into the container. Everything happens in a network
# namespace that this test makes for itself.
if [ "${NETDEV_NETNS:-}" != "$$" ]; then
	if ! unshare -n true 2>/dev/null; then
		echo "1..0 # SKIP a network namespace can't be made"
		exit 0
	fi
	exec unshare -n env NETDEV_NETNS=$$ bash "$0" "$@"
fi
. "${BASH_SOURCE%/*}/../lib/lib.sh"

ip=$(command -v ip || echo "busybox ip")
net='.linux.namespaces += [{type: "network"}]'
if ! $ip link add gfa type veth peer name gfb; then
	skip "interfaces move into the container" "the kernel has no veth"
	exit 0
fi

fresh() { # gfa with two kept addresses and one of link scope, gfb its peer
	$ip link del gfa 2>/dev/null
	$ip link del gfb 2>/dev/null # its peer went with a container whose namespace may still be ending
	$ip link add gfa type veth peer name gfb &&
		$ip link set gfa mtu 1400 address 02:00:00:00:00:0a &&
		$ip addr add 192.0.2.1/24 brd 192.0.2.255 dev gfa &&
		$ip addr add 198.51.100.7/32 dev gfa &&
		$ip addr add 203.0.113.1/24 scope link dev gfa &&
		$ip link set gfa up && $ip link set gfb up
	$ip addr add 2001:db8::1/64 dev gfa nodad 2>/dev/null
}
here() { $ip -o link show "$1" >/dev/null 2>&1; }
has() { grep -qF -- "$2" <<<"$1"; }

fresh
new_bundle "$net" '.linux.netDevices = {gfa: {}}'
run_sh 'busybox ip addr show gfa'
is "an interface moves" "$RC" 0
ok "it keeps its permanent global addresses" has "$OUT" "192.0.2.1/24 brd 192.0.2.255"
ok "all of them" has "$OUT" "198.51.100.7/32"
ok "an address of link scope stays behind" not has "$OUT" "203.0.113.1"
ok "it keeps its hardware address" has "$OUT" "02:00:00:00:00:0a"
ok "it keeps its mtu" has "$OUT" "mtu 1400"
ok "it is up" has "$OUT" ",UP"
if [ -e /proc/sys/net/ipv6 ]; then
	ok "it keeps IPv6 addresses" has "$OUT" "2001:db8::1/64"
else
	skip "it keeps IPv6 addresses" "the kernel has no IPv6"
fi
ok "the host has it no more" not here gfa

fresh
new_bundle "$net" '.linux.netDevices = {gfa: {name: "eth0"}, gfb: {name: "ib%d"}}' \
	'.linux.sysctl = {"net.ipv4.conf.eth0.forwarding": "1"}' \
	'.process.args = ["/bin/sh", "-c", "busybox ip -o link; cat /proc/sys/net/ipv4/conf/eth0/forwarding"]'
ct_run
is "two interfaces move" "$RC" 0
ok "one is renamed" has "$OUT" " eth0"
ok "a template is filled in" has "$OUT" " ib0"
is "a sysctl finds it there" "${OUT##*$'\n'}" 1

fresh
new_bundle "$net" '.linux.netDevices = {gfa: {}}' \
	".hooks.createRuntime = [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"$ip link show gfa && exit 1; exit 0\"], env: [\"PATH=$PATH\"]}]"
ct_create
is "createRuntime hooks find it moved" $? 0
ct_drop

fresh
new_bundle "$net" '.linux.netDevices = {gfa: {name: "eth0"}}' \
	'.hooks.createRuntime = [{path: "/bin/false"}]'
refuses_after() { ct_create; refused "$1" $?; }
refuses_after "a creation that fails"
ok "brings the interface back" here gfa
ok "with the addresses it had" has "$($ip addr show gfa)" 192.0.2.1/24
ok "and up, as it was" has "$($ip link show gfa)" ",UP"

# a namespace with a name that is taken: the one of a container
fresh
new_bundle "$net"
with_args /bin/sleep 60
ct_create
other=$PID
nsenter -t "$other" -n $ip link add taken type veth peer name taken2
first_id=$ID first_bundle=$BUNDLE
new_bundle ".linux.namespaces += [{type: \"network\", path: \"/proc/$other/ns/net\"}]" \
	'.linux.netDevices = {gfa: {name: "taken"}}'
refuses_after "a name that is taken in the container's namespace"
like "the message says so" "$(<"$WORK/err")" "*linux.netDevices.gfa.name: 'taken' is taken*"
ok "the interface stays where it was" here gfa
new_bundle ".linux.namespaces += [{type: \"network\", path: \"/proc/$other/ns/net\"}]" \
	'.linux.netDevices = {gfa: {name: "gf%d"}}'
ct_run
is "into a namespace joined by path, with a template" "$RC" 0
ok "the joined namespace has it" has "$(nsenter -t "$other" -n $ip -o link)" " gf0"
ID=$first_id BUNDLE=$first_bundle
ct_drop

fresh
refuses "an interface that is not there" "$net" '.linux.netDevices = {gfnone: {}}'
like "the message names it" "$(<"$WORK/err")" "*linux.netDevices.gfnone: *no such interface*"
refuses "the second of two that is not there" "$net" '.linux.netDevices = {gfa: {}, gfnone: {}}'
ok "the first has not moved" has "$($ip addr show gfa)" 203.0.113.1
refuses "no network namespace" '.linux.netDevices = {gfa: {}}'
like "the message names the remedy" "$(<"$WORK/err")" "*linux.netDevices: need a network namespace*"
refuses "the runtime's own network namespace" '.linux.netDevices = {gfa: {}}' \
	'.linux.namespaces += [{type: "network", path: "/proc/'$$'/ns/net"}]'
refuses "an invalid name" "$net" '.linux.netDevices = {gfa: {name: "a/b"}}'
refuses "a name that is too long" "$net" '.linux.netDevices = {gfa: {name: "abcdefghijklmnop"}}'
refuses "a template in the middle" "$net" '.linux.netDevices = {gfa: {name: "a%dx"}}'
refuses "the same name twice" "$net" '.linux.netDevices = {gfa: {name: "e"}, gfb: {name: "e"}}'
refuses "the loopback interface" "$net" '.linux.netDevices = {lo: {}}'
refuses "its name" "$net" '.linux.netDevices = {gfa: {name: "lo"}}'
ok "after all of them it is still here" here gfa

# a user namespace of the container's own
fresh
new_bundle "$net" '.linux.namespaces += [{type: "user"}]' \
	'.linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}]' \
	'.linux.gidMappings = .linux.uidMappings' '.linux.netDevices = {gfa: {}}'
chown -R 100000:100000 "$ROOTFS"
run_sh 'busybox ip addr show gfa'
is "into a namespace of another user namespace" "$RC" 0
ok "with its addresses" has "$OUT" "192.0.2.1/24"
