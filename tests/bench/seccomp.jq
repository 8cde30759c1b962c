# SPDX-License-Identifier: GPL-2.0-or-later
# The profile of containers-common (its own format, with conditions) as the OCI `linux.seccomp` that
# podman makes of it for a container with these capabilities: rules whose conditions don't hold are
# dropped, the others lose their conditions. $machine is `uname -m`.
def profile_arch: {"x86_64": "amd64", "aarch64": "arm64", "i686": "x86"}[.] // .;

def scmp_arch: "SCMP_ARCH_" + ({"i686": "X86", "ppc64le": "PPC64LE"}[.] // ascii_upcase);

def applies($caps; $arch):
	(.includes // {}) as $in | (.excludes // {}) as $out |
	(($in.arches // []) | length == 0 or index($arch) != null) and
	(($in.caps // []) | all(. as $c | $caps | index($c) != null)) and
	(($out.arches // []) | index($arch) == null) and
	(($out.caps // []) | all(. as $c | $caps | index($c) == null));

def seccomp($caps; $machine):
	($machine | profile_arch) as $arch | ($machine | scmp_arch) as $native |
	{
		"defaultAction": .defaultAction,
		"defaultErrnoRet": .defaultErrnoRet,
		"architectures": ([$native] + ([.archMap[]? | select(.architecture == $native) | .subArchitectures[]?])),
		"syscalls": [.syscalls[] | select(applies($caps; $arch)) |
			{"names": .names, "action": .action}
			+ if .errnoRet == null then {} else {"errnoRet": .errnoRet} end
			+ if (.args // []) | length == 0 then {} else
				{"args": [.args[] | if .valueTwo == 0 then del(.valueTwo) else . end]} end]
	} | with_entries(select(.value != null));
