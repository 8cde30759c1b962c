#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The features document (features.md, features-linux.md): what the build knows, whatever the kernel; and the kernel's
# own side of it in the annotations.
. "$(dirname "$0")/../lib/lib.sh"

features=$(rt features 2>"$WORK/err")
get() { jq -r "$1" <<<"$features"; }
paths() { jq -r '[paths | map(if type == "number" then "[]" else . end) | join(".")] | unique[]'; }

is "features: ends well and says nothing besides" "$? $(wc -c <"$WORK/err")" "0 0"
ok "features: ociVersionMin is not above ociVersionMax" \
	test "$(get '.ociVersionMin, .ociVersionMax' | sort -V | head -n 1)" = "$(get .ociVersionMin)"
is "features: only properties that the specification defines" \
	"$(comm -23 <(paths <<<"$features" | grep -ve "^annotations\." -e "\[\]$" | sort) \
		<(paths <"$lib_top/tests/golden/spec/features.json" | sort))" ""
is "features: annotations are strings" "$(get '[.annotations[] | type] | unique | join(",")')" string
is "features: each list is without repetition" \
	"$(get '[.. | select(type == "array") | select(length != (unique | length))] | length')" 0

# What is listed has to be taken by a config.
new_bundle '.linux.namespaces = []'
for type in $(get '.linux.namespaces[]'); do
	case $type in user) continue ;; esac # needs maps
	set_config ".linux.namespaces += [{type: \"$type\"}]"
done
set_config ".process.capabilities.bounding = $(get '.linux.capabilities | tojson')" 'del(.linux.cgroupsPath)'
write_config
ok "features: namespaces and capabilities are known to the planner" rt plan -b "$BUNDLE" "$ID"
is "features: none of its capabilities is unknown" "$(rt plan -b "$BUNDLE" "$ID" 2>&1 | grep -c unknown)" 0
new_bundle '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: []}'
for action in $(get '.linux.seccomp.actions[]'); do
	set_config ".linux.seccomp.syscalls += [{names: [\"acct\"], action: \"$action\"}]"
done
set_config ".linux.seccomp.architectures = $(get '.linux.seccomp.archs | tojson')" \
	".linux.seccomp.flags = $(get '.linux.seccomp.supportedFlags | map(select(endswith("_RECV") | not)) | tojson')" \
	'.linux.seccomp.listenerPath = "/run/none"'
write_config
ok "features: seccomp's words are known to the planner" rt plan -b "$BUNDLE" "$ID"

apparmor=false
[ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" != Y ] || apparmor=true
is "features: the kernel's AppArmor" "$(get '.annotations["org.greffon.host.apparmor"]')" "$apparmor"
selinux=false
! grep -q selinuxfs /proc/filesystems || selinux=true
is "features: the kernel's SELinux" "$(get '.annotations["org.greffon.host.selinux"]')" "$selinux"
refuses_label() { # NAME KERNEL-HAS FIELD JQ
	if [ "$2" = true ]; then
		skip "features: $1 is refused where the kernel lacks it" "this kernel has it"
		return
	fi
	new_bundle "$4"
	ct_create
	RC=$?
	like "features: $1 is refused where the kernel lacks it" "$RC $(<"$WORK/err")" "1 *$3*not enabled*"
}
refuses_label "an AppArmor profile" $apparmor process.apparmorProfile '.process.apparmorProfile = "some-profile"'
refuses_label "an SELinux label" $selinux process.selinuxLabel '.process.selinuxLabel = "system_u:system_r:container_t:s0"'
refuses_label "a mount label" $selinux linux.mountLabel '.linux.mountLabel = "system_u:object_r:container_file_t:s0"'
exit 0
