import { createServer, type Server } from 'node:http'
import { Gauge, Registry, collectDefaultMetrics } from 'prom-client'

/** How the gateway is, for whoever runs it. */
export interface Readiness {
  /** Whether a session can be opened. */
  readonly ready: boolean
  readonly recording: { readonly ok: boolean; readonly reason?: string }
  readonly spool: { readonly bytes: number; readonly limit: number; readonly unsealed: number }
  readonly home: { readonly ok: boolean; readonly problem?: string; readonly waiting: number }
  readonly sessions: number
  /** Sessions that are over and not on record in full. */
  readonly ending: number
  readonly auditStreams: readonly { readonly name: string; readonly ok: boolean; readonly problem?: string }[]
  readonly checkpoints: { readonly ok: boolean; readonly problems: readonly string[] }
  /** Whether the system's clock agrees with the time by which the gateway decides, which never goes back; how many seconds it is behind. */
  readonly clock: { readonly ok: boolean; readonly behindSeconds: number }
  /** Whether every credential could be read when it was needed last. */
  readonly credentials: { readonly ok: boolean; readonly problems: readonly string[] }
}

/** A listener of its own for metrics (Prometheus text format) and readiness in detail: without sign-in, so not for everybody's network. */
export function createOperations(readiness: () => Readiness): Server {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const gauge = (name: string, help: string, value: (now: Readiness) => number): void =>
    void new Gauge({
      name: `pam_${name}`,
      help,
      registers: [registry],
      collect() {
        this.set(value(readiness()))
      },
    })
  const flag = (ok: boolean): number => (ok ? 1 : 0)
  gauge('ready', 'whether sessions can be opened', ({ ready }) => flag(ready))
  gauge('sessions', 'open sessions', ({ sessions }) => sessions)
  gauge('sessions_ending', 'ended sessions that are still being recorded', ({ ending }) => ending)
  gauge('recording_ok', 'whether records can be written', ({ recording }) => flag(recording.ok))
  gauge('spool_bytes', 'bytes of records on the local disk', ({ spool }) => spool.bytes)
  gauge('spool_limit_bytes', 'bytes at which new sessions are refused', ({ spool }) => spool.limit)
  gauge('recordings_unsealed', 'ended sessions whose record is not sealed', ({ spool }) => spool.unsealed)
  gauge('recordings_waiting', 'sealed records that are not in their home', ({ home }) => home.waiting)
  gauge('home_ok', 'whether the home accepts recordings', ({ home }) => flag(home.ok))
  gauge(
    'audit_streams_failing',
    'audit streams whose receiver accepts nothing',
    ({ auditStreams }) => auditStreams.filter(({ ok }) => !ok).length,
  )
  gauge('audit_checkpoints_ok', 'whether the last checkpoint was stored everywhere', ({ checkpoints }) =>
    flag(checkpoints.ok),
  )
  gauge('clock_ok', "whether the system's clock agrees with the time of the gateway", ({ clock }) => flag(clock.ok))
  gauge('credentials_ok', 'whether every credential could be read when it was last needed', ({ credentials }) =>
    flag(credentials.ok),
  )
  return createServer({ headersTimeout: 10_000, requestTimeout: 10_000 }, (request, response) => {
    const answer = (status: number, type: string, body: string): void => {
      response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body)
    }
    if (request.method !== 'GET') return answer(405, 'text/plain', 'only GET\n')
    switch (request.url ?? '/') {
      case '/metrics':
        void registry.metrics().then(
          (text) => answer(200, registry.contentType, text),
          () => answer(500, 'text/plain', 'the metrics cannot be read\n'),
        )
        return
      case '/readyz': {
        const now = readiness()
        return answer(now.ready ? 200 : 503, 'application/json', `${JSON.stringify(now)}\n`)
      }
      case '/healthz':
        return answer(200, 'application/json', '{"status":"ok"}\n')
      default:
        return answer(404, 'text/plain', 'only /metrics, /readyz and /healthz are served here\n')
    }
  })
}
