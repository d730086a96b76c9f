import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../dist/demo/local-postgres.js'
import { haproxyBefore } from './contenders.js'
import { has, run, start, WITH_SBIN } from './processes.js'

const relay = (name) => fileURLToPath(new URL(`../relays/${name}`, import.meta.url))

/** The service behind everybody; gives its port. */
export async function startBenchService() {
  const service = await start(process.execPath, [relay('http-service.js')])
  const port = await new Promise((resolve, reject) => {
    service.child.stdout.on('data', () => /^\d+$/m.test(service.output()) && resolve(Number(service.output())))
    service.child.once('exit', () => reject(new Error(`the service ended:\n${service.output()}`)))
  })
  return { port, stop: () => service.stop() }
}

/** What relays/http-load.js says of one load. */
export async function load({ port, authorization = '' }, mode, count, clients = 1) {
  const { stdout } = await run(process.execPath, [
    relay('http-load.js'),
    mode,
    String(port),
    authorization,
    String(count),
    String(clients),
  ])
  return JSON.parse(stdout)
}

/** Proxies that read HTTP and keep their connections to the service, as contenders: those that are installed. */
export async function httpProxies(stack, port) {
  const makers = [
    ['nginx', () => startNginx(port, join(stack.directory, 'nginx-http'))],
    ['haproxy', () => haproxyBefore(stack, port, 'haproxy-http', 'http')],
  ]
  const found = []
  for (const [name, make] of makers) {
    const made = await make()
    if (made !== undefined) found.push({ name, ...made })
  }
  return found
}

async function startNginx(target, directory) {
  if (!has('nginx')) return undefined
  mkdirSync(directory)
  const port = await freePort()
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((of) => {
    mkdirSync(join(directory, of))
    return `  ${of}_temp_path ${join(directory, of)};`
  })
  const file = join(directory, 'nginx.conf')
  writeFileSync(
    file,
    `daemon off;
master_process off;
worker_processes 1;
pid ${join(directory, 'pid')};
error_log stderr crit;
events { worker_connections 1024; }
http {
${temporary.join('\n')}
  access_log off;
  client_max_body_size 0;
  keepalive_requests 1000000;
  upstream service { server 127.0.0.1:${target}; keepalive 64; keepalive_requests 1000000; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://service;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_request_buffering off;
      proxy_buffering off;
    }
  }
}
`,
  )
  const { pid } = await start('nginx', ['-e', 'stderr', '-c', file], {
    ready: port,
    env: WITH_SBIN,
  })
  return { port, pids: { proxy: [pid] } }
}

/** The service as a target. */
export const httpTarget = (name, port, labels) => `
  - name: ${name}
    type: http
    labels: { ${labels} }
    host: 127.0.0.1
    port: ${port}
    tls: disable
    credential: { type: bearer, token: file:target-password }`
