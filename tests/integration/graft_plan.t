#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What greffon graft says of nodes that are made of files (tests/hosts/graft), against tests/golden/graft. Needs
# no privilege. GOLDEN_WRITE=1 writes the golden files anew: read their difference.
. "$(dirname "$0")/../lib/lib.sh"

golden=$lib_top/tests/golden/graft

say() { # TREE WORD...: the command as a person would type it, what it prints, its status
	local tree=$1 status
	shift
	echo "\$ greffon graft $*"
	"${lib_runtime[@]}" graft "$@" --host "$tree" 2>&1
	status=$?
	[ $status -eq 0 ] || echo "status $status"
	echo
}

commands_of() { # FIXTURE TREE
	local t=$2
	say "$t" list
	case $1 in
	dgx-h100)
		say "$t" plan -a gpu=0,2
		say "$t" plan -a gpu=all -a rdma=near-gpu -a gpu.caps=utility
		say "$t" plan -a profile=training --format json
		say "$t" plan -a profile=nothing
		say "$t" plan -a gpu=numa:1 -a gpu.caps=utility
		say "$t" plan -a gpu=GPU-5fd4f087-86f3-7a43-b711-000000000003,0000:1b:00.0,nvidia7 -a gpu.caps=utility
		say "$t" plan -a gpu=1-3 -a gpu.caps=utility -e NVIDIA_VISIBLE_DEVICES=2,5
		say "$t" plan -e NVIDIA_VISIBLE_DEVICES=all
		say "$t" plan -e NVIDIA_VISIBLE_DEVICES=void -e MELLANOX_VISIBLE_DEVICES=
		say "$t" plan -e NVIDIA_VISIBLE_DEVICES=all -a strict=true
		say "$t" plan -a gpu=all -a none=true
		say "$t" plan -a gpu=8
		say "$t" plan -a gpu=6-9
		say "$t" plan -a gpu=MIG-1234
		say "$t" plan -a gpu=0,,1
		say "$t" plan -a gpu=0 -a gpu.caps=graphics
		say "$t" plan -a gpu=0 -a gpu.caps=magic
		say "$t" plan -a gpus=all
		say "$t" plan -a gpu=0 -a gpu.caps=utility -a nvswitch=true -a gds=true
		say "$t" plan -a rdma=mlx5_3,uverbs0,net:ib5,guid:0c42:a103:0065:0006
		say "$t" plan -a rdma=all -e MELLANOX_VISIBLE_DEVICES=0,3
		say "$t" plan -a rdma=near-gpu
		say "$t" plan -a rdma=mlx5_8
		say "$t" plan -a rdma=mlx5_77
		say "$t" plan -a 'rdma=mlx5_0;mad'
		say "$t" plan -a 'rdma=mlx5_0;move'
		say "$t" plan -a 'gpu=0,2;curtain' -a gpu.caps=utility
		say "$t" plan -a 'gpu=all;curtain' -a 'rdma=near-gpu;curtain' -a gpu.caps=utility
		say "$t" plan -a 'rdma=mlx5_3,mlx5_11;curtain'
		say "$t" plan -a 'nvswitch=true;curtain' -a gpu=0
		say "$t" plan -a 'gpu=0;veil'
		say "$t" plan -a rdma=mlx5_0 -a rdma.limit=mlx5_0:hca_handle=4,hca_object=max
		say "$t" plan -a rdma=mlx5_0 -a rdma.limit=mlx5_0:hca_handle=64
		say "$t" plan -a rdma=mlx5_0 -a rdma.limit=mlx5_1:hca_handle=4,hca_object=5
		say "$t" plan -a rdma=mlx5_0 -a rdma.limit=4
		say "$t" plan -a memlock=1048576
		say "$t" plan -a memlock=lots
		say "$t" plan -a xpmem=true
		say "$t" plan -a mpi=host
		;;
	a100-mig)
		say "$t" plan -e NVIDIA_VISIBLE_DEVICES=1:0 -e NVIDIA_DRIVER_CAPABILITIES=utility
		say "$t" plan -a gpu=gpu0/gi9/ci0,gpu0/gi10/ci0 -a gpu.caps=utility
		say "$t" plan -a gpu=all -a gpu.caps=utility
		say "$t" plan -a gpu=nvidia2
		say "$t" plan -e NVIDIA_VISIBLE_DEVICES=MIG-GPU-a0/9/0,GPU-a1 -e NVIDIA_DRIVER_CAPABILITIES=utility
		say "$t" plan -e NVIDIA_VISIBLE_DEVICES=MIG-GPU-a0/9/1
		say "$t" plan -e NVIDIA_VISIBLE_DEVICES=MIG-b3a4a9b2-7c5c-5a10-8f0e-3d2f1c0b9a87
		say "$t" plan -a 'gpu=gpu0/gi9/ci0;curtain' -a gpu.caps=utility --format json
		say "$t" plan -a 'gpu=1:0,0;curtain' -a gpu.caps=utility
		say "$t" plan -e NVIDIA_VISIBLE_DEVICES=none -e NVIDIA_DRIVER_CAPABILITIES=utility
		say "$t" plan -e NVIDIA_VISIBLE_DEVICES=nvidia.com/gpu=0 -e NVIDIA_DRIVER_CAPABILITIES=all
		;;
	gb200-imex)
		say "$t" plan -a gpu=0 -a imex=0,2
		say "$t" plan -a imex=9
		;;
	lazy-nodes | stale)
		say "$t" plan -a gpu=0
		say "$t" plan -a gpu=1
		say "$t" plan -a gpu=all -a gpu.caps=utility
		say "$t" plan -a gpu=GPU-5fd4f087-86f3-7a43-b711-000000000003
		say "$t" plan -a gpu=0 -a strict=true
		say "$t" check
		;;
	bluefield-holes)
		say "$t" plan -a rdma=all
		say "$t" plan -a rdma=mlx5_0
		say "$t" plan -a rdma=net:p2
		say "$t" plan -a 'rdma=all;curtain'
		say "$t" check
		;;
	efa-p5)
		say "$t" plan -a rdma=rdmap16s0,rdmap48s0
		say "$t" plan -a rdma=all
		say "$t" plan -a rdma=all -e MELLANOX_VISIBLE_DEVICES=0
		;;
	rxe) say "$t" plan ;;
	exclusive)
		say "$t" plan -a 'rdma=net:eth0;move'
		say "$t" plan -a 'rdma=all;move;libs=none' --format json
		say "$t" plan -a 'rdma=all;move;curtain'
		say "$t" plan -a 'rdma=mlx5_0;curtain'
		;;
	quad) say "$t" plan -a gpu=0,3 -a rdma=near-gpu ;;
	mi250x-cray)
		say "$t" plan -a amd=0,5-6 -a cxi=all -a xpmem=true
		say "$t" plan -e AMD_VISIBLE_DEVICES=0x499602d3
		say "$t" plan -a knem=true
		;;
	mi300x-cpx)
		say "$t" plan -a amd=5
		say "$t" plan -a amd=0000:05:00.0
		say "$t" plan -a 'amd=5;curtain'
		;;
	opa) say "$t" plan -a rdma=hfi1_0 -a hfi=all -a knem=all ;;
	wsl2 | jetson-orin)
		say "$t" plan -a gpu=all
		say "$t" plan -a 'gpu=all;curtain'
		;;
	empty)
		say "$t" plan -a gpu=all
		say "$t" plan -a rdma=mlx5_0
		say "$t" plan -a amd=all
		say "$t" check
		;;
	esac
}

