import { join } from 'node:path'
import { printed, withCpu } from '../lib/beside.js'
import { gatewaysBefore, haproxyBefore } from '../lib/contenders.js'
import {
  agentAccess,
  directAccess,
  KUBECTL,
  kubernetesTarget,
  NAMESPACE,
  openConnection,
  openTerminal,
  startBenchCluster,
} from '../lib/kubernetes.js'
import { against, fixed, medianOf, percentile, ratioText, rounds } from '../lib/measure.js'
import { run } from '../lib/processes.js'
import { echoTimes } from '../lib/terminal.js'

const PODS = 5000
const WATCHES = 50

/** Keystrokes of exec, a list of 5,000 pods, and 50 watches of an API server, beside a direct connection and HAProxy. */
export async function kubernetes(context) {
  if (KUBECTL === undefined)
    return { text: 'Not measured: scripts/install-kube-apiserver and scripts/install-test-servers have not run.' }
  const { stack, quick } = context
  const cluster = await startBenchCluster()
  try {
    const contenders = [
      { name: 'direct', ...directAccess(cluster, cluster.port), pids: {} },
      ...(await proxies(stack, cluster)),
      ...(await gateways(stack, cluster, quick)),
    ]
    const measured = { cluster, contenders, rounds: context.rounds }
    const typed = await keystrokes(measured, quick ? 100 : 400)
    // The stand-in would start each of the pods that follow.
    await cluster.kubelet.stop()
    await cluster.createPods(PODS)
    const texts = [typed, await lists(measured), await kubectl(measured), await watches(measured, quick ? 20 : 100)]
    return {
      results: texts.map(({ name, samples }) => ({ name, samples: Object.fromEntries(samples) })),
      text: `Kubernetes ${cluster.version}.\n\n${texts.map(({ text }) => text).join('\n\n')}`,
    }
  } finally {
    await cluster.stop()
  }
}

async function proxies(stack, cluster) {
  const haproxy = await haproxyBefore(stack, cluster.port, 'haproxy-kubernetes')
  return haproxy === undefined ? [] : [{ name: 'haproxy', ...directAccess(cluster, haproxy.port), pids: haproxy.pids }]
}

const gateways = (stack, cluster, quick) =>
  gatewaysBefore(stack, {
    name: 'kubernetes',
    targets: kubernetesTarget('cluster', cluster, 'env: dev, is: cluster'),
    rules: RULES,
    masking: MASKING,
    accessOf: async (gateway) => agentAccess(await gateway.opened('cluster')),
    quick,
  })

const RULES = `
  - { use: no-privileged-pods, targets: { labels: { is: cluster } } }
  - name: a person decides
    targets: { labels: { is: cluster } }
    match: { kinds: [delete, deletecollection, delete-namespace, evict, scale-to-zero] }
    hold: { approvers: { groups: [sre] }, expires: 15m }
  - { name: exec, targets: { labels: { is: cluster } }, match: { kinds: [exec], programs: [cat] }, allow: true }
  - { use: everyday, targets: { labels: { is: cluster } } }`
const MASKING = `
masking:
  - { name: secrets, targets: { labels: { is: cluster } }, fields: ["secrets:data.*"], style: redact }
  - { name: addresses, targets: { labels: { is: cluster } }, kinds: [email], style: partial }
`

// ── keystrokes of exec ───────────────────────────────────────────────────────────────────────────────────────────────

async function keystrokes({ contenders, rounds: count }, keys) {
  const type = (one, length) =>
    withCpu(one, async () => {
      const terminal = await openTerminal(one, 'cat')
      const times = await echoTimes(terminal, length)
      terminal.close()
      return { units: length, p50: percentile(times, 0.5), p99: percentile(times, 0.99) }
    })
  for (const one of contenders) await type(one, keys)
  const samples = await rounds(count, contenders, (one) => type(one, keys))
  return printed('exec, one keystroke there and back', samples, {
    field: 'p50',
    unit: 'p50 µs',
    digits: 0,
    more: {
      'p99 µs': (of) => fixed(medianOf(samples, of, 'p99'), 0),
      'p99 of direct': (of) => (of === 'direct' ? '1' : ratioText(against(samples, of, 'direct', 'p99'))),
    },
    cpu: { name: 'CPU µs', factor: 1e6, digits: 0 },
  })
}

