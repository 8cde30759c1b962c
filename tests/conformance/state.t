#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# runtime.md#state: the document, in each status.
. "$(dirname "$0")/../lib/lib.sh"

has() { jq -e "$1" <<<"$DOC" >/dev/null; } # jq-expression that has to be true of the document

document() { # STATUS: what holds in all of them
	local s=$1
	DOC=$(state_of "$ID")
	ok "runtime.md#state: is one JSON object ($s)" has 'type == "object"'
	ok "runtime.md#state: ociVersion MUST be there and a version ($s)" \
		has '.ociVersion | test("^[0-9]+[.][0-9]+[.][0-9]+([-+].*)?$")'
	is "runtime.md#state: id MUST be the container's id ($s)" "$(jq -r .id <<<"$DOC")" "$ID"
	is "runtime.md#state: status MUST be $s" "$(jq -r .status <<<"$DOC")" "$s"
	is "runtime.md#state: bundle MUST be the absolute path ($s)" "$(jq -r .bundle <<<"$DOC")" "$BUNDLE"
	is "runtime.md#state: annotations MUST be those of the config ($s)" \
		"$(jq -Sc .annotations <<<"$DOC")" '{"org.example.a":"1 & <2>","org.example.empty":""}'
}

pids() { # STATUS
	is "runtime.md#state: pid MUST be there as seen by the runtime ($1)" "$(jq .pid <<<"$DOC")" "$PID"
}

schema_types() {
	ok "runtime.md#state: the types are those of the state schema" has '
		(.ociVersion | type) == "string" and (.id | type) == "string"
		and (.status | type) == "string" and (.pid | type) == "number"
		and (.bundle | type) == "string" and ([.annotations[] | type] | unique) == ["string"]'
}

whole_life() {
	new_bundle '.annotations = {"org.example.a": "1 & <2>", "org.example.empty": ""}'
	with_args /bin/probe signals
	ct_create
	document created
	pids created
	schema_types
	ct_start
	document running
	pids running
	wait_text "$BUNDLE/out" ready
	rt kill "$ID" TERM
	wait_gone "$PID"
	document stopped
	ct_drop
}

no_annotations() {
	new_bundle 'del(.annotations)'
	ct_create
	DOC=$(state_of "$ID")
	ok "runtime.md#state: without annotations the property is absent or an empty map" \
		has '.annotations == null or .annotations == {}'
	ct_drop
}

unknown_properties() {
	new_bundle '.ociVersion = "1.0.2" | .unknown = {"a": [1]} | .process.unknown = "x"' \
		'.linux.unknown = true | .root.unknown = 1 | .linux.resources.unknown = {}' \
		'.mounts[0].unknown = [] | .annotations = {"org.example.unknown": "y"}'
	with_args /bin/true
	ok "config.md#extensibility: unknown properties MUST be ignored" ct_run
	new_bundle '.annotations = {"no dots": "", "com.example.unknown": "x"}'
	ok "config.md#annotations: an unknown key MUST NOT generate an error" ct_run
	new_bundle '.annotations = {"a": 1}'
	ok "config.md#annotations: values MUST be strings: a number MUST generate an error" not ct_run
}

versions() {
	local v
	for v in 1.0.0 1.0.2-dev 1.1.0+dev 1.2.1 1.3.0; do
		new_bundle ".ociVersion = \"$v\""
		ok "config.md#specification-version: $v is compatible within the 1.x series" ct_run
	done
}

whole_life
no_annotations
unknown_properties
versions
