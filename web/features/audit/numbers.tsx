import type { WeekNumbers } from '../../../src/api/schemas/numbers.ts'
import { Problem } from '../../components/ui/parts.tsx'
import { api } from '../../lib/client.ts'
import { count, formatDay, formatLength, formatNumber, formatShort } from '../../lib/format.ts'
import { useData } from '../../lib/use-data.ts'

/** What was decided in the last weeks, as small charts; each has its numbers as a table, too. */
export function Numbers() {
  const { data, error, reload } = useData('numbers', () => api.numbers(WEEKS))
  if (error !== undefined) return <Problem error={error} retry={reload} />
  if (data === undefined) return null
  return (
    <section class="card" aria-labelledby="numbers">
      <h2 id="numbers">The last {WEEKS} weeks</h2>
      <div class="charts">
        <Chart title="Held commands" weeks={data.commands} />
        <Chart title="Requests for access" weeks={data.requests} />
      </div>
    </section>
  )
}

/** A bar for each week, of what was approved, denied and left undecided; under it, the median time to a decision. */
function Chart({ title, weeks }: { title: string; weeks: readonly WeekNumbers[] }) {
  const total = (of: (week: WeekNumbers) => number): number => weeks.reduce((sum, week) => sum + of(week), 0)
  const all = total(sumOf)
  const highest = Math.max(1, ...weeks.map(sumOf))
  const times = weeks.flatMap(({ medianMs }) => medianMs ?? [])
  const slowest = Math.max(1, ...times)
  const said = `${formatNumber(all)} in ${WEEKS} weeks: ${formatNumber(total(({ approved }) => approved))} approved, ${formatNumber(total(({ denied }) => denied))} denied, ${formatNumber(total(({ undecided }) => undecided))} not decided`
  return (
    <figure>
      <figcaption>
        <strong>{title}</strong> <span class="soft small">{said}</span>
      </figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT + 34}`} role="img" aria-label={`${title} by week: ${said}`}>
        {weeks.map((week, index) => {
          const x = (index * WIDTH) / weeks.length
          const width = WIDTH / weeks.length - 6
          let y = HEIGHT
          return (
            <g key={week.startsAt}>
              <title>{`Week of ${formatDay(week.startsAt)}: ${described(week)}`}</title>
              {PARTS.map((part) => {
                const height = (week[part] / highest) * (HEIGHT - 4)
                y -= height
                return height === 0 ? null : <rect key={part} class={part} x={x} y={y} width={width} height={height} />
              })}
              <line class="axis" x1={x} x2={x + width} y1={HEIGHT} y2={HEIGHT} />
              {week.medianMs !== undefined && (
                <>
                  <rect class="time" x={x} y={HEIGHT + 6} width={(width * week.medianMs) / slowest} height={4} />
                  <text x={x} y={HEIGHT + 24}>
                    {formatShort(week.medianMs)}
                  </text>
                </>
              )}
            </g>
          )
        })}
      </svg>
      <details class="small">
        <summary>{times.length === 0 ? 'Numbers' : 'Numbers, with the median time to a decision'}</summary>
        <table>
          <thead>
            <tr>
              <th scope="col">Week of</th>
              <th scope="col">Approved</th>
              <th scope="col">Denied</th>
              <th scope="col">Not decided</th>
              <th scope="col">Time</th>
            </tr>
          </thead>
          <tbody>
            {weeks.map(({ startsAt, approved, denied, undecided, medianMs }) => (
              <tr key={startsAt}>
                <td>{formatDay(startsAt)}</td>
                <td>{formatNumber(approved)}</td>
                <td>{formatNumber(denied)}</td>
                <td>{formatNumber(undecided)}</td>
                <td>{medianMs === undefined ? '' : formatLength(medianMs)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </figure>
  )
}

const sumOf = ({ approved, denied, undecided, waiting }: WeekNumbers): number => approved + denied + undecided + waiting

const described = (week: WeekNumbers): string =>
  `${count(sumOf(week), 'decision')} asked for, ${week.approved} approved, ${week.denied} denied, ${week.undecided} not decided${week.medianMs === undefined ? '' : `; half within ${formatLength(week.medianMs)}`}`

const WEEKS = 8
const WIDTH = 400
const HEIGHT = 90
/** From the ground up. */
const PARTS = ['approved', 'denied', 'undecided', 'waiting'] as const
