#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dist/kubernetes: the node's installer on root file systems that pretend to be nodes, judged by the distribution's
# containerd; the manifests, checked against Kubernetes' own schema; and the commands of docs/kubernetes.md, but for those of
# kubectl, which need a cluster and therefore stand in blocks without "sh".
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/engine.sh"
kube=$lib_top/dist/kubernetes
install=$kube/install-node

# ---- the installer ----

mkdir -p "$WORK/archive/bin" "$WORK/archive/libexec/greffon"
cp "${lib_runtime[0]}" "$WORK/archive/bin/greffon"
echo helper >"$WORK/archive/libexec/greffon/greffon-systemd"

node=
new_node() { # NAME: a fresh root
	node=$WORK/node-$1
	mkdir -p "$node/etc/containerd"
	config=$node/etc/containerd/config.toml
}
run_install() { # ACTION
	OUT=$(busybox sh "$install" "$1" --root "$node" --from "$WORK/archive" --no-restart 2>"$WORK/err")
}
tree_of() { (cd "$node" && find . -type f -exec sha256sum {} + | sort -k 2); }
have_containerd=
command -v containerd >/dev/null && have_containerd=1
# The handler as containerd itself reads it.
handler() { # KEY
	containerd --config "$config" config dump 2>/dev/null | awk -v k="$1" \
		'/^ *\[/ { here = /runtimes\.greffon(\.options)?\]/ } here && $1 == k { print $3 }'
}
takes_it() { # NAME SYSTEMD-CGROUP
	[ -n "$have_containerd" ] || { skip "$1: containerd reads the handler" "containerd is not installed"; return; }
	is "$1: containerd reads the handler" "$(handler runtime_type) $(handler BinaryName) $(handler SystemdCgroup)" \
		"\"io.containerd.runc.v2\" \"/usr/local/bin/greffon\" $2"
	like "$1: runc is still there" "$(containerd --config "$config" config dump)" '*runtimes.runc\]*'
}

new_node bare
rmdir "$node/etc/containerd"
ok "a node without a configuration: install" run_install install
takes_it "a node without a configuration" false
ok "the program is there" cmp "${lib_runtime[0]}" "$node/usr/local/bin/greffon"
ok "and its helper" test -x "$node/usr/local/libexec/greffon/greffon-systemd"
ok "check says so" run_install check
before=$(tree_of)
ok "twice" run_install install
is "changes nothing" "$(tree_of)" "$before"
is "and says so" "$OUT" "install-node: /etc/containerd/config.toml has the handler"
ok "remove" run_install remove
is "leaves nothing" "$(tree_of)" ""
not run_install check
is "check fails then" "$?" 0
ok "remove twice" run_install remove

if [ -n "$have_containerd" ]; then
	new_node default
	containerd config default >"$config"
	sed -i 's/SystemdCgroup = false/SystemdCgroup = true/' "$config"
	chmod 640 "$config"
	before=$(tree_of)
	ok "containerd's own default: install" run_install install
	takes_it "containerd's own default, with the systemd driver" true
	is "the file keeps its mode" "$(stat -c %a "$config")" 640
	ok "remove it again" run_install remove
	is "the file is as it was, byte for byte" "$(tree_of)" "$before"
fi

new_node documented
printf 'version = 2\n# the last line has no end' >"$config"
ok "a short file that ends without a newline: install" run_install install
takes_it "a short file that ends without a newline" false

new_node new
cat >"$config" <<'END'
version = 3
[plugins.'io.containerd.cri.v1.runtime'.containerd]
  default_runtime_name = 'runc'
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = 'io.containerd.runc.v2'
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
    SystemdCgroup = true
END
ok "containerd 2's form: install" run_install install
ok "the handler has that form" grep -qF '[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.greffon.options]' "$config"
ok "and the driver of its runc" grep -q 'SystemdCgroup = true' <(sed -n '/>>> greffon/,$p' "$config")
is "runc is not named twice" "$(grep -c 'runtimes.runc\]' "$config")" 1

# What is not understood stays as it is.
hands_off() { # NAME REASON, the file on standard input
	new_node "off-$((++off))"
	cat >"$config"
	local before
	before=$(sha256sum <"$config")
	not run_install install
	is "$1: refused" "$?" 0
	like "$1: says why" "$(cat "$WORK/err")" "*$2*"
	is "$1: the file is untouched" "$(sha256sum <"$config")" "$before"
	is "$1: no file beside it" "$(ls "$node/etc/containerd")" config.toml
}
off=0
hands_off "version 1" "no 'version = 2'" <<<'[plugins.cri.containerd]'
hands_off "a handler of the same name" "a handler 'greffon' of its own" <<'END'
version = 2
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.greffon]
  runtime_type = "io.containerd.runc.v2"
END
hands_off "inline tables" "inline" <<'END'
version = 2
[plugins."io.containerd.grpc.v1.cri".containerd]
  runtimes = { runc = { runtime_type = "io.containerd.runc.v2" } }
END
hands_off "dotted keys" "dotted keys" <<'END'
version = 2
[plugins."io.containerd.grpc.v1.cri".containerd]
  runtimes.runc.runtime_type = "io.containerd.runc.v2"
END
new_node k3s
mkdir -p "$node/etc/rancher"
rmdir "$node/etc/containerd"
not run_install install
like "k3s: says what to do" "$(cat "$WORK/err")" "*config.toml.tmpl by hand"

