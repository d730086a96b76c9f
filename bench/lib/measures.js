import { spawnSync } from 'node:child_process'
import { against, fixed, medianOf, percentile, ratioText, table } from './measure.js'

/** What the project holds itself to, beside what was measured: where it fails, RESULTS.md says where the time goes. */
export function measuresText({ machine, date, load, subsets }) {
  const rows = MEASURES.map(({ what, must, goal, from, unit, of, isRatio }) => {
    const found = measured(subsets[from], of)
    const shown = found === undefined ? 'not measured' : found.map((one) => show(one, unit)).join('; ')
    const passes = (limit) =>
      found !== undefined && found.every(({ value }) => (isRatio ? value >= limit.value : value <= limit.value))
    const verdict =
      found === undefined || must === undefined ? '' : passes(goal) ? 'goal' : passes(must) ? 'must' : 'no'
    return [what, shown, must?.text ?? '', goal?.text ?? '', verdict]
  })
  const details = Object.entries(subsets).map(([name, { text }]) => `### ${name}\n\n${text.replace(/^###/gm, '####')}`)
  return [
    `## Measures (${machine}, ${date})`,
    `Commit ${commit()}. Load of the machine before and after: ${load.map((one) => one.toFixed(1)).join(' and ')}. ${versions()}.`,
    'Ratios are medians of ratios within a round, with the least and the greatest. All with TLS, rules, one masked column and recording, unless said otherwise.',
    table(['what', 'measured', 'must', 'goal', 'holds'], rows),
    PEERS,
    ...details,
  ].join('\n\n')
}

/** Undefined where the subset was not asked for, or failed. */
const measured = (subset, of) => (subset?.results === undefined && subset?.units === undefined ? undefined : of(subset))

const show = ({ name, value, low, high }, unit) =>
  `${name === undefined ? '' : `${name} `}${low === undefined ? `${fixed(value, value < 20 ? 1 : 0)}${unit}` : ratioText({ ratio: value, low, high })}`

const most = (value, text = String(value)) => ({ value, text })

const OURS = 'pamctl, TLS'
const BARE = 'bare WebSocket, TLS'

/** Samples of one of a subset's tables. */
const samplesOf = (results, matches) => new Map(Object.entries(results.find(matches).samples))
const inMode = (mode) => (found) => found.mode === mode && found.clients === 8
function ratio(samples, base, field, name = undefined) {
  const { ratio: value, low, high } = against(samples, OURS, base, field) ?? {}
  return { name, value, low, high }
}
const milliseconds = (name, values, share) => ({ name, value: percentile(values, share) })

