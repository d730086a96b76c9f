import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { shuffled } from './measure.js'

/**
 * CPU time per unit of work that needs nothing but one process. Machines differ and are shared, so a figure that is kept is in
 * relation to a fixed piece of work; and the least counts, since what disturbs only ever adds. It is the least of several
 * processes as well: what the compiler makes of the same code differs from one process to the next by up to 1.8 times, and
 * stays so for as long as that process lives. `enough` may ask for more processes while a figure is too high to be believed.
 */
export async function measureUnits(subset, rounds, enough = () => true) {
  const least = new Map()
  let units = {}
  // Removed when all is over: some file systems look for long for a place for a file where many were deleted a moment ago.
  const directory = mkdtempSync(join(tmpdir(), 'pamctl-bench-'))
  try {
    for (let count = 0; count < PROCESSES || (count < MAX_PROCESSES && !enough(relative(least))); count++) {
      const { stdout } = await promisify(execFile)(process.execPath, [MEASURING, subset, String(rounds)], {
        env: { ...process.env, TMPDIR: directory },
      })
      const found = JSON.parse(stdout)
      units = found.units
      for (const [name, value] of found.least) least.set(name, Math.min(least.get(name) ?? Infinity, value))
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
  return { units, least, relative: relative(least) }
}

/** In this process, least of some rounds. `cases`: `{ name, unit, work }`, where `work` does something a number of times and returns that number; `times`: in each round. */
export async function measureHere(cases, rounds) {
  const all = [{ name: CALIBRATION, unit: 'piece', work: calibrate }, ...cases]
  const least = new Map(all.map(({ name }) => [name, Infinity]))
  for (let round = 0; round < rounds; round++) {
    for (const { name, work, times = 1 } of shuffled(all))
      for (let time = 0; time < times; time++) {
        const before = process.cpuUsage()
        const units = await work()
        const { user, system } = process.cpuUsage(before)
        // The first round warms up.
        if (round > 0) least.set(name, Math.min(least.get(name), (user + system) / units))
      }
  }
  return least
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
const PROCESSES = 3
const MAX_PROCESSES = 12
const MEASURING = fileURLToPath(new URL('measure-units.js', import.meta.url))
