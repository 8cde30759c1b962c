#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Makes ./configure out of configure.ac. Needs autoconf, automake and pkg-config.
set -e
cd "$(dirname "$0")"
for tool in autoreconf automake pkg-config; do
	command -v "$tool" >/dev/null || { echo "autogen.sh: $tool is missing: install autoconf, automake and pkg-config" >&2; exit 1; }
done
exec autoreconf --force --install