const MEASURES = [
  {
    what: 'in one process: a prepared select with its result, 8 sessions that come and go',
    ...{ from: 'filters', unit: ' µs', must: most(8, '8 µs'), goal: most(5, '5 µs') },
    of: ({ units }) => [{ value: units['a prepared statement, eight sessions that come and go'] }],
  },
  {
    what: 'CPU of the gateway per statement, of the bare tunnel’s: prepared, 8 clients',
    ...{ from: 'oltp', must: most(2), goal: most(1.5) },
    of: ({ results }) => [ratio(samplesOf(results, inMode('prepared')), BARE, 'gatewayUs')],
  },
  {
    what: 'the same, absolute (peers: below)',
    ...{ from: 'oltp', unit: ' µs', must: most(98, 'ahead of Warpgate'), goal: most(38, 'ahead of hoop-inspect') },
    of: ({ results }) => [{ value: medianOf(samplesOf(results, inMode('prepared')), OURS, 'gatewayUs') }],
  },
  {
    what: 'the same, of the bare tunnel’s: simple, with changing constants',
    ...{ from: 'oltp', must: most(2.5), goal: most(1.8) },
    of: ({ results }) => [ratio(samplesOf(results, inMode('simple')), BARE, 'gatewayUs')],
  },
  {
    what: 'pgbench -S prepared, 8 clients, statements a second',
    ...{ from: 'oltp', isRatio: true, must: most(0.6, '.60'), goal: most(0.95, '.95') },
    of: ({ results }) =>
      ['ssh -L', 'stunnel'].map((peer) => ratio(samplesOf(results, inMode('prepared')), peer, 'tps', `of ${peer}`)),
  },
  {
    what: 'a new connection, CPU of the gateway',
    ...{ from: 'connect', unit: ' ms', must: most(6, '6 ms'), goal: most(4, '4 ms') },
    of: ({ results }) => [
      {
        value:
          medianOf(
            samplesOf(results, () => true),
            OURS,
            'gatewayUs',
          ) / 1000,
      },
    ],
  },
  {
    what: 'new connections, of direct (pgbench -C, 4 clients)',
    ...{ from: 'connect', isRatio: true, must: most(0.55, '.55'), goal: most(0.7, '.70') },
    of: ({ results }) => [
      ratio(
        samplesOf(results, () => true),
        'direct',
        'tps',
      ),
    ],
  },
  {
    what: 'SELECT and COPY of 270 MB, one column masked, of direct',
    ...{ from: 'bulk', isRatio: true, must: most(0.8, '.80'), goal: most(0.95, '.95') },
    of: ({ results }) =>
      ['select', 'copy'].map((word) =>
        ratio(
          samplesOf(results, ({ sql }) => sql.startsWith(word)),
          'direct',
          'rate',
          word.toUpperCase(),
        ),
      ),
  },
  {
    what: 'revoke with 1,000 live sessions: last byte of a statement to the target, p99',
    ...{ from: 'control', unit: ' ms', must: most(100, '100 ms'), goal: most(50, '50 ms') },
    of: ({ results }) => [milliseconds(undefined, results.lastBytes, 0.99)],
  },
  {
    what: 'the same: the client is told, p99',
    ...{ from: 'control', unit: ' ms', must: most(300, '300 ms'), goal: most(200, '200 ms') },
    of: ({ results }) => [milliseconds(undefined, results.times, 0.99)],
  },
  {
    what: 'approve → bytes upstream, 1,000 sessions, p99',
    ...{ from: 'control', unit: ' ms', must: most(60, '60 ms'), goal: most(30, '30 ms') },
    of: ({ results }) => [milliseconds(undefined, results.passedOn, 0.99)],
  },
  ...[
    [1, 'a script of 100 statements, half of them DDL, of direct', most(2)],
    [4, 'four of them at once', most(3)],
  ].map(([sessions, what, must]) => ({
    what,
    ...{ from: 'ddl', unit: '', must, goal: most(1.3) },
    of: ({ results }) =>
      results
        .filter((found) => found.sessions === sessions)
        .map(({ kind, ms }) => ({ name: kind, value: ms[OURS] / ms.direct })),
  })),
  ...['sessions', 'search', 'audit'].map((list) => ({
    what: `\`${list}\` with 100,000 sessions kept, p95 of the slowest question`,
    ...{ from: 'kept', unit: ' ms', must: most(1000, '1 s'), goal: most(300, '300 ms') },
    of: ({ results }) => [
      results.questions
        .filter(({ name }) => name.startsWith(`${list}: `))
        .map(({ name, times }) => milliseconds(`${name.slice(list.length + 2)}:`, times, 0.95))
        .reduce((slowest, one) => (one.value > slowest.value ? one : slowest)),
    ],
  })),
  {
    what: 'the first search after a start, which reads all 100,000 records',
    ...{ from: 'kept', unit: ' ms' },
    of: ({ results }) =>
      results.questions
        .filter(({ name }) => name.startsWith('the first search'))
        .map(({ times: [value] }) => ({ value })),
  },
  {
    what: 'SSH: cat masked by five kinds, sftp down, of direct',
    ...{ from: 'ssh', isRatio: true, must: most(0.45, '.45'), goal: most(0.6, '.60') },
    of: ({ results }) =>
      [
        ['cat', 'pamctl, TLS, masking'],
        ['sftp', 'pamctl, TLS'],
      ].map(([word, name]) => {
        const [, samples] = Object.entries(results).find(([measure]) => measure.startsWith(`${word} down`))
        const { ratio: value, low, high } = against(new Map(Object.entries(samples)), name, 'direct', 'value')
        return { name: word, value, low, high }
      }),
  },
]

const PEERS =
  'Peers are not measured again here. On 2026-11-28, in rounds shared with pamctl as it was then (pgbench -S, 8 clients, each with its own recording on; CPU of the gateway process per statement, prepared and simple): ' +
  'hoop-inspect over TLS 38 and 57 µs, agentsh’s proxy 32 and 92 µs, Warpgate 98 and 101 µs, pamctl 199 and 373 µs.'

function versions() {
  const first = (program, ...args) => {
    const { stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' })
    return `${stdout ?? ''}${stderr ?? ''}`.split('\n').find((line) => /\d/.test(line)) ?? ''
  }
  return [first('psql', '--version'), first('pgbouncer', '--version'), first('ssh', '-V'), first('stunnel', '-version')]
    .filter((text) => text !== '')
    .join('; ')
}

const commit = () => spawnSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).stdout.trim()
