import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ServerProcess } from '../../src/demo/server-process.ts'
import { freePort } from '../../src/demo/local-postgres.ts'
import { findProgram } from '../../src/shared/find-program.ts'
import { makeCertificates, type TestCertificates } from './certificates.ts'
import { eventually } from './gateway-client.ts'
import { run, type Outcome } from './run.ts'
import { cached } from './test-clients.ts'

/** What scripts/install-kube-apiserver builds; undefined where it has not run. */
export const KUBE_APISERVER: string | undefined = cached('kubernetes', 'kube-apiserver-1.37.2')
export const HELM: string | undefined = cached('kubernetes', 'helm')
export const K9S: string | undefined = cached('kubernetes', 'k9s')

/** The minor versions of kubectl that the gateway is tested with. */
export const KUBECTL_VERSIONS = ['1.36', '1.37'] as const
export type KubectlVersion = (typeof KUBECTL_VERSIONS)[number]

const ETCD = findProgram('etcd', process.env)
/** test/fixtures/kubernetes/kubelet, built. */
const KUBELET = cached('go', 'kubelet')

export const kubectlProgram = (version: KubectlVersion): string | undefined =>
  cached('kubernetes', `kubectl-${version}`, 'bin', 'kubectl')

/** The API server is missing: tests are skipped, and named at the end of the run as those that were skipped for that. */
export const isClusterMissing = (): boolean => KUBE_APISERVER === undefined

/** A cluster with one node, RBAC and an audit log, for tests alone: what runs in its pods are processes of this machine. */
export interface TestCluster {
  readonly host: '127.0.0.1'
  readonly port: number
  readonly url: string
  /** Its authority: a file in PEM. */
  readonly ca: string
  /** A kubeconfig of an administrator, whom RBAC allows everything. */
  readonly kubeconfig: string
  /** Files of the cluster, removed when it is stopped. */
  readonly directory: string
  /** Where the files of a container are. */
  containerDirectory(namespace: string, pod: string, container: string): string
  /** kubectl as the administrator, or with another kubeconfig. */
  kubectl(args: readonly string[], options?: KubectlOptions): Promise<Outcome>
  /** Applies objects given as YAML or JSON. */
  apply(manifest: string): Promise<void>
  /** Creates a service account with a token that is valid for an hour, and lets it do what the rules of a ClusterRole say. */
  serviceAccount(name: string, rules: readonly ClusterRule[]): Promise<string>
  /** A request as the administrator, with nothing in between. */
  request(method: string, path: string, options?: RawRequest): Promise<RawAnswer>
  /** What the API server has put into its audit log so far. */
  audit(): AuditEntry[]
  stop(): Promise<void>
}

export interface KubectlOptions {
  readonly version?: KubectlVersion
  readonly kubeconfig?: string
  readonly input?: string | Buffer
  readonly env?: NodeJS.ProcessEnv
  /** Ends kubectl once its output has this text. */
  readonly until?: string
}

export interface ClusterRule {
  readonly apiGroups?: readonly string[]
  readonly resources?: readonly string[]
  readonly nonResourceURLs?: readonly string[]
  readonly verbs: readonly string[]
}

export interface RawRequest {
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
  /** As this bearer, in place of the administrator. */
  readonly token?: string
}

export interface RawAnswer {
  readonly status: number
  readonly headers: NodeJS.Dict<string | string[]>
  readonly body: string
}

/** audit.k8s.io/v1, as much of it as tests ask for. */
export interface AuditEntry {
  readonly stage: string
  readonly verb: string
  readonly requestURI: string
  readonly user: { readonly username: string; readonly groups?: readonly string[] }
  readonly impersonatedUser?: {
    readonly username: string
    readonly groups?: readonly string[]
    readonly extra?: Readonly<Record<string, readonly string[]>>
  }
  readonly objectRef?: {
    readonly resource?: string
    readonly namespace?: string
    readonly name?: string
    readonly subresource?: string
    readonly apiGroup?: string
  }
  readonly userAgent?: string
  readonly responseStatus?: { readonly code?: number }
  readonly requestObject?: unknown
}

