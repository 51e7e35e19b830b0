# SPDX-License-Identifier: Apache-2.0
# assay in a container: computes on the processor, runs as an ordinary user, keeps its data in /data.
#   docker build -t assay .
#   docker run -p 127.0.0.1:7878:7878 -v assay:/data -v ~/models:/models:ro assay      prints the link to open
# The page opens only as localhost or 127.0.0.1 and only under the port that the server has, so inside and outside are one number:
# another one is -e ASSAY_PORT=9000 -p 127.0.0.1:9000:9000.  compose.yaml does all this, with Ollama beside it where wanted.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS build
RUN apt-get update && apt-get install -y --no-install-recommends build-essential cmake ninja-build pkg-config git ca-certificates \
	python3 python3-venv dpkg-dev xz-utils libmicrohttpd-dev libcurl4-openssl-dev libsqlite3-dev libjansson-dev libyaml-dev libicu-dev libssl-dev \
	libseccomp-dev zopfli && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# First what llama.cpp's long build depends on, so that changes of assay do not repeat it.
COPY script/common.sh script/llama script/
COPY third_party/llama third_party/llama
RUN script/llama --generic
COPY . .
ARG SOURCE_DATE_EPOCH
RUN script/release deb

FROM ${BASE}
COPY --from=build /src/build/dist/assay_*.deb /tmp/
RUN apt-get update && apt-get install -y --no-install-recommends /tmp/assay_*.deb ca-certificates curl \
	python3 python3-venv && rm -rf /var/lib/apt/lists/* /tmp/assay_*.deb \
	&& useradd --uid 10001 --create-home assay && install -d -o assay -g assay -m 700 /data
# "assay ..." by hand in the container uses the same data: docker exec NAME assay open.  Python only serves llama.cpp's converter, where
# somebody asks for it; its environment and the hub's token lie in the volume too, since all else may be read-only.
ENV XDG_DATA_HOME=/data HF_HOME=/data/huggingface ASSAY_PORT=7878 LANG=C.UTF-8
VOLUME /data
USER assay
WORKDIR /home/assay
EXPOSE 7878
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD curl -fsS "http://127.0.0.1:$ASSAY_PORT/healthz" || exit 1
CMD ["/bin/sh", "-c", "exec assay serve --listen 0.0.0.0 --port \"$ASSAY_PORT\""]
