#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# AppArmor: the profile of create and of exec is the program's, from its first instruction on.
. "$(dirname "$0")/../lib/lib.sh"

[ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" = Y ] ||
	{ skip "apparmor" "this kernel runs without AppArmor"; exit 0; }
command -v apparmor_parser >/dev/null || { skip "apparmor" "apparmor_parser is not installed"; exit 0; }
[ "$(id -u)" = 0 ] || { skip "apparmor" "needs root to load profiles"; exit 0; }

profile=greffon-test-$$
for name in "$profile" "$profile-other"; do
	cat <<-PROFILE
		profile $name flags=(attach_disconnected, mediate_deleted) {
			capability, network, file, mount, umount, pivot_root, ptrace, signal, unix,
			deny /secret-$name r,
		}
	PROFILE
done >"$WORK/profiles"
apparmor_end() {
	apparmor_parser -R "$WORK/profiles" >/dev/null 2>&1
	lib_cleanup
}
trap apparmor_end EXIT
apparmor_parser -r "$WORK/profiles" 2>"$WORK/err" || { fail "apparmor: the profiles load"; exit 1; }

bundle() { # [JQ...]
	new_bundle ".process.apparmorProfile = \"$profile\"" "$@"
	echo secret >"$ROOTFS/secret-$profile"
	echo other >"$ROOTFS/secret-$profile-other"
}
show='cat /proc/self/attr/current; cat /secret-* 2>/dev/null'

for nnp in true false; do
	bundle ".process.noNewPrivileges = $nnp"
	run_sh "$show"
	is "run: confined from the start, noNewPrivileges $nnp" "$(xargs <<<"$OUT")" "$profile (enforce) other"
done
bundle '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW"} | .linux.readonlyPaths = ["/proc/sys"] | .root.readonly = true'
run_sh "$show"
is "run: confined beside a seccomp filter" "$(xargs <<<"$OUT")" "$profile (enforce) other"

bundle
with_args /bin/sh -c 'echo up; sleep 1000'
ct_create
is "create: init itself is not confined" "$(cat "/proc/$PID/attr/current")" unconfined
ct_start && wait_text "$BUNDLE/out" up
is "start: the program is confined" "$(cat "/proc/$PID/attr/current")" "$profile (enforce)"
is "exec: has the container's profile" "$(rt exec "$ID" sh -c "$show" 2>"$WORK/err" | xargs)" "$profile (enforce) other"
is "exec --apparmor: another one" "$(rt exec --apparmor "$profile-other" "$ID" sh -c "$show" 2>"$WORK/err" | xargs)" \
	"$profile-other (enforce) secret"
is "exec --apparmor: unconfined" "$(rt exec --apparmor unconfined "$ID" cat /proc/self/attr/current 2>"$WORK/err")" unconfined
rt exec --apparmor "$profile-none" "$ID" true 2>"$WORK/err"
RC=$?
like "exec --apparmor: one that is not loaded" "$RC $(<"$WORK/err")" "255 *$profile-none*not loaded*"
ct_drop

refuses "create: a profile that is not loaded" '.process.apparmorProfile = "'"$profile"'-none"'
new_bundle ".process.apparmorProfile = \"$profile-none\""
ct_create
like "create: a profile that is not loaded is one line with the field and the remedy" "$(<"$WORK/err")" \
	"*process.apparmorProfile*$profile-none*not loaded*apparmor_parser*"
is "create: that is one line" "$(wc -l <"$WORK/err")" 1

# The list of profiles is root's alone: then the kernel's own refusal is told.
if command -v setpriv >/dev/null && setpriv --reuid=65534 --regid=65534 --clear-groups unshare -Ur true 2>/dev/null; then
	chmod 711 "$WORK"
	mkdir -m 700 "$WORK/user" && chown 65534:65534 "$WORK/user"
	bundle 'del(.linux.cgroupsPath) | .linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 65534, size: 1}] |
		.linux.gidMappings = .linux.uidMappings'
	own=("${lib_runtime[@]/--systemd-cgroup/--cgroup-manager=cgroupfs}") # this user has no systemd of his own
	as_user() { setpriv --reuid=65534 --regid=65534 --clear-groups "${own[@]}" --root "$WORK/user" "$@"; }
	if [ -x "${lib_runtime[0]}" ] && as_user --version >/dev/null 2>&1; then
		with_args /bin/sh -c "$show"
		write_config
		is "rootless: confined" "$(as_user run -b "$BUNDLE" "$ID" 2>"$WORK/err" </dev/null | xargs)" "$profile (enforce) other"
		set_config ".process.apparmorProfile = \"$profile-none\""
		write_config
		said=$(as_user run -b "$BUNDLE" "$ID" 2>&1 </dev/null)
		RC=$?
		like "rootless: one that is not loaded" "$RC $said" "1 *process.apparmorProfile*$profile-none*not loaded*"
	else
		skip "rootless: confined" "user 65534 can't execute the runtime"
	fi
else
	skip "rootless: confined" "user namespaces are not permitted to users"
fi
exit 0
