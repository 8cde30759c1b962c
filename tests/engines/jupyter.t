#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# docs/jupyter.md: a kernel started by the distribution's jupyter_client from the page's own kernelspec, in a root file
# system made as the page says, as a plain user: it computes, it is interrupted, it restarts, and leaves nothing.
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/engine.sh"

need mmdebstrap /usr/bin/python3 setpriv
/usr/bin/python3 -c 'import jupyter_client' 2>/dev/null || { skip jupyter "python3-jupyter-client is not installed"; exit 0; }
unshare -U true 2>/dev/null || { skip jupyter "no user namespaces"; exit 0; }
[ -x /usr/bin/jupyter ] || { skip jupyter "the distribution's jupyter is not installed"; exit 0; }

user=4242 # of no one
home=$WORK/home
mkdir "$home" "$WORK/srv" "$WORK/share" "$WORK/run"
chown $user:$user "$home" "$WORK/run"
ln -s "$runtime_path" "$EB/greffon"
ln -s /usr/bin/jupyter "$EB/jupyter"
as_user() {
	env -i PATH="$EB:/usr/bin:/bin" HOME="$home" XDG_RUNTIME_DIR="$WORK/run" JUPYTER_PATH="$WORK/share/jupyter" \
		setpriv --reuid $user --regid $user --clear-groups "$@"
}

export JUPYTER_PATH=$WORK/share/jupyter
cd "$lib_top" || exit
# the second block only from a machine that has the first's root: without the distribution's packages nothing follows
if ! timeout 500 mmdebstrap --simulate --quiet --variant=apt bookworm "$WORK/none" >"$WORK/err" 2>&1; then
	skip "docs/jupyter.md" "the distribution's packages can't be had: $(tail -n 1 "$WORK/err")"
	exit 0
fi
PAGE_SECONDS=500 page_blocks jupyter.md "s|/srv/python|$WORK/srv/python|g; s|/usr/share/greffon|$WORK/share/greffon|g; s|/usr/local/share|$WORK/share|g
	s|^mmdebstrap|mmdebstrap --quiet --mode=root --aptopt='Acquire::Languages \"none\"' --dpkgopt=force-unsafe-io|"
chmod 755 "$WORK/srv" "$WORK/srv/python" "$WORK/srv/python/rootfs"
sed -i "s|/usr/share/greffon|$WORK/share/greffon|; s|/srv/python|$WORK/srv/python|" "$WORK/share/jupyter/kernels/greffon/kernel.json"
cat >"$WORK/client.py" <<'END'
import sys, time
from jupyter_client.manager import KernelManager

def say(name, value):
    print(f"{name}={value}", flush=True)

def result(client, code, meanwhile=None):
    """What the code printed, or the name of its error."""
    message = client.execute(code)
    if meanwhile:
        time.sleep(3)
        meanwhile()
    text = ""
    while True:
        answer = client.get_iopub_msg(timeout=90)
        if answer["parent_header"].get("msg_id") != message:
            continue
        kind, content = answer["msg_type"], answer["content"]
        if kind == "stream":
            text += content["text"]
        elif kind == "error":
            text = content["ename"]
        elif kind == "status" and content["execution_state"] == "idle":
            return text.strip()

manager = KernelManager(kernel_name="greffon")
manager.start_kernel(cwd=sys.argv[1])
client = manager.client()
client.start_channels()
client.wait_for_ready(timeout=120)
say("sum", result(client, "print(6 * 7)"))
say("pid", result(client, "import os; print(os.getpid())"))
say("user", result(client, "print(os.getuid(), open('/etc/debian_version').read().split('.')[0])"))
say("host", result(client, f"print(os.listdir(os.path.dirname({sys.argv[2]!r})))"))
result(client, "open('from-the-kernel', 'w').write('x')")
say("interrupted", result(client, "import time; time.sleep(100)", manager.interrupt_kernel))
say("after", result(client, "print('still here')"))
manager.restart_kernel(now=False)
client.wait_for_ready(timeout=120)
say("restarted", result(client, "print('x' in globals(), 1 + 1)"))
client.stop_channels()
manager.shutdown_kernel(now=False)
say("ended", not manager.is_alive())
END
chmod 644 "$WORK/client.py"
OUT=$(cd "$home" && as_user timeout -k 5 400 /usr/bin/python3 "$WORK/client.py" "$home" "$WORK/client.py" 2>"$WORK/err")
is "the kernel computes" "$(val sum)" 42
is "it is in a container" "$(val pid)" 1
is "of its user, root inside, with the image's files" "$(val user)" "0 12"
is "of the host it sees nothing else" "$(val host)" "['home']"
is "what it writes is the user's" "$(stat -c %u "$home/from-the-kernel" 2>/dev/null)" $user
is "an interrupt reaches the program, which goes on" "$(val interrupted) $(val after)" "KeyboardInterrupt still here"
is "a restart is a new one" "$(val restarted)" "False 2"
is "it ends when asked to" "$(val ended)" True
is "no container is left" "$(as_user greffon list -q)" ""
engine_leftovers