/** etcd, the API server and the stand-in for a kubelet, with two namespaces of pods, Secrets and ConfigMaps (`OBJECTS`). */
export async function startCluster(): Promise<TestCluster> {
  if (KUBE_APISERVER === undefined) throw new Error('there is no API server: run scripts/install-kube-apiserver')
  if (ETCD === undefined || KUBELET === undefined)
    throw new Error('etcd or the kubelet is missing: run scripts/install-test-servers')
  const directory = mkdtempSync(join(tmpdir(), 'pamctl-test-kubernetes-'))
  const files = makeFiles(directory)
  const [etcdPort, peerPort, port, kubeletPort] = await Promise.all([freePort(), freePort(), freePort(), freePort()])
  const url = `https://127.0.0.1:${port}`
  const processes: ServerProcess[] = []
  const stop = async (): Promise<void> => {
    for (const child of processes.toReversed()) await child.stop()
    rmSync(directory, { recursive: true, force: true })
  }
  const ask = (method: string, path: string, options: RawRequest = {}): Promise<RawAnswer> =>
    send(`${url}${path}`, method, options, files)
  try {
    const etcd = `http://127.0.0.1:${etcdPort}`
    const peer = `http://127.0.0.1:${peerPort}`
    // prettier-ignore
    processes.push(new ServerProcess(ETCD, ['--data-dir', join(directory, 'etcd'), '--listen-client-urls', etcd, '--advertise-client-urls', etcd,
      '--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `default=${peer}`, '--log-level', 'error']))
    // So that version 1 is from before all that the API server has listed, which is 410 Gone to a watch.
    await eventually(async () => {
      for (const child of processes) child.check()
      const put = { method: 'POST', body: JSON.stringify({ key: 'YQ==', value: '' }) }
      return (await fetch(`${etcd}/v3/kv/put`, put).catch(() => undefined))?.ok === true || undefined
    }, 'etcd is ready')
    processes.push(new ServerProcess(KUBE_APISERVER, serverOptions(directory, files, { port, etcd })))
    await eventually(async () => {
      for (const child of processes) child.check()
      const answer = await ask('GET', '/readyz').catch(() => undefined)
      return answer?.status === 200 ? true : undefined
    }, 'the API server is ready')
    // prettier-ignore
    const kubelet = new ServerProcess(KUBELET, ['-api', url, '-ca', files.server.ca, '-cert', files.kubelet.certificate, '-key', files.kubelet.key,
      '-serve-cert', files.server.certificate, '-serve-key', files.server.key, '-root', join(directory, 'pods'), '-port', String(kubeletPort)])
    processes.push(kubelet)
    const kubeconfig = join(directory, 'admin.kubeconfig')
    writeFileSync(kubeconfig, kubeconfigOf(url, files), { mode: 0o600 })
    const cluster = clusterOf({ directory, port, url, ca: files.server.ca, kubeconfig, ask, stop })
    await cluster.apply(JSON.stringify({ apiVersion: 'v1', kind: 'List', items: OBJECTS }))
    await eventually(async () => {
      kubelet.check()
      const { items } = JSON.parse((await ask('GET', '/api/v1/pods')).body) as { items: Pod[] }
      const isRunning = items.length === PODS.length && items.every(({ status }) => status?.phase === 'Running')
      return isRunning ? true : undefined
    }, 'all pods run')
    return cluster
  } catch (error) {
    await stop()
    throw error
  }
}

interface Pod {
  readonly status?: { readonly phase?: string }
}

interface ClusterParts extends Pick<TestCluster, 'directory' | 'port' | 'url' | 'ca' | 'kubeconfig' | 'stop'> {
  readonly ask: TestCluster['request']
}

function clusterOf({ ask, ...parts }: ClusterParts): TestCluster {
  const { directory } = parts
  const cluster: TestCluster = {
    host: '127.0.0.1',
    ...parts,
    request: ask,
    containerDirectory: (namespace, pod, container) => join(directory, 'pods', namespace, pod, container),
    kubectl(args, { version = '1.37', kubeconfig = parts.kubeconfig, input, env = {}, until } = {}) {
      const program = kubectlProgram(version)
      if (program === undefined) throw new Error(`there is no kubectl ${version}: run scripts/install-test-servers`)
      return run(program, args, {
        // What kubectl caches is another cluster's as soon as a port is used again.
        env: { KUBECONFIG: kubeconfig, HOME: directory, KUBECACHEDIR: join(directory, 'cache'), ...env },
        ...(input === undefined ? {} : { input }),
        ...(until === undefined ? {} : { until }),
      })
    },
    async apply(manifest) {
      const { code, stderr } = await cluster.kubectl(['apply', '-f', '-'], { input: manifest })
      if (code !== 0) throw new Error(stderr)
    },
    async serviceAccount(name, rules) {
      const metadata = { name, namespace: 'kube-system' }
      const items = [
        { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
        { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name }, rules },
        {
          apiVersion: 'rbac.authorization.k8s.io/v1',
          kind: 'ClusterRoleBinding',
          metadata: { name },
          roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
          subjects: [{ kind: 'ServiceAccount', ...metadata }],
        },
      ]
      await cluster.apply(JSON.stringify({ apiVersion: 'v1', kind: 'List', items }))
      const answer = await ask('POST', `/api/v1/namespaces/kube-system/serviceaccounts/${name}/token`, {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} }),
      })
      return (JSON.parse(answer.body) as { status: { token: string } }).status.token
    },
    audit() {
      const lines = readFileSync(join(directory, 'audit.log'), 'utf8').split('\n')
      // A line that is being written has no end yet.
      return lines.slice(0, -1).map((line) => JSON.parse(line) as AuditEntry)
    },
  }
  return cluster
}

