import type { WeekNumbers } from '../../../src/api/schemas/numbers.ts'
import { Problem } from '../../components/ui/parts.tsx'
import { api } from '../../lib/client.ts'
import { formatDay, formatLength, formatNumber, formatShort } from '../../lib/format.ts'
import { useData } from '../../lib/use-data.ts'
import { described, PARTS, summaryOf, sumOf } from './weeks.ts'

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

/** The weeks as bars, a legend of what is in them, and the same numbers as a table. */
function Chart({ title, weeks }: { title: string; weeks: readonly WeekNumbers[] }) {
  const said = summaryOf(weeks)
  if (weeks.every((week) => sumOf(week) === 0))
    return (
      <p>
        <strong>{title}</strong> <span class="soft small">{said}</span>
      </p>
    )
  const hasTimes = weeks.some(({ medianMs }) => medianMs !== undefined)
  return (
    <figure>
      <figcaption>
        <strong>{title}</strong> <span class="soft small">{said}</span>
      </figcaption>
      <Bars weeks={weeks} label={`${title} by week: ${said}`} />
      <Legend weeks={weeks} hasTimes={hasTimes} />
      <details class="small">
        <summary>{hasTimes ? 'Numbers, with the median time to a decision' : 'Numbers'}</summary>
        <NumbersTable title={title} weeks={weeks} />
      </details>
    </figure>
  )
}

/** A bar for each week, of what was approved, denied, left undecided and still waits; under it, the median time to a decision. */
function Bars({ weeks, label }: { weeks: readonly WeekNumbers[]; label: string }) {
  const highest = Math.max(1, ...weeks.map(sumOf))
  const slowest = Math.max(1, ...weeks.flatMap(({ medianMs }) => medianMs ?? []))
  return (
    <svg viewBox={`0 0 ${WIDTH} ${HEIGHT + 40}`} role="img" aria-label={label}>
      <line class="axis" x1={LEFT} x2={WIDTH} y1={TOP} y2={TOP} />
      <text x={LEFT - 6} y={TOP + 4} text-anchor="end">
        {formatNumber(highest)}
      </text>
      <text x={LEFT - 6} y={HEIGHT + 4} text-anchor="end">
        0
      </text>
      {weeks.map((week, index) => {
        const x = LEFT + (index * (WIDTH - LEFT)) / weeks.length
        const width = (WIDTH - LEFT) / weeks.length - 6
        let y = HEIGHT
        return (
          <g key={week.startsAt}>
            <title>{`Week of ${formatDay(week.startsAt)}: ${described(week)}`}</title>
            {PARTS.map(({ part }) => {
              const height = (week[part] / highest) * (HEIGHT - TOP)
              y -= height
              return height === 0 ? null : <rect key={part} class={part} x={x} y={y} width={width} height={height} />
            })}
            <line class="axis" x1={x} x2={x + width} y1={HEIGHT} y2={HEIGHT} />
            {week.medianMs !== undefined && (
              <>
                <rect class="time" x={x} y={HEIGHT + 5} width={(width * week.medianMs) / slowest} height={4} />
                <text x={x} y={HEIGHT + 21}>
                  {formatShort(week.medianMs)}
                </text>
              </>
            )}
            {(index === 0 || index === weeks.length - 1) && (
              <text x={index === 0 ? x : x + width} y={HEIGHT + 36} text-anchor={index === 0 ? 'start' : 'end'}>
                {formatDay(week.startsAt)}
              </text>
            )}
          </g>
        )
      })}
    </svg>
  )
}

function Legend({ weeks, hasTimes }: { weeks: readonly WeekNumbers[]; hasTimes: boolean }) {
  return (
    <ul class="legend small" aria-label="Legend">
      {PARTS.filter(({ part }) => weeks.some((week) => week[part] > 0)).map(({ part, label }) => (
        <li key={part}>
          <Swatch part={part} /> {label}
        </li>
      ))}
      {hasTimes && (
        <li>
          <Swatch part="time" /> median time to a decision
        </li>
      )}
    </ul>
  )
}

function NumbersTable({ title, weeks }: { title: string; weeks: readonly WeekNumbers[] }) {
  return (
    <table>
      <caption class="visually-hidden">{title} by week</caption>
      <thead>
        <tr>
          <th scope="col">Week of</th>
          <th scope="col">Approved</th>
          <th scope="col">Denied</th>
          <th scope="col">Not decided</th>
          <th scope="col">Waiting</th>
          <th scope="col">Time</th>
        </tr>
      </thead>
      <tbody>
        {weeks.map(({ startsAt, approved, denied, undecided, waiting, medianMs }) => (
          <tr key={startsAt}>
            <td>{formatDay(startsAt)}</td>
            <td>{formatNumber(approved)}</td>
            <td>{formatNumber(denied)}</td>
            <td>{formatNumber(undecided)}</td>
            <td>{formatNumber(waiting)}</td>
            <td>{medianMs === undefined ? '' : formatLength(medianMs)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function Swatch({ part }: { part: string }) {
  return (
    <svg viewBox="0 0 10 10" aria-hidden="true">
      <rect class={part} width="10" height="10" />
    </svg>
  )
}

const WEEKS = 8
const WIDTH = 400
const HEIGHT = 96
const TOP = 8
/** Room for the numbers of the axis. */
const LEFT = 34
