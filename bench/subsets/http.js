import { printed, withCpu } from '../lib/beside.js'
import { httpProxies, httpTarget, load, startBenchService } from '../lib/http.js'
import { against, fixed, medianOf, ratioText, rounds } from '../lib/measure.js'

/** Small requests, new connections and large bodies of a service of HTTP, beside a direct connection and proxies that read HTTP. */
export async function http(context) {
  const { stack, quick } = context
  const service = await startBenchService()
  try {
    const contenders = [
      { name: 'direct', port: service.port, pids: {} },
      ...(await httpProxies(stack, service.port)),
      ...(await gateways(stack, service, quick)),
    ]
    const measured = { contenders, rounds: context.rounds }
    const bytes = (quick ? 256 : 1024) * 2 ** 20
    const texts = [
      await requests(measured, quick),
      await connects(measured, quick),
      await bodies(measured, 'down', bytes),
      await bodies(measured, 'up', bytes),
    ]
    return {
      results: texts.map(({ name, samples }) => ({ name, samples: Object.fromEntries(samples) })),
      text: texts.map(({ text }) => text).join('\n\n'),
    }
  } finally {
    await service.stop()
  }
}

async function gateways(stack, service, quick) {
  const contenders = []
  for (const [name, tls] of quick ? [['pamctl', false]] : WAYS) {
    const gateway = await stack.gateway(name.replaceAll(/\W+/g, '-').concat('-http'), {
      tls,
      targets:
        httpTarget('plain', service.port, 'env: dev, is: http') +
        httpTarget('masked', service.port, 'env: dev, is: http, values: masked'),
      rules: RULES,
      masking: MASKING,
    })
    const pids = { gateway: [gateway.pid], agent: [await gateway.agentPid()] }
    for (const target of ['plain', 'masked']) {
      const { port, secret } = await gateway.opened(target)
      const authorization = `Bearer ${secret}`
      const isMasked = target === 'masked'
      contenders.push({ name: isMasked ? `${name}, masked` : name, port, authorization, gateway, pids, isMasked })
    }
  }
  return contenders
}

/** Name, TLS of the tunnel. */
const WAYS = [
  ['pamctl', false],
  ['pamctl, TLS', true],
]
const RULES = `
  - { name: deletions, targets: { labels: { is: http } }, match: { methods: [DELETE], routes: ["/orders/{id}"] }, hold: { approvers: { groups: [sre] }, expires: 15m } }
  - { name: administration, targets: { labels: { is: http } }, match: { routes: ["/admin/**"] }, deny: not here }
  - { name: reading, targets: { labels: { is: http } }, match: { methods: [GET] }, allow: true }
  - { name: uploads, targets: { labels: { is: http } }, match: { methods: [PUT], routes: [/up] }, allow: true }`
const MASKING = `
masking:
  - { name: addresses, targets: { labels: { values: masked } }, kinds: [email], style: partial }
`

async function requests({ contenders, rounds: count }, quick) {
  const ask = (one, number) =>
    withCpu(one, async () => {
      const { ms, times } = await load(one, 'requests', number, 8)
      return { units: number, rate: (number * 1000) / ms, ...times }
    })
  const number = quick ? 8000 : 16_000
  // Code that has not run yet is slow: what people use has run for days.
  for (const one of contenders) await ask(one, number)
  const samples = await rounds(count, contenders, (one) => ask(one, number))
  return printed('kept connections, 8 clients, small JSON', samples, {
    unit: 'requests/s',
    digits: 0,
    more: latency(samples),
    cpu: { name: 'CPU µs', factor: 1e6, digits: 0 },
  })
}

async function connects({ contenders, rounds: count }, quick) {
  const connect = (one, number) =>
    withCpu(one, async () => {
      const { ms, times } = await load(one, 'connects', number, 4)
      return { units: number, rate: (number * 1000) / ms, ...times }
    })
  const number = quick ? 200 : 600
  const all = contenders.filter(({ isMasked }) => !isMasked)
  for (const one of all) await connect(one, number)
  const samples = await rounds(count, all, (one) => connect(one, number))
  return printed('a new connection for each request, 4 clients', samples, {
    unit: 'requests/s',
    digits: 0,
    more: latency(samples),
    cpu: { name: 'CPU ms', factor: 1000, digits: 2 },
  })
}

const latency = (samples) => ({
  'p50 µs': (of) => fixed(medianOf(samples, of, 'p50'), 0),
  'p99 µs': (of) => fixed(medianOf(samples, of, 'p99'), 0),
  'p99 of direct': (of) => (of === 'direct' ? '1' : ratioText(against(samples, of, 'direct', 'p99'))),
})

/** One body of octets, which are not masked. */
async function bodies({ contenders, rounds: count }, way, bytes) {
  const transfer = (one, length) =>
    withCpu(one, async () => {
      const { ms } = await load(one, way, length)
      return { units: length / 1e6, rate: length / 1000 / ms }
    })
  const all = contenders.filter(({ isMasked }) => !isMasked)
  for (const one of all) await transfer(one, bytes / 8)
  // A gigabyte is long enough that three rounds tell as much as five of what is small.
  const samples = await rounds(Math.min(count, 3), all, (one) => transfer(one, bytes))
  return printed(`one body of ${fixed(bytes / 2 ** 20, 0)} MiB ${way}`, samples, {
    unit: 'MB/s',
    digits: 0,
    cpu: { name: 'CPU ms/MB', factor: 1000, digits: 2 },
  })
}
