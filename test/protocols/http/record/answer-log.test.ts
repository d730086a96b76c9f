import { expect, it } from 'vitest'
import { AnswerLog } from '../../../../src/protocols/http/record/answer-log.ts'

it('has a commitment in place of what stands under the name of a secret, in headers, trailers and the body', () => {
  const rows: unknown[] = []
  const session = {
    recorder: { outcome: (event: { rows?: unknown }) => rows.push(event.rows) },
    masking: { kinds: [] },
    commitment: (text: string) => `C${text.length}`,
  } as unknown as ConstructorParameters<typeof AnswerLog>[0]
  const log = new AnswerLog(session, 'dec_1', 1000)
  log.head(200, [
    ['x-subject-token', 'g AAA;b'],
    ['set-cookie', 'a=hunter22; Path=/'],
    ['x-forwarded-authorization', 'Basic a'],
    ['x-kept', 'token'],
  ])
  log.push(Buffer.from('{"password":"P@ss w;rd","a":1}'))
  log.trailers([['x-secret', 'hunter22']])
  log.end()
  expect(rows).toEqual([
    [
      ['status', '200'],
      ['x-subject-token', '<secret C7>'],
      ['set-cookie', 'a=<secret C8>; Path=/'],
      ['x-forwarded-authorization', '<secret C7>'],
      ['x-kept', 'token'],
    ],
    [['x-secret', '<secret C8>']],
    [['{"password":"<secret C9>","a":1}']],
  ])
})
