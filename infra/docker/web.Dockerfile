# syntax=docker/dockerfile:1
# The dashboard: built once, then run like a service.
#   docker build -f infra/docker/web.Dockerfile -t mcpshield/web .
ARG NODE_IMAGE=node:24.21.0-bookworm-slim
ARG BASE_IMAGE=debian:bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY . .
# Optional packages too: the bundler's native parts are such.
RUN npm ci --include=optional --ignore-scripts --no-audit --no-fund -w ./web
RUN npm run build -w ./web

FROM ${NODE_IMAGE} AS install
WORKDIR /app
COPY . .
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund -w ./web
RUN mkdir -p /out/infra/docker \
    && cp -a node_modules libs web package.json /out/ \
    && cp infra/docker/health.js /out/infra/docker/

FROM ${BASE_IMAGE}
COPY --from=install /usr/local/bin/node /usr/local/bin/node
COPY --from=install /out /app
COPY --from=build /app/web/build /app/web/build
WORKDIR /app/web
ENV METRICS_PORT=9464
USER 10001:10001
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 CMD ["node", "/app/infra/docker/health.js"]
ENTRYPOINT ["node"]
CMD ["src/main.ts"]