same() { # NAME FILE GOLDEN
	if diff -u "$3" "$2" >"$WORK/diff" 2>&1; then
		pass "$1"
	else
		fail "$1" "$(head -n 30 "$WORK/diff")"
	fi
}

# A copy whose folders list their names in another order.
shuffled() { # TREE COPY
	mkdir "$2"
	(cd "$1" && find . -mindepth 1 | shuf | tar -cf - --no-recursion -T -) | tar -xf - -C "$2"
}

for fixture in $("$lib_top/tests/hosts/graft"); do
	"$lib_top/tests/hosts/graft" "$fixture" "$WORK/$fixture"
	commands_of "$fixture" "$WORK/$fixture" >"$WORK/$fixture.txt"
	[ -z "${GOLDEN_WRITE:-}" ] || cp "$WORK/$fixture.txt" "$golden/$fixture.txt"
	same "graft: $fixture is planned as it was" "$WORK/$fixture.txt" "$golden/$fixture.txt"
	shuffled "$WORK/$fixture" "$WORK/shuffled"
	commands_of "$fixture" "$WORK/shuffled" >"$WORK/shuffled.txt"
	same "graft: the order of $fixture's folders does not matter" "$WORK/shuffled.txt" "$WORK/$fixture.txt"
	"${lib_runtime[@]}" graft capture --host "$WORK/$fixture" --out "$WORK/captured" 2>"$WORK/err"
	commands_of "$fixture" "$WORK/captured" >"$WORK/captured.txt"
	same "graft: a capture of $fixture is planned as $fixture" "$WORK/captured.txt" "$WORK/$fixture.txt"
	rm -rf "$WORK/shuffled" "$WORK/captured"
done

like "graft plan: an option of plan before another word is refused" \
	"$("${lib_runtime[@]}" graft list -a gpu=all 2>&1)" "*--annotation: belongs to graft plan, not to graft list*"
like "graft: an unknown word is refused" "$("${lib_runtime[@]}" graft grow 2>&1)" "*none of list, plan, check, *"
like "graft show: needs a container" "$("${lib_runtime[@]}" graft show 2>&1)" "*needs the id of a container*"
