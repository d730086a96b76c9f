import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import WebSocket from 'ws'
import { findKubernetes, startKubernetes } from '../../dist/demo/local-kubernetes.js'
import { TEST_CACHE } from '../../dist/demo/test-cache.js'
import { freePort } from '../../dist/demo/local-postgres.js'
import { pause, run, start } from './processes.js'

export const NAMESPACE = 'bench'

const KUBELET = join(TEST_CACHE, 'go', 'kubelet')

/** kubectl, where a cluster can be had. */
export const KUBECTL = existsSync(KUBELET) ? findKubernetes()?.kubectl : undefined

/** A Kubernetes API server with a pod in which the stand-in for a kubelet that tests have really runs commands. */
export async function startBenchCluster() {
  const files = mkdtempSync(join(tmpdir(), 'pamctl-bench-cluster-'))
  const { ca, server, client } = await makeCertificates(files)
  const cluster = await startKubernetes({
    directory: mkdtempSync(join(tmpdir(), 'pamctl-bench-kubernetes-')),
    tls: { ca, ...server },
    settings: {
      'client-ca-file': ca,
      'kubelet-certificate-authority': ca,
      'kubelet-client-certificate': client.certificate,
      'kubelet-client-key': client.key,
      'kubelet-preferred-address-types': 'InternalIP',
    },
  })
  const stop = async () => {
    await cluster.stop()
    rmSync(files, { recursive: true, force: true })
  }
  try {
    const version = await cluster.ready
    const token = join(files, 'token')
    writeFileSync(token, `${cluster.tokens.admin}\n`, { mode: 0o600 })
    await cluster.request('POST', '/api/v1/namespaces', { metadata: { name: NAMESPACE } })
    const kubelet = await start(KUBELET, [
      ...['-api', cluster.url, '-ca', ca, '-cert', client.certificate, '-key', client.key],
      ...['-serve-cert', server.certificate, '-serve-key', server.key],
      ...['-root', join(files, 'pods'), '-port', String(await freePort())],
    ])
    let count = 0
    const createPod = () => cluster.request('POST', PODS, pod(`worker-${count++}`))
    let first
    // The watch of who starts pods begins with the next change of one: etcd 3.4 does not tell the API server that there was none.
    for (let attempt = 0; first?.status.phase !== 'Running'; attempt++) {
      if (attempt > 100) throw new Error(`the pod does not run: ${JSON.stringify(first)}\n${kubelet.output()}`)
      await createPod()
      await pause(200)
      first = JSON.parse(await cluster.request('GET', `${PODS}/worker-0`))
    }
    /** Pods of some kilobytes each, up to that many. */
    const createPods = async (total) => {
      const some = async () => {
        while (count < total) await createPod()
      }
      await Promise.all(Array.from({ length: 8 }, some))
    }
    return { ...cluster, version, files, token, kubelet, createPods, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

const PODS = `/api/v1/namespaces/${NAMESPACE}/pods`

/** Nothing runs in it but what exec starts. */
const pod = (name) => ({
  metadata: { name, labels: { app: 'worker', tier: 'backend' }, annotations: { owner: `team-${name}@example.com` } },
  spec: {
    containers: [
      {
        name: 'app',
        image: 'registry.test/shop/worker:2026.11.3',
        env: Array.from({ length: 12 }, (_, index) => ({
          name: `SETTING_${index}`,
          value: `a value of some length, number ${index}`,
        })),
        ports: [{ name: 'http', containerPort: 8080 }],
        resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '256Mi' } },
        readinessProbe: { httpGet: { path: '/ready', port: 8080 } },
        volumeMounts: [{ name: 'scratch', mountPath: '/scratch' }],
      },
    ],
    volumes: [{ name: 'scratch', emptyDir: {} }],
  },
})

/** It as a target; `labels` are what rules know it by. */
export const kubernetesTarget = (name, { port, ca, token }, labels) => `
  - name: ${name}
    type: kubernetes
    labels: { ${labels} }
    host: 127.0.0.1
    port: ${port}
    ca: ${ca}
    token: file:${token}`

/** What a client needs to connect: to the API server with a token, or to a port of an agent with the kubeconfig that is made for it. */
export function directAccess({ ca, tokens, files }, port) {
  const kubeconfig = join(files, `kubeconfig-${port}`)
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'one', cluster: { server: `https://127.0.0.1:${port}`, 'certificate-authority': ca } }],
      users: [{ name: 'one', user: { token: tokens.admin } }],
      contexts: [{ name: 'one', context: { cluster: 'one', user: 'one' } }],
      'current-context': 'one',
    }),
    { mode: 0o600 },
  )
  return { port, kubeconfig, tls: { ca: readFileSync(ca) }, headers: { authorization: `Bearer ${tokens.admin}` } }
}

