import { createHash } from 'node:crypto'
import { shuffled } from './measure.js'

/**
 * CPU time per unit of work that needs nothing but this process. Machines differ and are shared, so a figure that is kept is in
 * relation to a fixed piece of work, measured in the same rounds; and of all rounds the least counts, since what disturbs only
 * ever adds. `cases`: `{ name, unit, work }`, where `work` does something a number of times and returns that number.
 * `enough` may ask for more rounds while a figure is too high to be believed.
 */
export async function measureUnits(cases, rounds, enough = () => true) {
  const all = [{ name: CALIBRATION, unit: 'piece', work: calibrate }, ...cases]
  const least = new Map(all.map(({ name }) => [name, Infinity]))
  for (let round = 0; round < rounds || (round < MOST_ROUNDS && !enough(relative(least))); round++) {
    for (const { name, work } of shuffled(all)) {
      const before = process.cpuUsage()
      const units = await work()
      const { user, system } = process.cpuUsage(before)
      // The first round warms up.
      if (round > 0) least.set(name, Math.min(least.get(name), (user + system) / units))
    }
  }
  return { least, relative: relative(least) }
}

function relative(least) {
  const base = least.get(CALIBRATION)
  return new Map([...least].filter(([name]) => name !== CALIBRATION).map(([name, value]) => [name, value / base]))
}

/** JSON, strings, small objects and hashes: what a gateway does all day. */
function calibrate() {
  const pieces = 8000
  for (let n = 0; n < pieces; n++) {
    const text = JSON.stringify({ n, text: `select ${n}`, kinds: ['select'], reads: ['public.t'], at: n * 7 })
    const bytes = Buffer.from(text)
    createHash('sha256').update(bytes).digest()
    seen.set(text, JSON.parse(text))
    if (seen.size > 500) seen.clear()
  }
  return pieces
}

const seen = new Map()
const CALIBRATION = 'calibration'
const MOST_ROUNDS = 60
