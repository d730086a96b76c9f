import { describe, expect, it } from 'vitest'
import type { MaskingPlan } from '../../../../../src/masking/plan.ts'
import type { PipelineState } from '../../../../../src/protocols/postgres/gateway/pipeline/pipeline-state.ts'
import {
  maskedError,
  maskedNotification,
} from '../../../../../src/protocols/postgres/gateway/results/masked-messages.ts'
import type { Masker } from '../../../../../src/protocols/postgres/gateway/results/row-masking.ts'

const hashKeys = { session: Buffer.from('s'), target: Buffer.from('t') }
const MAIL = 'jane@example.com'
const KINDS: MaskingPlan = { columns: [], kinds: [{ kind: 'email', style: 'redact', hashScope: 'session' }] }
const COLUMNS = { columns: [{}], kinds: [] } as unknown as MaskingPlan

const pipeline = (plan: MaskingPlan, more: object = {}): PipelineState =>
  ({
    inFlight: {},
    known: { masking: { plan } },
    session: { hashKeys },
    notified: new Set(),
    ranUnread: false,
    processId: 7,
    ...more,
  }) as unknown as PipelineState

describe('kinds of data in what is no row', () => {
  it('are hidden in every field of an error that code can fill', () => {
    const fields = new Map([...'MDHWqsntcd'].map((type) => [type, `about ${MAIL}`]))
    const masker = { scope: { plan: KINDS }, keys: hashKeys } as unknown as Masker
    const error = maskedError(new Map([...fields, ['C', 'P0001']]), pipeline(KINDS), masker).toString()
    expect(error).not.toContain(MAIL)
    expect(error.match(/about \*{4}/g)).toHaveLength(fields.size)
  })

  it('are hidden in the channel of a notification, and in its payload', () => {
    expect(notified(pipeline(KINDS), MAIL, `to ${MAIL}`)).toBe('****·to ****·')
    expect(notified(pipeline(KINDS), 'letters', 'x')).toBe('letters·x·')
  })
})

describe('a channel of a session with masked columns', () => {
  it('is shown until code has run that is not read, which may have named it after one', () => {
    expect(notified(pipeline(COLUMNS), 'letters', '')).toBe('letters··')
    expect(notified(pipeline(COLUMNS, { ranUnread: true }), MAIL, '')).toBe('****·****·')
  })
})

describe('a payload in a session with masked columns', () => {
  const sent = { notified: new Set(['guess']) }

  it('is shown where the session itself has sent it', () => {
    expect(notified(pipeline(COLUMNS, sent), 'letters', 'guess')).toBe('letters·guess·')
    expect(notified(pipeline(COLUMNS, sent), 'letters', 'other')).toBe('letters·****·')
  })

  it('is hidden where another backend has sent the same, which would confirm a guess', () => {
    for (const processId of [8, undefined]) {
      expect(notified(pipeline(COLUMNS, { ...sent, processId }), 'letters', 'guess')).toBe('letters·****·')
      expect(notified(pipeline(COLUMNS, { ...sent, processId }), 'letters', '')).toBe('letters·****·')
    }
  })

  it('is hidden once code has run that is not read, which may have sent the same', () => {
    expect(notified(pipeline(COLUMNS, { ...sent, ranUnread: true }), 'letters', 'guess')).toBe('****·****·')
  })
})

function notified(state: PipelineState, channel: string, payload: string): string {
  const body = Buffer.from(`\0\0\0\x07${channel}\0${payload}\0`)
  const header = Buffer.alloc(5)
  header[0] = 0x41
  header.writeUInt32BE(4 + body.length, 1)
  const bytes = maskedNotification({ tag: 0x41, bytes: Buffer.concat([header, body]) }, state)
  return bytes.toString('latin1', 9).replaceAll('\0', '·')
}
