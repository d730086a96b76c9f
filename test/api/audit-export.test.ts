import { expect, it } from 'vitest'
import { auditCsv, auditJsonLines } from '../../src/api/audit-export.ts'
import type { AuditRecord } from '../../src/recording/audit-chain.ts'

const record = (seq: number, actor: string, data: AuditRecord['data']): AuditRecord => ({
  seq,
  id: `aud_${seq}`,
  at: '2026-11-30T12:00:00.000Z',
  type: 'request.created',
  actor,
  subject: 'req_1',
  data,
  previous: 'p',
  hash: 'h',
})

async function* pages(...records: AuditRecord[]) {
  for (const one of records) yield { records: [one], people: { jane: '=HYPERLINK("http://evil")', '-1': 'a "b", c' } }
}

const textOf = async (parts: AsyncIterable<string>): Promise<string> => {
  let text = ''
  for await (const part of parts) text += part
  return text
}

it('is CSV without formulas, and one row for each entry whatever it contains', async () => {
  const csv = await textOf(auditCsv(pages(record(1, 'jane', { reason: 'a\r\n"b"' }), record(2, '-1', {}))))
  expect(csv).toBe(
    [
      'seq,at,type,actor,actor_name,subject,data,hash',
      `1,2026-11-30T12:00:00.000Z,request.created,jane,"'=HYPERLINK(""http://evil"")",req_1,"{""reason"":""a\\r\\n\\""b\\""""}",h`,
      `2,2026-11-30T12:00:00.000Z,request.created,'-1,"a ""b"", c",req_1,{},h`,
      '',
    ].join('\r\n'),
  )
})

it('is JSON Lines of the unchanged entries', async () => {
  const records = [record(1, 'jane', { reason: '=1' }), record(2, 'bob', {})]
  const lines = (await textOf(auditJsonLines(pages(...records)))).trimEnd().split('\n')
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(records)
})
