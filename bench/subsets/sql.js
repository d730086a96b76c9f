import { createSqlParser } from '../../dist/protocols/postgres/dialect/sql-parser.js'
import { resolveFacts } from '../../dist/protocols/postgres/dialect/command-facts.js'
import { assumedCatalog } from '../../dist/protocols/postgres/catalog/build-catalog.js'
import { maskingScope } from '../../dist/protocols/postgres/masking/scope.js'
import { decideCommand } from '../../dist/policy/decide.js'
import { parseConfig } from '../../dist/server/config/config.js'
import { CHECKS, MASKING } from '../lib/in-process.js'
import { fixed } from '../lib/measure.js'
import { unitsAgainstBaseline } from '../lib/baseline.js'

/** What it costs to know what a text does and to decide about it: known texts, texts with other constants, new ones. */
export async function sql(context) {
  const found = await unitsAgainstBaseline('sql', context, '', (value, unit) => `${fixed(value, 2)} µs per ${unit}`)
  const known = found.units['a known text'] + found.units['the decision about a join, by five rules']
  const fresh = found.units['a new join, parsed, resolved and decided']
  return {
    ...found,
    text: `${found.text}\n\nA decision about a known text: ${fixed(known, 1)} µs; about a new join of 340 bytes: ${fixed(fresh, 0)} µs.`,
  }
}

export async function units() {
  const parser = await createSqlParser()
  const { policy, targets } = parseConfig(CONFIG, 'bench.yaml')
  const person = { id: 'bench', label: 'bench', kind: 'person', groups: ['engineering'] }
  const decide = (parsed) => {
    const catalog = assumedCatalog(parsed)
    const facts = resolveFacts(parsed, catalog, maskingScope({ columns: [], kinds: [] }, catalog, new Map()))
    const command = {
      protocol: 'postgres',
      kind: 'statement',
      text: '',
      parameters: [],
      facts: { type: 'sql', statements: facts.statements },
    }
    return decideCommand(policy, person, targets[0], command)
  }
  let counter = 0
  const each = (count, work) => () => {
    for (let n = 0; n < count; n++) work(counter++)
    return count
  }
  const times = 2
  const known = decide(parser.parse(JOIN))
  const facts = resolveFacts(
    parser.parse(JOIN),
    assumedCatalog(parser.parse(JOIN)),
    maskingScope({ columns: [], kinds: [] }, assumedCatalog(parser.parse(JOIN)), new Map()),
  )
  const command = {
    protocol: 'postgres',
    kind: 'statement',
    text: JOIN,
    parameters: [],
    facts: { type: 'sql', statements: facts.statements },
  }
  if (known.type !== 'allow') throw new Error('the rules do not allow what is measured')
  const cases = [
    { name: 'a known text', unit: 'text', work: each(100_000 * times, () => parser.parse(JOIN)) },
    {
      name: 'a known text with other constants',
      unit: 'text',
      work: each(5000 * times, (n) => parser.parse(POINT(n % 100_000))),
    },
    {
      name: 'a new text of 52 bytes, parsed',
      unit: 'text',
      work: each(500 * times, (n) => parser.parse(`${POINT(5)} -- ${n}`)),
    },
    {
      name: 'a new join of 340 bytes, parsed',
      unit: 'text',
      work: each(200 * times, (n) => parser.parse(`${JOIN} -- ${n}`)),
    },
    {
      name: 'the decision about a join, by five rules',
      unit: 'decision',
      work: each(5000 * times, () => decideCommand(policy, person, targets[0], command)),
    },
    {
      name: 'a new join, parsed, resolved and decided',
      unit: 'decision',
      work: each(200 * times, (n) => decide(parser.parse(`${JOIN} -- ${n}`))),
    },
  ]
  return { cases, stop: () => parser.close() }
}

const POINT = (n) => `SELECT abalance FROM pgbench_accounts WHERE aid = ${n}`
const JOIN = `SELECT o.order_id, o.total, c.name, c.country, p.title, i.quantity, i.price FROM orders o JOIN customers c USING (customer_id) JOIN items i ON i.order_id = o.order_id JOIN products p ON p.product_id = i.product_id WHERE o.status = 'stuck' AND o.created_at > '2026-01-01' AND c.country IN ('AT', 'DE', 'CH') ORDER BY o.created_at DESC LIMIT 50`
const CONFIG = `
identity: { issuers: [{ url: "https://issuer.example", for: people, clientId: pamctl }] }
targets:
  - { name: db, type: postgres, labels: { env: dev }, host: 127.0.0.1, port: 5432, database: app, user: app, password: "env:HOME", tls: disable }
access: [{ name: all, who: { groups: [engineering] }, targets: { labels: { env: dev } }, grant: standing }]
commands:
${CHECKS}
  - { name: rest, match: { unknown: true }, allow: true }
${MASKING}
`
