# SPDX-License-Identifier: Apache-2.0
# Shared by the scripts: where things are, how to say what is happening, how to install what is missing.
# Source it; it changes into the project's root.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT"
CACHE=${ASSAY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/assay}
JOBS=${ASSAY_JOBS:-$(nproc)}
mkdir -p "$CACHE"

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
fail() { printf 'error: %s\n' "$*" >&2; exit 3; }

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"
	elif command -v sudo >/dev/null; then sudo "$@"
	else fail "need root to run: $*"; fi
}

# need_packages NAME...: installs the Debian packages that are not there yet; no network where all are.
need_packages() {
	local missing=() name
	for name in "$@"; do
		dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing+=("$name")
	done
	[ ${#missing[@]} -eq 0 ] && return 0
	command -v apt-get >/dev/null || fail "please install: ${missing[*]}"
	say "installing ${missing[*]}"
	as_root apt-get update -qq
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# once NAME COMMAND...: runs the command unless $CACHE/NAME exists; NAME appears only if it succeeded.
# Two runs at the same time wait for each other.
once() {
	local target="$CACHE/$1"; shift
	[ -e "$target" ] && return 0
	exec 9>"$CACHE/.lock"; flock 9
	if [ ! -e "$target" ]; then "$@" "$target"; fi
	exec 9>&-
}
