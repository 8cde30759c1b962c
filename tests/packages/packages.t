#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dist/package: the .deb installs on a clean Debian and works there, the .rpm and the static archive hold what they
# should, and the same source gives the same bytes elsewhere, at another time, under another umask. Some minutes.
. "$(dirname "$0")/../lib/lib.sh"

lacks=
for tool in dpkg-buildpackage:dpkg-dev dh:debhelper rpmbuild:rpm mmdebstrap:mmdebstrap; do
	command -v "${tool%:*}" >/dev/null || lacks+=" ${tool#*:}"
done
[ -z "$lacks" ] || { skip "packages" "not installed:$lacks"; exit 0; }
[ -e "$lib_top/.git" ] || { skip "packages" "the tree has no history to take a second copy from"; exit 0; }

# A second copy, as another person would have it: a clone, with what is not committed yet.
other=$WORK/some/other/place
git clone -q "$lib_top" "$other" 2>"$WORK/err"
git -C "$lib_top" ls-files -z --cached --others --exclude-standard |
	(cd "$lib_top" && tar -c --null -T - --ignore-failed-read 2>/dev/null) | tar -x -C "$other"
SOURCE_DATE_EPOCH=$(git -C "$lib_top" log -1 --format=%ct)
export SOURCE_DATE_EPOCH
mkdir "$WORK/one" "$WORK/two"

make_one() { # KIND: here
	GREFFON_BUILD=$WORK/build RPM_ARGS=--nodeps "$lib_top/dist/package" "$1" "$WORK/one" 2>"$WORK/err"
}
make_two() { # KIND: there
	(umask 077; sleep 1; LC_ALL=C.UTF-8 TZ=Asia/Tokyo GREFFON_BUILD=$other/build RPM_ARGS=--nodeps "$other/dist/package" \
		"$1" "$WORK/two" 2>"$WORK/err")
}
same() { # KIND
	local a b
	a=$(make_one "$1") b=$(make_two "$1")
	ok "$1: made" test -s "$a"
	[ -s "$a" ] || exit 1
	is "$1: two builds give the same bytes" "$(sha256sum <"$b")" "$(sha256sum <"$a")"
	PACKAGE=$a
}

# What every package brings, below its prefix.
essential='bin/greffon libexec/greffon/greffon-systemd share/man/man1/greffon.1 share/pkgconfig/greffon.pc
	share/bash-completion/completions/greffon share/zsh/site-functions/_greffon share/fish/vendor_completions.d/greffon.fish'
holds() { # KIND PREFIX LIST
	local file
	for file in $essential; do
		grep -qE "^\.?/?$2/$file(\.gz)?\$" <<<"$3" || echo "$file"
	done | is "$1: all that a user needs is in it" "$(cat)" ""
}

# ---- Debian ----

same deb
deb=$PACKAGE
holds deb usr "$(dpkg-deb --fsys-tarfile "$deb" | tar t)"
like "deb: the runtime itself depends on no library but the helper's" "$(dpkg-deb -f "$deb" Depends)" "libc6 (>= *), libsystemd0 (>= *)"

root=$WORK/debian
if mmdebstrap --quiet --variant=apt --mode=root --include=busybox-static --aptopt='Acquire::Languages "none"' \
	--dpkgopt=force-unsafe-io --customize-hook="upload $deb /greffon.deb" \
	--customize-hook='chroot "$1" apt-get install -y --no-install-recommends /greffon.deb' \
	bookworm "$root" >"$WORK/err" 2>&1; then
	ok "deb: installs on a clean Debian 12" test -x "$root/usr/bin/greffon"
	like "deb: runs there" "$(chroot "$root" greffon --version)" "greffon version *commit: *"
	ok "deb: pkg-config's words are right" grep -qx 'runtime=${bindir}/greffon' "$root/usr/share/pkgconfig/greffon.pc"
	# a container there, with a view of the machine's cgroups
	mkdir -p "$root/bundle/rootfs/bin"
	cp /bin/busybox "$root/bundle/rootfs/bin/"
	cat >"$WORK/inside" <<-'END'
		busybox mount -t proc proc /proc && busybox mount --rbind /hostcg /sys/fs/cgroup || exit
		cd /bundle && greffon spec &&
			sed -i -e 's/"terminal": *true/"terminal": false/' -e 's|"sh"|"/bin/busybox", "echo", "in a container"|' config.json &&
			greffon run "$1"
	END
	mkdir -p "$root/hostcg" "$root/sys/fs/cgroup"
	cp "$WORK/inside" "$root/inside"
	is "deb: a container runs there" "$(unshare -m --propagation private sh -c \
		'mount --bind "$1" "$1" && mount --rbind /dev "$1/dev" && mount --rbind /sys/fs/cgroup "$1/hostcg" && cd "$1" && mkdir -p .old &&
		pivot_root . .old && busybox umount -l /.old && exec sh /inside "$2"' _ "$root" "deb-$$" 2>"$WORK/err")" "in a container"
	ok "deb: is removed again" chroot "$root" dpkg -P greffon
	is "deb: leaves nothing" "$(find "$root/usr" -name '*greffon*' | head)" ""
else
	skip "deb: installs on a clean Debian 12" "no clean root here: $(tail -n 1 "$WORK/err")"
fi

# ---- RPM ----

same rpm
holds rpm usr "$(rpm -qlp "$PACKAGE" 2>/dev/null)"
like "rpm: the runtime needs no library" "$(rpm2cpio "$PACKAGE" | (mkdir "$WORK/rpm" && cd "$WORK/rpm" && cpio -idm 2>/dev/null &&
	file usr/bin/greffon))" "*static-pie*"

# ---- static archive ----

same static
holds static usr/local "$(tar tf "$PACKAGE")"
tar -xf "$PACKAGE" -C "$WORK" && like "static: the program runs from where it was unpacked" "$("$WORK/usr/local/bin/greffon" --version)" "greffon version *"
ok "static: the node installer takes it" "$lib_top/dist/kubernetes/install-node" install --from "$WORK/usr/local" \
	--root "$WORK/node" --no-restart
ok "static: and the node has the program" test -x "$WORK/node/usr/local/bin/greffon"
