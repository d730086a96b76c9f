import { readFileSync } from 'node:fs'

export function median(values) {
  const sorted = values.filter((value) => Number.isFinite(value)).toSorted((a, b) => a - b)
  if (sorted.length === 0) return Number.NaN
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** The least of the values that this share of them does not exceed. */
export function percentile(values, share) {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN
}

export function shuffled(items) {
  return items
    .map((item) => [Math.random(), item])
    .toSorted(([a], [b]) => a - b)
    .map(([, item]) => item)
}

/**
 * Every contender once per round, in random order. `measure` gives numbers by name; what comes back are all samples of a
 * contender, one object per round, so that values of the same round can be put in relation. Where a program of somebody else
 * fails, its sample says so and has no numbers; where ours does, the run does.
 */
export async function rounds(count, contenders, measure) {
  const samples = new Map(contenders.map((contender) => [contender.name, []]))
  for (let round = 0; round < count; round++)
    for (const contender of shuffled(contenders)) {
      const sample = await measure(contender, round).catch((error) => {
        if (contender.gateway !== undefined) throw error
        process.stderr.write(`bench: ${contender.name} failed in round ${round + 1}: ${error.message}\n`)
        return { failed: error.message }
      })
      samples.get(contender.name).push(sample)
    }
  return samples
}

/** Medians of one field, and of its ratio to the same round of another contender, with the spread of that ratio. */
export function against(samples, name, base, field, inverse = false) {
  const own = samples.get(name)
  const other = samples.get(base)
  if (own === undefined || other === undefined) return undefined
  const ratios = own.map((sample, round) => {
    const ratio = sample[field] / other[round][field]
    return inverse ? 1 / ratio : ratio
  })
  const known = ratios.filter((ratio) => Number.isFinite(ratio))
  return { ratio: median(known), low: Math.min(...known), high: Math.max(...known) }
}

export const medianOf = (samples, name, field) =>
  median((samples.get(name) ?? []).map((sample) => sample[field] ?? Number.NaN))

/** CPU seconds of processes, user and system, with their threads (Linux: utime and stime of /proc/PID/stat). */
export function cpuSeconds(pids) {
  let ticks = 0
  for (const pid of pids) {
    try {
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
      // Children that have ended and were waited for count as well.
      ticks += Number(fields[11]) + Number(fields[12]) + Number(fields[13]) + Number(fields[14])
    } catch {
      // It is gone.
    }
  }
  return ticks / 100
}

/** Memory of a process in KB, from /proc/PID/status: VmRSS now, VmHWM the most since the start or the last reset. */
export function memoryKB(pid, field = 'VmRSS') {
  const match = new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(match?.[1] ?? Number.NaN)
}

/** A table as Markdown. */
export function table(header, rows) {
  return [
    `| ${header.join(' | ')} |`,
    `| ${header.map(() => '---').join(' | ')} |`,
    ...rows.map((row) => `| ${row.join(' | ')} |`),
  ].join('\n')
}

export const fixed = (value, digits = 1) => (Number.isFinite(value) ? value.toFixed(digits) : '')

/** Ratio with its spread: `.41 (.38–.45)`. */
export const ratioText = (found) => {
  if (found === undefined || !Number.isFinite(found.ratio)) return ''
  const short = (value) => value.toFixed(2)
  return `${short(found.ratio)} (${short(found.low)}–${short(found.high)})`
}
