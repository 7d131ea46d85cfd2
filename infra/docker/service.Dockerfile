# syntax=docker/dockerfile:1
# One file for the image of every service and of the one-shot jobs:
#   docker build -f infra/docker/service.Dockerfile --build-arg FOLDER=services/auth -t mcpshield/auth .
ARG NODE_IMAGE=node:24.21.0-bookworm-slim
ARG BASE_IMAGE=debian:bookworm-slim

FROM ${NODE_IMAGE} AS install
ARG FOLDER
WORKDIR /app
COPY . .
# Only what this package declares. Native parts come built inside their packages, so nothing has to be compiled and no
# script of a package is run.
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund -w "./${FOLDER}"
RUN mkdir -p /out/infra/docker "/out/${FOLDER}" \
    && cp -a node_modules libs package.json /out/ \
    && cp -a "${FOLDER}/." "/out/${FOLDER}/" \
    && cp infra/docker/health.js /out/infra/docker/

# Debian and one Node binary: no npm, no compiler, no package of the first stage's image.
FROM ${BASE_IMAGE}
ARG FOLDER
COPY --from=install /usr/local/bin/node /usr/local/bin/node
# Root's, so that the process cannot change its own code.
COPY --from=install /out /app
WORKDIR /app/${FOLDER}
ENV METRICS_PORT=9464
USER 10001:10001
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 CMD ["node", "/app/infra/docker/health.js"]
ENTRYPOINT ["node"]
CMD ["src/main.ts"]