# containerd's own refusal, by one that pretends to find fault
new_node faulty
mkdir -p "$node/usr/bin" "$node/bin" "$node/lib"
cp /bin/busybox "$node/bin/sh"
printf '#!/bin/sh\nexit 1\n' >"$node/usr/bin/containerd"
chmod 755 "$node/usr/bin/containerd"
echo 'version = 2' >"$config"
before=$(sha256sum <"$config")
not run_install install
like "containerd refuses the result: says so" "$(cat "$WORK/err")" "*containerd would not take*nothing was changed*"
is "and the file is untouched" "$(sha256sum <"$config") $(ls "$node/etc/containerd")" "$before config.toml"

# ---- the manifests ----

ok "the installer's script is a plain shell's" busybox sh -n "$install"
if is_greffon; then
	new_bundle
	write_config
	busybox time -v "${lib_runtime[@]}" --root "$STATE" create -b "$BUNDLE" "$ID" 2>"$WORK/time" </dev/null >/dev/null
	peak=$(sed -n 's/.*Maximum resident.*: //p' "$WORK/time")
	ok "the runtime class's overhead of 8 MiB covers what greffon holds while it starts a container ($peak KiB)" \
		test "${peak:-99999}" -le 8192
	ct_delete --force
else
	skip "the runtime class's overhead covers what the runtime holds" "dist/kubernetes says it of greffon"
fi

if command -v npm >/dev/null && python3 -c 'import yaml' 2>/dev/null &&
	(mkdir "$WORK/npm" && cd "$WORK/npm" && npm install --silent --no-audit --no-fund kubernetes-models) >"$WORK/err" 2>&1; then
	cat >"$WORK/npm/check.js" <<-'END'
		for (const d of require("./documents.json")) {
			const model = require("kubernetes-models/" + d.apiVersion + "/" + d.kind)[d.kind]
			new model(d).validate()
		}
	END
	# what docs/containerd.md shows is a manifest too
	sed -n '/^```yaml$/,/^```$/{/^```/d;p}' "$lib_top/docs/containerd.md" >"$WORK/containerd.md.yaml"
	for manifest in "$kube"/*.yaml "$WORK/containerd.md.yaml"; do
		python3 -c 'import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))' "$manifest" \
			>"$WORK/npm/documents.json"
		ok "${manifest##*/}: valid for Kubernetes' schema" node "$WORK/npm/check.js"
	done
	# the check itself finds a fault
	echo '[{"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "x"}, "handler": 7}]' >"$WORK/npm/documents.json"
	like "a wrong manifest is found" "$(node "$WORK/npm/check.js" 2>&1)" "*handler must be string*"
else
	skip "the manifests are valid for Kubernetes' schema" "no npm package kubernetes-models, or no python3-yaml"
fi

# ---- the page ----

# podman with an image store and a configuration of the test's own; its busybox has another's name
image_store() {
	local client
	client=$(command -v podman)
	mkdir -p "$WORK/podman"
	sed "s|^greffon = .*|greffon = [\"$runtime_path\"]|" "$lib_top/dist/podman/greffon.conf" >"$WORK/containers.conf"
	printf '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\n' >>"$WORK/containers.conf"
	cat >"$EB/podman" <<-SH
		#!/bin/sh
		export CONTAINERS_CONF=$WORK/containers.conf
		exec $client --root $WORK/podman/root --runroot $WORK/podman/run --tmpdir $WORK/podman/tmp --storage-driver vfs \\
			--cgroup-manager cgroupfs --events-backend file "\$@"
	SH
	chmod +x "$EB/podman"
	make_image docker.io/library/busybox:latest "$WORK/busybox.tar"
	podman load -q -i "$WORK/busybox.tar" >"$WORK/out" 2>"$WORK/err"
}

new_node page
rmdir "$node/etc/containerd"
have_podman=
command -v podman >/dev/null && image_store && have_podman=1
mkdir "$WORK/page"
cd "$WORK/page" || exit
script="s|dist/|$lib_top/dist/|; s|^.*/install-node install|& --root $node --no-restart|"
[ -n "$have_podman" ] || script+="; /^podman/d"
PAGE_SECONDS=500 page_blocks kubernetes.md "$script"
ok "docs/kubernetes.md: the node has the program" test -x "$node/usr/local/bin/greffon"
if [ -n "$have_podman" ]; then
	new_node image
	# what the DaemonSet's container runs, for a node that is not to be restarted
	command=$(sed -n 's|^ *- \(/greffon/libexec/install-node "$ACTION" .* --from /greffon\) &&.*|\1 --no-restart|p' "$kube/installer.yaml")
	ok "docs/kubernetes.md: the image installs on a node" podman run --rm --runtime greffon --cgroups disabled --network none \
		-v "$node:/host" -e ACTION=install registry.example/greffon-installer sh -c "$command"
	takes_it "a node of the image's" false
	ok "and the program is there" cmp "$node/usr/local/bin/greffon" "$WORK/page/stage/usr/local/bin/greffon"
	ok "and is taken away" podman run --rm --runtime greffon --cgroups disabled --network none \
		-v "$node:/host" -e ACTION=remove registry.example/greffon-installer sh -c "$command"
	is "with all that it brought" "$(tree_of)" ""
	podman rmi -a -f >/dev/null 2>&1
else
	skip "docs/kubernetes.md: the image installs on a node" "podman is not installed"
fi
cd "$lib_top" || exit
engine_leftovers
