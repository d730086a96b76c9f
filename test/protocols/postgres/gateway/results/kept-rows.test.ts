import { describe, expect, it } from 'vitest'
import { KeptRows } from '../../../../../src/protocols/postgres/gateway/results/kept-rows.ts'
import type { Format } from '../../../../../src/protocols/postgres/wire/bind.ts'
import type { EventBody } from '../../../../../src/recording/event.ts'

/** A DataRow with its header. */
function dataRow(...values: (string | Buffer | null)[]): Buffer {
  const fields = values.flatMap((value) => {
    const length = Buffer.alloc(4)
    length.writeInt32BE(value === null ? -1 : Buffer.byteLength(value))
    return value === null ? [length] : [length, Buffer.from(value)]
  })
  const count = Buffer.from([0, values.length])
  const body = Buffer.concat([count, ...fields])
  const head = Buffer.from([0x44, 0, 0, 0, 0])
  head.writeUInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

function keep(limit: number, rows: readonly Buffer[], formats: readonly Format[] = [], columns?: readonly string[]) {
  const events: EventBody[] = []
  const kept = new KeptRows(
    'dec_1',
    { outcome: (event: EventBody) => void events.push(event) },
    {
      limit,
      columns,
      formats,
    },
  )
  for (const row of rows) kept.add(row)
  kept.flush()
  return events
}

describe('rows that are kept', () => {
  it('stand as the client got them', () => {
    const rows = [dataRow('a', null, ''), dataRow('ü', 'b', 'c')]
    expect(keep(1000, rows, [], ['x', 'y', 'z'])).toEqual([
      {
        type: 'rows',
        command: 'dec_1',
        columns: ['x', 'y', 'z'],
        rows: [
          ['a', null, ''],
          ['ü', 'b', 'c'],
        ],
      },
    ])
  })

  it.each<[readonly Format[], (string | null)[]]>([
    [[], ['1', '2']],
    [[1], ['\\x31', '\\x32']],
    [
      [0, 1],
      ['1', '\\x32'],
    ],
  ])('binary values are hexadecimal digits: formats %j', (formats, row) => {
    expect(keep(1000, [dataRow('1', '2')], formats)).toMatchObject([{ rows: [row] }])
  })

  it('are those up to the limit; of what comes behind it nothing is kept, however short', () => {
    const [long, short] = [dataRow('x'.repeat(20)), dataRow('y')]
    expect(keep(40, [long, long, short])).toMatchObject([{ rows: [['x'.repeat(20)]], cut: true }])
    expect(keep(26, [long])).not.toHaveProperty('0.cut')
    expect(keep(25, [long])).toEqual([{ type: 'rows', command: 'dec_1', rows: [], cut: true }])
  })

  it('go on record in pieces, and name the columns once', () => {
    const events = keep(1_000_000, [dataRow('x'.repeat(40_000)), dataRow('y')], [], ['a'])
    expect(events.map((event) => ('columns' in event ? event.columns : undefined))).toEqual([['a'], undefined])
  })

  it('are no event where there is none', () => {
    expect(keep(1000, [])).toEqual([])
  })
})