export function agentAccess({ url, kubeconfig }) {
  const { clusters, users } = JSON.parse(readFileSync(kubeconfig, 'utf8'))
  const decode = (text) => Buffer.from(text, 'base64')
  const tls = {
    ca: decode(clusters[0].cluster['certificate-authority-data']),
    cert: decode(users[0].user['client-certificate-data']),
    key: decode(users[0].user['client-key-data']),
  }
  return { port: Number(new URL(url).port), kubeconfig, tls, headers: {} }
}

/** A connection over HTTP/2, with the windows that client-go has. */
export async function openConnection({ port, tls, headers }) {
  const session = connect(`https://127.0.0.1:${port}`, { ...tls, settings: { initialWindowSize: 4 << 20 } })
  await new Promise((resolve, reject) => session.once('connect', resolve).once('error', reject))
  session.setLocalWindowSize(1 << 30)
  /** Resolves with the stream of the answer's body once its head is there. */
  const get = (path) =>
    new Promise((resolve, reject) => {
      const stream = session.request({ ':path': path, accept: 'application/json', ...headers })
      stream.on('error', reject)
      stream.on('response', ({ ':status': status }) =>
        status === 200 ? resolve(stream) : reject(new Error(`${path}: ${status}`)),
      )
    })
  return { get, close: () => session.destroy() }
}

/** A command in the pod, in a terminal. */
export async function openTerminal({ port, tls, headers }, command) {
  const query = `command=${command}&container=app&stdin=true&stdout=true&tty=true`
  const socket = new WebSocket(`wss://127.0.0.1:${port}${PODS}/worker-0/exec?${query}`, ['v5.channel.k8s.io'], {
    ...tls,
    headers,
  })
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
  return {
    write: (text) => socket.send(Buffer.from(`\0${text}`)),
    /** Resolves with the next output. */
    next: () =>
      new Promise((resolve, reject) => {
        const onMessage = (message) => {
          if (message[0] === 3) reject(new Error(message.subarray(1).toString()))
          if (message[0] !== 1 || message.length === 1) return
          socket.off('message', onMessage)
          resolve(message)
        }
        socket.on('message', onMessage)
      }),
    close: () => socket.close(),
  }
}

/** An authority; certificates that it signed, of servers on loopback and of a client that may do everything. Files in PEM. */
async function makeCertificates(directory) {
  const at = (name) => join(directory, name)
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout']
  await run('openssl', ['req', '-x509', ...key, at('ca.key'), '-out', at('ca.crt'), '-subj', '/CN=bench', '-days', '9'])
  const sign = async (name, subject) => {
    await run('openssl', ['req', ...key, at(`${name}.key`), '-out', at(`${name}.csr`), '-subj', subject])
    await run('openssl', [
      ...['x509', '-req', '-in', at(`${name}.csr`), '-out', at(`${name}.crt`), '-days', '9'],
      ...['-CA', at('ca.crt'), '-CAkey', at('ca.key'), '-CAcreateserial', '-extfile', at('names')],
    ])
    return { certificate: at(`${name}.crt`), key: at(`${name}.key`) }
  }
  writeFileSync(at('names'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n')
  return {
    ca: at('ca.crt'),
    server: await sign('server', '/CN=server'),
    client: await sign('client', '/O=system:masters/CN=system:node:node-1'),
  }
}
