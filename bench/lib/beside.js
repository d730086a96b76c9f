import { against, cpuSeconds, fixed, medianOf, memoryKB, ratioText, table } from './measure.js'

/** What `measure` gives, with CPU seconds of both processes for each unit. */
export async function withCpu({ pids }, measure) {
  const [near, far] = [pids.agent ?? [], pids.gateway ?? pids.proxy ?? []]
  const before = [cpuSeconds(near), cpuSeconds(far)]
  const sample = await measure()
  return {
    ...sample,
    agent: (cpuSeconds(near) - before[0]) / sample.units,
    gateway: (cpuSeconds(far) - before[1]) / sample.units,
    peak: far.reduce((sum, pid) => sum + memoryKB(pid, 'VmHWM'), 0) / 1024,
  }
}

/** A table of contenders, as Markdown: what `field` says of each beside a direct connection and HAProxy, and what each unit costs. */
export function printed(name, samples, { field = 'rate', unit, digits, more = {}, cpu }) {
  const names = [...samples.keys()]
  const cpuOf = (of, side) => (of === 'direct' ? '' : fixed(medianOf(samples, of, side) * cpu.factor, cpu.digits))
  const text = `### ${name}\n\n${table(
    [
      '',
      unit,
      'of direct',
      'of haproxy',
      ...Object.keys(more),
      `${cpu.name}: gateway or proxy`,
      `${cpu.name}: agent`,
      'peak MB',
    ],
    names.map((of) => [
      of,
      fixed(medianOf(samples, of, field), digits),
      of === 'direct' ? '1' : ratioText(against(samples, of, 'direct', field)),
      of === 'haproxy' ? '1' : ratioText(against(samples, of, 'haproxy', field)),
      ...Object.values(more).map((show) => show(of)),
      cpuOf(of, 'gateway'),
      cpuOf(of, 'agent'),
      of === 'direct' ? '' : fixed(Math.max(...samples.get(of).map(({ peak = 0 }) => peak)), 0),
    ]),
  )}`
  return { name, samples, text }
}
