import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const FILE = fileURLToPath(new URL('../baseline.json', import.meta.url))
/** How much more than the stored value is taken for a regression. */
export const LIMIT = 1.3

const stored = () => JSON.parse(readFileSync(FILE, 'utf8'))

/** Figures beside the stored ones, both in relation to a fixed piece of work. */
export function againstBaseline(subset, relative) {
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

export const withinBaseline = (subset) => (relative) => againstBaseline(subset, relative).failures.length === 0

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