/** Names by which TLS and the API server know each side. */
interface ClusterFiles {
  readonly server: TestCertificates
  readonly admin: KeyPair
  readonly kubelet: KeyPair
  /** The API server's, towards the kubelet. */
  readonly kubeletClient: KeyPair
  readonly serviceAccountKey: string
}

interface KeyPair {
  readonly certificate: string
  readonly key: string
}

function makeFiles(directory: string): ClusterFiles {
  const server = makeCertificates(join(directory, 'tls'), 'DNS:localhost,IP:127.0.0.1')
  const openssl = (...args: string[]): void =>
    void execFileSync('openssl', args, { cwd: join(directory, 'tls'), stdio: 'pipe' })
  const client = (name: string, subject: string): KeyPair => {
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
    openssl('req', ...curve, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', subject)
    // prettier-ignore
    openssl('x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-out', `${name}.crt`, '-days', '90')
    return { certificate: join(directory, 'tls', `${name}.crt`), key: join(directory, 'tls', `${name}.key`) }
  }
  openssl('genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048', '-out', 'service-account.key')
  writeFileSync(join(directory, 'audit-policy.yaml'), AUDIT_POLICY)
  return {
    server,
    admin: client('admin', '/O=system:masters/CN=admin'),
    kubelet: client('kubelet', '/O=system:masters/CN=system:node:node-1'),
    kubeletClient: client('kubelet-client', '/CN=kube-apiserver-kubelet-client'),
    serviceAccountKey: join(directory, 'tls', 'service-account.key'),
  }
}

/** What was asked for with its body; who asked is in every entry. */
const AUDIT_POLICY = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: None
    users: [system:apiserver, 'system:node:node-1']
  - level: Request
`

function serverOptions(
  directory: string,
  files: ClusterFiles,
  { port, etcd }: { readonly port: number; readonly etcd: string },
): string[] {
  const options = {
    'etcd-servers': etcd,
    'bind-address': '127.0.0.1',
    'advertise-address': '127.0.0.1',
    'secure-port': port,
    'tls-cert-file': files.server.certificate,
    'tls-private-key-file': files.server.key,
    'client-ca-file': files.server.ca,
    'kubelet-certificate-authority': files.server.ca,
    'kubelet-client-certificate': files.kubeletClient.certificate,
    'kubelet-client-key': files.kubeletClient.key,
    'kubelet-preferred-address-types': 'InternalIP',
    'service-account-issuer': 'https://kubernetes.default.svc',
    'service-account-key-file': files.serviceAccountKey,
    'service-account-signing-key-file': files.serviceAccountKey,
    'service-cluster-ip-range': '10.96.0.0/16',
    'authorization-mode': 'RBAC',
    // Its tokens would wait for a controller.
    'disable-admission-plugins': 'ServiceAccount',
    'allow-privileged': 'true',
    'audit-log-path': join(directory, 'audit.log'),
    'audit-log-mode': 'blocking',
    'audit-policy-file': join(directory, 'audit-policy.yaml'),
    // So that a pod that has gone is gone from the store.
    'endpoint-reconciler-type': 'none',
    v: '0',
  }
  return Object.entries(options).map(([name, value]) => `--${name}=${value}`)
}

function kubeconfigOf(url: string, { server, admin }: ClusterFiles): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server: url, 'certificate-authority': server.ca } }],
    users: [{ name: 'admin', user: { 'client-certificate': admin.certificate, 'client-key': admin.key } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'admin', namespace: 'dev' } }],
    'current-context': 'test',
  })
}

function send(url: string, method: string, options: RawRequest, files: ClusterFiles): Promise<RawAnswer> {
  const { headers = {}, body, token } = options
  const identity =
    token === undefined
      ? { cert: readFileSync(files.admin.certificate), key: readFileSync(files.admin.key) }
      : { headers: { ...headers, authorization: `Bearer ${token}` } }
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      { method, ca: readFileSync(files.server.ca), headers, agent: false, ...identity },
      (answer) => {
        let text = ''
        answer.setEncoding('utf8').on('data', (piece: string) => (text += piece))
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: text }))
        answer.on('error', reject)
      },
    )
    sent.on('error', reject)
    sent.end(body)
  })
}

const secret = (namespace: string, name: string, stringData: Readonly<Record<string, string>>) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { namespace, name },
  stringData,
})

interface PodContainer {
  readonly name: string
  /** Without one nothing runs in it but what is run by exec. */
  readonly command?: readonly string[]
  readonly stdin?: boolean
  readonly tty?: boolean
}

const pod = (
  namespace: string,
  name: string,
  containers: readonly PodContainer[],
  annotations: Readonly<Record<string, string>> = {},
) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace, name, labels: { app: name.replace(/-\d+$/, '') }, annotations },
  spec: {
    terminationGracePeriodSeconds: 0,
    containers: containers.map((container) => ({ image: 'registry.test/app:1', ...container })),
  },
})

const sh = (script: string): readonly string[] => ['sh', '-c', script]

const PODS = [
  pod('dev', 'web-1', [
    { name: 'app', command: sh('echo started; echo mail from jane.roe@example.com; exec sleep 100000') },
    { name: 'sidecar' },
  ]),
  pod('dev', 'web-2', [{ name: 'app' }, { name: 'sidecar' }], { 'kubectl.kubernetes.io/default-container': 'sidecar' }),
  // Answers each line that is attached to it.
  pod('dev', 'echo', [
    { name: 'app', stdin: true, command: sh('while read -r line; do echo "got $line"; done; exec sleep 100000') },
  ]),
  pod('dev', 'console', [{ name: 'app', stdin: true, tty: true, command: ['sh', '-i'] }]),
  pod('shop', 'db-1', [{ name: 'postgres' }]),
]

/** What every cluster has at first. */
const OBJECTS = [
  ...['dev', 'shop'].map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })),
  secret('dev', 'db', { username: 'app', password: 'correct-horse-battery' }),
  secret('dev', 'api-token', { token: 'tok-5f4dcc3b5aa765d61d83' }),
  secret('shop', 'payments', { key: 'sk-live-8c1f00d2' }),
  {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace: 'dev', name: 'settings' },
    data: { mode: 'fast', contact: 'jane.roe@example.com' },
  },
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace: 'dev', name: 'worker' },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: 'worker' } },
      template: {
        metadata: { labels: { app: 'worker' } },
        spec: { containers: [{ name: 'app', image: 'registry.test/worker:1' }] },
      },
    },
  },
  ...PODS,
]
