import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { table } from './measure.js'
import { measureUnits } from './units.js'

const FILE = fileURLToPath(new URL('../baseline.json', import.meta.url))
/** How much more than the stored value is taken for a regression. */
const LIMIT = 1.3

const stored = () => JSON.parse(readFileSync(FILE, 'utf8'))

/** Figures beside the stored ones, both in relation to a fixed piece of work. */
function againstBaseline(subset, relative) {
  const known = stored()[subset] ?? {}
  const ratio = (name) => relative.get(name) / known[name]
  return {
    of: (name) => (known[name] === undefined ? 'none stored' : ratio(name).toFixed(2)),
    failures: [...relative.keys()]
      .filter((name) => ratio(name) > LIMIT)
      .map(
        (name) => `${subset}: "${name}" costs ${ratio(name).toFixed(2)} times the stored value (${LIMIT} is the limit)`,
      ),
  }
}

/** What a subset of units gives: each in figures of its own, and beside the stored one. `show(value, unit)` writes one. */
export async function unitsAgainstBaseline(subset, context, heading, show) {
  const enough = context.store ? undefined : (relative) => againstBaseline(subset, relative).failures.length === 0
  const { units, least, relative } = await measureUnits(subset, context.rounds + 2, enough)
  const { of, failures } = againstBaseline(subset, relative)
  return {
    units: Object.fromEntries(least),
    relative: Object.fromEntries(relative),
    failures,
    text: table(
      [heading, 'CPU', 'of the stored value'],
      Object.entries(units).map(([name, unit]) => [name, show(least.get(name), unit), of(name)]),
    ),
  }
}

/** Makes these the stored values; of a figure that is stored already the higher stays, since machines are not all alike. */
export function storeBaseline(figures) {
  const all = { ...stored() }
  for (const [subset, relative] of Object.entries(figures))
    all[subset] = Object.fromEntries(
      Object.entries(relative).map(([name, value]) => [
        name,
        Math.max(Number(value.toPrecision(3)), all[subset]?.[name] ?? 0),
      ]),
    )
  writeFileSync(FILE, `${JSON.stringify(all, null, 2)}\n`)
}