// ── a list of 5,000 pods ─────────────────────────────────────────────────────────────────────────────────────────────

async function lists({ contenders, rounds: count }) {
  const path = `/api/v1/namespaces/${NAMESPACE}/pods`
  const list = (one) =>
    withCpu(one, async () => {
      const connection = await openConnection(one)
      const began = performance.now()
      let bytes = 0
      for await (const chunk of await connection.get(path)) bytes += chunk.length
      const ms = performance.now() - began
      connection.close()
      return { units: bytes / 1e6, rate: bytes / 1000 / ms, ms }
    })
  for (const one of contenders) for (let time = 0; time < 2; time++) await list(one)
  const samples = await rounds(count, contenders, list)
  return printed(`a list of ${PODS} pods, ${fixed(medianOf(samples, 'direct', 'units'), 0)} MB of JSON`, samples, {
    unit: 'MB/s',
    digits: 1,
    more: { ms: (of) => fixed(medianOf(samples, of, 'ms'), 0) },
    cpu: { name: 'CPU ms/MB', factor: 1000, digits: 1 },
  })
}

async function kubectl({ cluster, contenders, rounds: count }) {
  const get = (one) =>
    withCpu(one, async () => {
      const began = performance.now()
      await run(KUBECTL, ['--kubeconfig', one.kubeconfig, 'get', 'pods', '-n', NAMESPACE], {
        env: { KUBECACHEDIR: join(cluster.files, 'cache', one.name) },
      })
      return { units: 1, seconds: (performance.now() - began) / 1000 }
    })
  // What it discovers is kept from then on.
  for (const one of contenders) await get(one)
  const samples = await rounds(count, contenders, get)
  return printed(`kubectl get pods, ${PODS} of them`, samples, {
    field: 'seconds',
    unit: 'seconds',
    digits: 2,
    cpu: { name: 'CPU ms', factor: 1000, digits: 0 },
  })
}

// ── 50 watches ───────────────────────────────────────────────────────────────────────────────────────────────────────

/** A ConfigMap is changed again and again, and each change is waited for until all watches have it. */
async function watches({ cluster, contenders, rounds: count }, changes) {
  const path = `/api/v1/namespaces/${NAMESPACE}/configmaps`
  await cluster.request('POST', path, { metadata: { name: 'changing' }, data: { number: '0' } })
  let number = 0
  const follow = (one) =>
    withCpu(one, async () => {
      const { metadata } = JSON.parse(await cluster.request('GET', path))
      const connection = await openConnection(one)
      let seen = 0
      let told = () => {}
      for (let i = 0; i < WATCHES; i++) {
        const stream = await connection.get(`${path}?watch=true&resourceVersion=${metadata.resourceVersion}`)
        stream.on('data', (chunk) => {
          for (const byte of chunk) if (byte === NEWLINE) seen++
          told()
        })
      }
      const times = []
      for (let change = 1; change <= changes; change++) {
        const all = new Promise((resolve) => {
          told = () => seen === WATCHES * change && resolve()
        })
        const began = performance.now()
        await cluster.request('PUT', `${path}/changing`, {
          metadata: { name: 'changing' },
          data: { number: String(++number) },
        })
        await all
        times.push(performance.now() - began)
      }
      connection.close()
      return { units: WATCHES * changes, p50: percentile(times, 0.5), p95: percentile(times, 0.95) }
    })
  for (const one of contenders) await follow(one)
  const samples = await rounds(count, contenders, follow)
  return printed(`${WATCHES} watches, from a change until all of them have it`, samples, {
    field: 'p50',
    unit: 'p50 ms',
    digits: 1,
    more: { 'p95 ms': (of) => fixed(medianOf(samples, of, 'p95'), 1) },
    cpu: { name: 'CPU µs for each event', factor: 1e6, digits: 0 },
  })
}

const NEWLINE = 10
