import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fetchWithCa } from '../shared/fetch-with-ca.ts'
import { freePort } from './local-postgres.ts'
import { findProgram } from '../shared/find-program.ts'
import { ServerProcess, untilReady } from './server-process.ts'
import { TEST_CACHE } from './test-cache.ts'

/** A Kubernetes API server and its etcd on loopback ports. It has no nodes and no controllers: it keeps objects, and no pod runs. */
export interface LocalKubernetes {
  readonly port: number
  readonly url: string
  /** A file in PEM with the authority that signed its certificate. */
  readonly ca: string
  /** Bearer tokens: of an administrator, and of an account that may do what RBAC gives it. */
  readonly tokens: { readonly admin: string; readonly gateway: string }
  /** Resolves with its version once it answers, which takes it some ten seconds; rejects with what it said where it ends before. */
  readonly ready: Promise<string>
  /** A request as the administrator; gives the answer's body. Throws what the server says of an error. */
  request(method: string, path: string, body?: object): Promise<string>
  stop(): Promise<void>
}

export interface LocalKubernetesOptions {
  /** An empty directory that may be removed afterwards. */
  readonly directory: string
  /** Its certificate, with the authority that signed it; without one it makes its own. Files in PEM. */
  readonly tls?: { readonly certificate: string; readonly key: string; readonly ca: string }
  /** Options of kube-apiserver without their dashes. */
  readonly settings?: Readonly<Record<string, string>>
}

/** The user that the gateway is there. */
export const CLUSTER_ACCOUNT = 'pam-gateway'

/** Resolves once it has its certificate; `ready` says when it answers. */
export async function startKubernetes(options: LocalKubernetesOptions): Promise<LocalKubernetes> {
  const { directory, tls, settings = {} } = options
  const programs = findKubernetes()
  if (programs === undefined) throw new Error('there is no Kubernetes API server: run scripts/install-kube-apiserver')
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const [port, etcdPort, peerPort] = await Promise.all([freePort(), freePort(), freePort()])
  const url = `https://127.0.0.1:${port}`
  const etcd = `http://127.0.0.1:${etcdPort}`
  const peer = `http://127.0.0.1:${peerPort}`
  const tokens = { admin: newToken(), gateway: newToken() }
  const file = (name: string, text: string): string => {
    writeFileSync(join(directory, name), text, { mode: 0o600 })
    return join(directory, name)
  }
  const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' })
  const keyFile = file('service-account.key', key as string)
  const all = {
    'etcd-servers': etcd,
    'bind-address': '127.0.0.1',
    'advertise-address': '127.0.0.1',
    'secure-port': String(port),
    'cert-dir': directory,
    ...(tls === undefined ? {} : { 'tls-cert-file': tls.certificate, 'tls-private-key-file': tls.key }),
    'token-auth-file': file(
      'tokens.csv',
      `${tokens.admin},admin,admin,"system:masters"\n${tokens.gateway},${CLUSTER_ACCOUNT},${CLUSTER_ACCOUNT}\n`,
    ),
    'service-account-issuer': 'https://kubernetes.default.svc',
    'service-account-key-file': keyFile,
    'service-account-signing-key-file': keyFile,
    'service-cluster-ip-range': '10.96.0.0/16',
    'authorization-mode': 'RBAC',
    // Its tokens would wait for a controller.
    'disable-admission-plugins': 'ServiceAccount',
    'endpoint-reconciler-type': 'none',
    ...settings,
  }
  const processes = [
    // prettier-ignore
    new ServerProcess(programs.etcd, ['--data-dir', join(directory, 'etcd'), '--listen-client-urls', etcd, '--advertise-client-urls', etcd,
      '--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `default=${peer}`, '--log-level', 'error']),
    new ServerProcess(
      programs.server,
      Object.entries(all).map(([name, value]) => `--${name}=${value}`),
    ),
  ]
  const stop = async (): Promise<void> => {
    await Promise.all(processes.map((process) => process.stop()))
    rmSync(directory, { recursive: true, force: true })
  }
  // Its own certificate, and then the authority that it made for it.
  const ca = tls?.ca ?? join(directory, 'apiserver.crt')
  try {
    await untilReady(
      NAME,
      processes,
      () => (existsSync(ca) && readFileSync(ca, 'utf8').endsWith('-----END CERTIFICATE-----\n')) || undefined,
    )
  } catch (error) {
    await stop()
    throw error
  }
  const send = fetchWithCa(readFileSync(ca, 'utf8'))
  const request: LocalKubernetes['request'] = async (method, path, body) => {
    const answer = await send(`${url}${path}`, {
      method,
      headers: { authorization: `Bearer ${tokens.admin}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${method} ${path}: ${text}`)
    return text
  }
  const ready = untilReady(NAME, processes, () => request('GET', '/readyz').catch(() => undefined), READY_LOOK_MS).then(
    async () => {
      const { gitVersion } = JSON.parse(await request('GET', '/version')) as { gitVersion: string }
      return gitVersion
    },
  )
  // Whoever waits for it is told; it may be stopped before.
  ready.catch(() => {})
  return { port, url, ca, tokens, ready, request, stop }
}

/** Programs that a cluster is made of, and the client that people use. */
export interface KubernetesPrograms {
  readonly server: string
  readonly etcd: string
  readonly kubectl: string
}

/** Those of the cache, or of the system. */
export function findKubernetes(): KubernetesPrograms | undefined {
  const cache = join(TEST_CACHE, 'kubernetes')
  const cached = (pattern: RegExp, ...more: string[]): string | undefined =>
    (existsSync(cache) ? readdirSync(cache).toSorted() : [])
      .filter((name) => pattern.test(name))
      .map((name) => join(cache, name, ...more))
      .findLast((file) => existsSync(file))
  const server = cached(/^kube-apiserver-[\d.]+$/) ?? findProgram('kube-apiserver', process.env)
  const etcd = findProgram('etcd', process.env)
  const kubectl = findProgram('kubectl', process.env) ?? cached(/^kubectl-[\d.]+$/, 'bin', 'kubectl')
  return server === undefined || etcd === undefined || kubectl === undefined ? undefined : { server, etcd, kubectl }
}

const newToken = (): string => randomBytes(24).toString('base64url')

/** It takes some ten seconds, and each look is a connection. */
const READY_LOOK_MS = 100
const NAME = 'the Kubernetes API server'
